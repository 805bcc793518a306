//! Who is told of what: turns causes into `notification.raised`.
//!
//! What it derives stands on `notifications` and is the record; it is appended before the position is committed, only for
//! the serving generation, and a repeat has the same ids. A crowd too large for one batch is told by [`fanout`], from a
//! stored continuation.

mod apply;
mod audience;
mod crowd;
mod crowds;
pub mod fanout;
mod notice;
pub mod queries;
mod rows;
mod schema;
mod state;
mod stored;
#[cfg(test)]
mod who_is_told;

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Clock, Event, JournalId, Origin, Positions, Topic};
use aredvi_journal::Journal;
use aredvi_projectors::db::{PoolSizes, Tx};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::Heard;
use aredvi_projectors::runner::{Runner, ViewReader};
use aredvi_projectors::view::{ApplyError, Batch, Derived, Table, View};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

pub use crate::birth::BirthError;
use crate::sweep;
use crate::{Deps, birth, millis};
pub use audience::{NotYet, may_be_told};
use crowds::Crowds;
pub use notice::{Medium, Notice};

/// The name of the view.
pub const NAME: &str = "planner";

/// Causes older than this tell nobody, unless the operator says otherwise.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(72 * 60 * 60);

/// The view `planner`.
pub struct Planner {
    asked: Asked,
    max_age: Duration,
    source: JournalId,
    birth: Positions,
}

/// Whom the planner asks what may be seen at the moment.
#[derive(Clone)]
pub struct Asked {
    /// What visibility asks.
    pub facts: Arc<Facts>,
    /// How far the facts have come.
    pub heard: Arc<Heard>,
    /// Where it all stands.
    pub journal: Journal,
    /// The clock.
    pub clock: Clock,
}

impl Asked {
    /// Those of a process.
    pub fn of(deps: &Deps) -> Self {
        Self {
            facts: Arc::clone(&deps.facts),
            heard: Arc::clone(&deps.heard),
            journal: deps.runner.journal.clone(),
            clock: deps.runner.mint.clock().clone(),
        }
    }
}

impl Planner {
    /// The view; what its new generations have behind `birth` tells nobody.
    pub fn born(deps: &Deps, birth: Positions) -> Self {
        let asked = Asked::of(deps);
        let source = asked.journal.id();
        Self { asked, max_age: deps.settings.max_age, source, birth }
    }

    /// The view as of now: a generation made by it has the birth of the one that serves; without one, all that stands on
    /// the journal now is before its birth.
    ///
    /// # Errors
    /// [`BirthError`].
    pub async fn open(deps: &Deps) -> Result<Self, BirthError> {
        let unborn = Self::born(deps, Positions::new());
        let birth = birth::next(&unborn, unborn.topics(), &deps.runner).await?;
        Ok(Self { birth, ..unborn })
    }

    /// Whether an event can tell anybody: it happened here, in this journal, and not too long ago.
    fn tells(&self, event: &Event) -> bool {
        let age_ms = self.asked.clock.now_ms().saturating_sub(event.time_ms);
        event.origin == Origin::Here && event.source == self.source && age_ms <= millis(self.max_age)
    }
}

impl View for Planner {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Graph, Topic::Media]
    }

    fn tables(&self) -> &'static [Table] {
        schema::TABLES
    }

    fn opens_seals(&self) -> bool {
        false
    }

    fn asks_whether_serving(&self) -> bool {
        true
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(apply::apply(self, tx, batch))
    }
}

/// Keeps the view, plans, and tells large crowds, until `shutdown`.
pub async fn run(deps: Deps, shutdown: CancellationToken) {
    let unborn = Planner::born(&deps, Positions::new());
    let birth = birth::wait(&unborn, unborn.topics(), &deps.runner, &shutdown).await;
    let Some(birth) = birth else { return };
    let view = Arc::new(Planner { birth: birth.clone(), ..unborn });
    let reader = ViewReader::open(&*view, &[view.schema_version()], &deps.runner, PoolSizes { write: 2, read: 2 }).await;
    let crowds = Crowds::new(reader.clone(), &deps);
    let runner = Runner::new(view, deps.runner.clone());
    tokio::join!(runner.run(shutdown.clone()), sweep::run(crowds, &deps.runner.control, &deps.runner.mint, &shutdown));
}
