//! A new generation beside the one that serves: filled from the first offset, compared, and put in its place.

use std::sync::Arc;

use aredvi_events::Topic;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::control::{Generation, State};
use crate::db::{Db, DbError, PoolSizes, Value};
use crate::view::View;

use super::Deps;
use super::compare::{Comparison, compare};
use super::crew::Crew;
use super::generations::{GenerationError, bear, forsake, rollback_target};
use super::handover::{self, distance};
use super::rebuild_error::RebuildError;
use super::schema::{self, latest_positions};

/// Rebuilds one view.
pub struct Rebuild {
    pub(super) view: Arc<dyn View>,
    pub(super) deps: Deps,
    pub(super) process: Uuid,
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It reads the log.
    Filling {
        /// Events behind it, at most.
        done: u64,
        /// Events on the log, at most.
        total: u64,
    },
    /// Its rows are compared with those that serve.
    Comparing {
        /// Rows so far.
        rows: u64,
    },
    /// It catches up with what serves.
    Switching,
}

/// How far a rebuild goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// Up to the comparison.
    Compare,
    /// To the switch, unless equal code made other rows.
    Switch,
    /// To the switch, whatever the rows are.
    Accept,
}

/// What came of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The generation that serves now.
    pub generation: u32,
    /// The one that served before.
    pub previous: Option<u32>,
    /// What differs between the two; `None` when there was nothing to compare with.
    pub comparison: Option<Comparison>,
}

/// The two generations of a rebuild.
pub(super) struct Pair {
    pub n: u32,
    pub new: Db,
    pub old: Option<(Generation, Db)>,
}

impl Rebuild {
    /// Nothing happens before one of its methods is called.
    pub fn new(view: Arc<dyn View>, deps: Deps) -> Self {
        let process = Uuid::from_bytes(deps.mint.random());
        Self { view, deps, process }
    }

