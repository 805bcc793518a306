//! Back to the generation that served before.

use aredvi_events::{Positions, Topic};

use crate::control::{Generation, State};
use crate::db::Db;

use super::handover::{self, distance};
use super::lease::millis;
use super::limits::{LOOK_EVERY, PATIENCE};
use super::rebuild::{Rebuild, Rebuilt, SIZES};
use super::rebuild_error::RebuildError;
use super::schema::{self, latest_positions};

impl Rebuild {
    /// Lets the previous generation serve again; the one that served is kept up to date in its turn.
    ///
    /// # Errors
    /// [`RebuildError::None`] without one, [`RebuildError::Lags`] while it is behind, or the engines'.
    pub async fn rollback(&self) -> Result<Rebuilt, RebuildError> {
        let (serving, previous) = (self.one(State::Serving).await?, self.one(State::Previous).await?);
        let site = self.deps.sites.of(self.name());
        let from = schema::open(site, self.name(), serving.n, SIZES).await?;
        let to = schema::open(site, self.name(), previous.n, SIZES).await?;
        let outcome = self.roll(&serving, &from, &previous, &to).await;
        from.close().await;
        to.close().await;
        outcome
    }

    async fn roll(&self, serving: &Generation, from: &Db, previous: &Generation, to: &Db) -> Result<Rebuilt, RebuildError> {
        handover::set_appends(to, true).await?;
        let outcome = async {
            // What the target passed before it appends, the serving one has appended; then the target has all.
            self.wait_until_covers(from, &latest_positions(to).await?, serving.n).await?;
            self.wait_until_covers(to, &latest_positions(from).await?, previous.n).await?;
            Ok(self.deps.control.rollback(self.name(), serving.n, previous.n).await?)
        };
        match outcome.await {
            Ok(()) => handover::set_appends(from, false).await?,
            Err(error) => {
                handover::set_appends(to, false).await?;
                return Err(error);
            }
        }
        tracing::info!(view = self.name(), generation = previous.n, instead_of = serving.n, "rolled back");
        Ok(Rebuilt { generation: previous.n, previous: Some(serving.n), comparison: None })
    }

    async fn wait_until_covers(&self, db: &Db, wanted: &Positions, generation: u32) -> Result<(), RebuildError> {
        let clock = self.deps.mint.clock();
        let deadline = clock.now_ms().saturating_add(millis(PATIENCE));
        loop {
            let positions = latest_positions(db).await?;
            if positions.covers(wanted, &Topic::ALL) {
                return Ok(());
            }
            if clock.now_ms() >= deadline {
                let behind = distance(&positions, wanted);
                return Err(RebuildError::Lags { view: self.name().to_owned(), generation, behind });
            }
            clock.sleep(LOOK_EVERY).await;
        }
    }
}
