//! Loads the facts from the views `actors` and `graph`.

use aredvi_events::Positions;

use super::Facts;
use crate::actors::queries::scan_actors;
use crate::db::{Db, DbError, Tx};
use crate::graph::queries::scan_edges;
use crate::runner::positions_within;

/// Rows of one step.
const STEP: u32 = 5_000;

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
            let rows = scan_actors(&mut self.actors, above, STEP).await?;
            let Some(last) = rows.last() else { break };
            above = Some(last.id);
            facts.load_actors(&rows, from);
        }
        let mut after = None;
        loop {
            let rows = scan_edges(&mut self.graph, after, STEP).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.from, last.to));
            facts.load_edges(&rows, from);
        }
        facts.trim();
        self.actors.rollback().await?;
        self.graph.rollback().await
    }
}