    /// Rebuilds the view from the log and lets the result serve, or goes on with a rebuild that was interrupted. Whoever
    /// projects the view fills it; when nobody does, this process. Equal code and different rows refuse the switch,
    /// unless `accept` says that they are right; different code only reports.
    ///
    /// # Errors
    /// [`RebuildError`]; the serving generation is as it was.
    pub async fn rebuild(
        &self,
        accept: bool,
        tell: &(dyn Fn(Stage) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<Rebuilt, RebuildError> {
        self.run(if accept { Goal::Accept } else { Goal::Switch }, tell, stop).await
    }

    /// As [`Rebuild::rebuild`], up to the comparison: the new generation waits for the switch. Where none serves that it
    /// could be compared with, it serves.
    ///
    /// # Errors
    /// As [`Rebuild::rebuild`], but that differences are no error.
    pub async fn prepare(&self, tell: &(dyn Fn(Stage) + Send + Sync), stop: &CancellationToken) -> Result<Rebuilt, RebuildError> {
        self.run(Goal::Compare, tell, stop).await
    }

    async fn run(
        &self,
        goal: Goal,
        tell: &(dyn Fn(Stage) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<Rebuilt, RebuildError> {
        let n = self.begin().await?;
        let site = self.deps.sites.of(self.name());
        let mut old = None;
        if let Some(serving) = self.deps.control.serving(self.name()).await? {
            let db = schema::open(site, self.name(), serving.n, SIZES).await?;
            // One that was made from another journal can neither be compared nor passed.
            if schema::origin(&db).await?.is_some_and(|origin| origin.journal == self.deps.journal.id()) {
                old = Some((serving, db));
            }
        }
        let (dropped, hold) = match &old {
            Some((_, db)) => (dropped(db).await?, Some(latest_positions(db).await?)),
            None => (Vec::new(), None),
        };
        bear(&*self.view, &self.deps.journal, site, n, hold.as_ref(), dropped).await?;
        let pair = Pair { n, new: schema::open(site, self.name(), n, SIZES).await?, old };
        let mut crew = Crew::default();
        let outcome = self.work(&pair, goal, tell, stop, &mut crew).await;
        crew.end().await;
        pair.close().await;
        if let Err(error) = self.deps.control.release_generation(self.name(), n, self.process).await {
            tracing::warn!(view = self.name(), error = error.chain(), "the lease of the rebuild was left to run out");
        }
        outcome
    }

    /// Whether the view cannot be read by this program before it is rebuilt: what serves has another schema version, or
    /// was made from another journal.
    ///
    /// # Errors
    /// The engines'.
    pub async fn is_needed(&self) -> Result<bool, RebuildError> {
        let Some(serving) = self.deps.control.serving(self.name()).await? else { return Ok(false) };
        if serving.version != self.view.schema_version() {
            return Ok(true);
        }
        let db = schema::open(self.deps.sites.of(self.name()), self.name(), serving.n, SIZES).await?;
        let origin = schema::origin(&db).await;
        db.close().await;
        Ok(origin?.is_none_or(|origin| origin.journal != self.deps.journal.id()))
    }

    /// Gives up a rebuild: its schema is dropped.
    ///
    /// # Errors
    /// [`RebuildError::None`] when there is none, or the engines'.
    pub async fn cancel(&self) -> Result<u32, RebuildError> {
        let building = self.one(State::Building).await?;
        self.deps.control.cancel(self.name(), building.n).await?;
        forsake(&self.deps, self.name(), building.n).await?;
        Ok(building.n)
    }

    async fn work(
        &self,
        pair: &Pair,
        goal: Goal,
        tell: &(dyn Fn(Stage) + Send + Sync),
        stop: &CancellationToken,
        crew: &mut Crew,
    ) -> Result<Rebuilt, RebuildError> {
        let mut comparison = None;
        if pair.old.is_none() {
            handover::set_free(&pair.new).await?;
        }
        // One that appends already was compared by whoever was interrupted before the switch.
        if let Some((serving, old)) = &pair.old
            && !handover::appends(&pair.new).await?
        {
            self.fill(pair, old, tell, stop, crew).await?;
            let found = self.compare(pair, old, tell, stop, crew).await?;
            if goal == Goal::Compare {
                return Ok(Rebuilt { generation: serving.n, previous: None, comparison: Some(found) });
            }
            if !found.is_equal() && serving.version == self.view.schema_version() && goal != Goal::Accept {
                return Err(RebuildError::Different { generation: pair.n, comparison: found });
            }
            tracing::info!(view = self.name(), generation = pair.n, comparison = %found, "compared");
            comparison = Some(found);
            handover::set_free(&pair.new).await?;
        }
        self.catch_up(pair, tell, stop, crew).await?;
        let previous = self.deps.control.serving(self.name()).await?.map(|serving| serving.n);
        self.deps.control.switch(self.name(), previous, pair.n).await?;
        if let Some((_, old)) = &pair.old {
            handover::set_appends(old, false).await?;
        }
        tracing::info!(view = self.name(), generation = pair.n, instead_of = previous, "switched");
        Ok(Rebuilt { generation: pair.n, previous, comparison })
    }

    /// Fills the new generation, never beyond the one that serves, until it is close to it.
    async fn fill(
        &self,
        pair: &Pair,
        old: &Db,
        tell: &(dyn Fn(Stage) + Send + Sync),
        stop: &CancellationToken,
        crew: &mut Crew,
    ) -> Result<(), RebuildError> {
        loop {
            self.look(pair, stop, crew).await?;
            handover::hold(&pair.new, &latest_positions(old).await?).await?;
            self.tell_filling(pair, tell).await?;
            if handover::is_close(&pair.new, old).await? {
                return Ok(());
            }
        }
    }

    /// Runs the new generation exactly to where a snapshot of the old one stands, and compares the two.
    async fn compare(
        &self,
        pair: &Pair,
        old: &Db,
        tell: &(dyn Fn(Stage) + Send + Sync),
        stop: &CancellationToken,
        crew: &mut Crew,
    ) -> Result<Comparison, RebuildError> {
        let mut serving = old.snapshot().await?;
        let at = schema::positions_of(&serving.read(schema::POSITIONS, vec![]).await?)?;
        handover::hold(&pair.new, &at).await?;
        while latest_positions(&pair.new).await? != at {
            self.look(pair, stop, crew).await?;
        }
        let mut building = pair.new.snapshot().await?;
        let mut seen = |rows| tell(Stage::Comparing { rows });
        let comparing = compare(&mut serving, &mut building, self.view.tables(), &mut seen);
        let found = tokio::select! {
            biased;
            found = comparing => found?,
            ended = self.guard(pair, stop) => return Err(ended),
        };
        building.rollback().await?;
        serving.rollback().await?;
        Ok(found)
    }

    /// Waits until the new generation has everything that the old one has, or the log.
    async fn catch_up(
        &self,
        pair: &Pair,
        tell: &(dyn Fn(Stage) + Send + Sync),
        stop: &CancellationToken,
        crew: &mut Crew,
    ) -> Result<(), RebuildError> {
        loop {
            let wanted = match &pair.old {
                Some((_, old)) => latest_positions(old).await?,
                None => self.deps.journal.ends(self.view.topics()).await.map_err(GenerationError::from)?,
            };
            match pair.old {
                Some(_) => tell(Stage::Switching),
                None => self.tell_filling(pair, tell).await?,
            }
            if latest_positions(&pair.new).await?.covers(&wanted, &Topic::ALL) {
                return Ok(());
            }
            self.look(pair, stop, crew).await?;
        }
    }

    async fn tell_filling(&self, pair: &Pair, tell: &(dyn Fn(Stage) + Send + Sync)) -> Result<(), RebuildError> {
        let (journal, topics) = (&self.deps.journal, self.view.topics());
        let starts = journal.starts(topics).await.map_err(GenerationError::from)?;
        let ends = journal.ends(topics).await.map_err(GenerationError::from)?;
        let done = distance(&starts, &latest_positions(&pair.new).await?);
        tell(Stage::Filling { done, total: distance(&starts, &ends) });
        Ok(())
    }

    /// The newest generation in a state.
    pub(super) async fn one(&self, state: State) -> Result<Generation, RebuildError> {
        let found = self.deps.control.generations(self.name()).await?;
        let mine = |found: &Generation| found.state != State::Building || found.version == self.view.schema_version();
        let found = match state {
            State::Previous => rollback_target(&found).cloned(),
            State::Building | State::Serving | State::Dropped => {
                found.into_iter().rfind(|found| found.state == state && mine(found))
            }
        };
        found.ok_or_else(|| RebuildError::None { view: self.name().to_owned(), state })
    }

    pub(super) fn name(&self) -> &'static str {
        self.view.name()
    }
}

/// Connections to each of the two generations, beside those of workers.
pub(super) const SIZES: PoolSizes = PoolSizes { write: 2, read: 2 };

impl Pair {
    async fn close(&self) {
        self.new.close().await;
        if let Some((_, old)) = &self.old {
            old.close().await;
        }
    }
}

/// The events that a generation gave up: a rebuild skips them too, though it comes to them before it comes to that.
async fn dropped(db: &Db) -> Result<Vec<Value>, DbError> {
    let rows = db.read_latest("SELECT event_id FROM dropped", vec![]).await?;
    rows.iter().map(|row| row.bytes(0).map(Value::from)).collect()
}
