//! Loads the facts from the views `actors` and `graph`.

use std::time::Duration;

use aredvi_events::{Positions, Topic};
use aredvi_journal::{Journal, ReadError};
use tokio_util::sync::CancellationToken;

use super::Facts;
use super::follow::{Follower, TOPICS};
use crate::actors::queries::scan_actors;
use crate::db::{Db, DbError, Tx};
use crate::graph::queries::scan_edges;
use crate::recent;
use crate::runner::{NotReady, ViewReader, positions_within};

/// Rows of one step.
const STEP: u32 = 5_000;
/// Between two tries to load while the views do not serve.
const LOAD_RETRY: Duration = Duration::from_millis(200);

/// Why facts cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A view does not serve.
    #[error("a view does not serve")]
    NotServing(#[from] NotReady),
    /// A view cannot be read.
    #[error("a view cannot be read")]
    Db(#[from] DbError),
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Journal(#[from] ReadError),
    /// What was at it was ended.
    #[error("loading was cut off")]
    Interrupted,
}

/// Fills `facts` alone, and says from where to follow: the rest of the log begins at its end.
///
/// # Errors
/// [`LoadError`], while a view does not serve or an engine is away: try again.
pub async fn facts_alone(
    facts: &Facts,
    journal: &Journal,
    actors: &ViewReader,
    graph: &ViewReader,
) -> Result<Positions, LoadError> {
    let mut from = journal.ends(&TOPICS).await?;
    let loading = Loading::begin(&actors.db()?, &graph.db()?).await?;
    for (partition, next) in loading.positions().iter() {
        from.set(partition, next);
    }
    loading.fill(facts, &from).await?;
    Ok(from)
}

/// Keeps the facts of a process that needs nothing else in memory: loads them as soon as the views serve, then follows
/// the log until `stop`.
pub async fn keep(follower: Follower, actors: &ViewReader, graph: &ViewReader, stop: CancellationToken) {
    let mut told = String::new();
    loop {
        match facts_alone(&follower.facts, &follower.journal, actors, graph).await {
            Ok(from) => break follower.heard.begin(&from),
            Err(error) if told == error.to_string() => {}
            Err(error) => {
                told = error.to_string();
                tracing::info!(error = &error as &dyn std::error::Error, "the facts cannot be loaded yet");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = follower.clock.sleep(LOAD_RETRY) => {}
        }
    }
    follower.run(stop).await;
}

/// Snapshots of the two views, at their own positions.
pub struct Loading {
    actors: Tx,
    graph: Tx,
    positions: Positions,
}

impl Loading {
    /// Takes the snapshots.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn begin(actors: &Db, graph: &Db) -> Result<Self, DbError> {
        let (mut actors, mut graph) = (actors.snapshot().await?, graph.snapshot().await?);
        let mut positions = positions_within(&mut actors).await?;
        positions.union(&positions_within(&mut graph).await?);
        Ok(Self { actors, graph, positions })
    }

    /// How far the snapshots are.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Puts the rows into `facts`, for a tail that begins at `from`: it may lie before the snapshots, never after.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn fill(mut self, facts: &Facts, from: &Positions) -> Result<(), DbError> {
        let mut above = None;
        loop {
            let rows = scan_actors(&mut self.actors, above, seen_from(&self.positions, Topic::Actors), STEP).await?;
            let Some(last) = rows.last() else { break };
            above = Some(last.id);
            facts.load_actors(&rows, from);
        }
        let mut after = None;
        loop {
            let rows = scan_edges(&mut self.graph, after, seen_from(&self.positions, Topic::Graph), STEP).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.from, last.to));
            facts.load_edges(&rows, from);
        }
        facts.trim();
        self.actors.rollback().await?;
        self.graph.rollback().await
    }
}

/// From which offset on rows bring their newest events: so far back that about as many rows changed as memory surely knows.
fn seen_from(positions: &Positions, topic: Topic) -> u64 {
    let partitions = u64::from(topic.partitions());
    let back = recent::ROWS as u64 / partitions;
    let ends = aredvi_events::Partition::all(&[topic]).into_iter().map(|partition| positions.next(partition));
    ends.map(|end| end.saturating_sub(back)).min().unwrap_or(0)
}
