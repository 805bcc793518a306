//! What visibility asks, in a process that has no api: kept by a tail of its own.

use std::sync::Arc;

use aredvi_events::Positions;
use aredvi_projectors::actors::Actors;
use aredvi_projectors::cache::Cache;
use aredvi_projectors::facts::follow::{Follower, Heard};
use aredvi_projectors::facts::{Facts, load};
use aredvi_projectors::graph::Graph;
use aredvi_projectors::runner::{Deps, ViewReader};
use aredvi_projectors::sessions::Sessions;
use aredvi_projectors::view::View;

use crate::process::Process;
use crate::views::LOOK;

/// The facts of a process, and how far they have come.
#[derive(Clone)]
pub struct Memory {
    /// What visibility asks.
    pub facts: Arc<Facts>,
    /// How far.
    pub heard: Arc<Heard>,
}

impl Default for Memory {
    /// Nothing is known, and nothing keeps it.
    fn default() -> Self {
        Self { facts: Arc::new(Facts::new()), heard: Arc::new(Heard::new(Positions::new())) }
    }
}

impl Memory {
    /// What the planner, the janitor, the key keeper and the notifier share.
    pub fn deps(&self, runner: Deps, cache: &Cache) -> aredvi_notifier::Deps {
        let (facts, heard) = (Arc::clone(&self.facts), Arc::clone(&self.heard));
        let sessions = Sessions::new(cache.clone());
        aredvi_notifier::Deps { runner, facts, heard, sessions, settings: aredvi_notifier::Settings::default() }
    }
}

/// Keeps facts: loaded from the views `actors` and `graph`, then by the log.
pub async fn start(process: &mut Process, deps: &Deps) -> Memory {
    let memory = Memory::default();
    let actors = ViewReader::open(&Actors, &[Actors.schema_version()], deps, LOOK).await;
    let graph = ViewReader::open(&Graph, &[Graph.schema_version()], deps, LOOK).await;
    let follower = Follower {
        name: "facts",
        journal: deps.journal.clone(),
        clock: deps.mint.clock().clone(),
        facts: Arc::clone(&memory.facts),
        listeners: vec![Arc::new(deps.keys.clone())],
        heard: Arc::clone(&memory.heard),
    };
    process.back.start("tail", |stop| async move {
        load::keep(follower, &actors, &graph, stop).await;
        Ok(())
    });
    memory
}
