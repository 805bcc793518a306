//! What visibility asks, in a process that has no api: kept by a tail of its own.

use std::sync::Arc;

use anyhow::Context as _;
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::{Follower, Heard, TOPICS};
use aredvi_projectors::runner::Deps;

use crate::process::Process;

/// The facts of a process, and how far they have come.
#[derive(Clone)]
pub struct Memory {
    /// What visibility asks.
    pub facts: Arc<Facts>,
    /// How far.
    pub heard: Arc<Heard>,
}

impl Memory {
    /// What the planner, the janitor, the key keeper and the notifier share.
    pub fn deps(&self, runner: Deps) -> aredvi_notifier::Deps {
        let (facts, heard) = (Arc::clone(&self.facts), Arc::clone(&self.heard));
        aredvi_notifier::Deps { runner, facts, heard, settings: aredvi_notifier::Settings::default() }
    }
}

/// Keeps facts by reading the log from its start.
///
/// # Errors
/// When the log does not say where it starts.
pub async fn start(process: &mut Process) -> anyhow::Result<Memory> {
    let journal = process.base.journal.clone();
    let starts = journal.starts(&TOPICS).await.context("cannot read where the log starts")?;
    let memory = Memory { facts: Arc::new(Facts::new()), heard: Arc::new(Heard::new(starts)) };
    let follower = Follower {
        journal,
        clock: process.base.mint.clock().clone(),
        facts: Arc::clone(&memory.facts),
        listeners: Vec::new(),
        heard: Arc::clone(&memory.heard),
    };
    process.back.start("tail", |stop| async move {
        follower.run(stop).await;
        Ok(())
    });
    Ok(memory)
}
