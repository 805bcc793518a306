//! Which generations of a view are kept up to date here, and the birth of the first one.

use aredvi_events::Positions;
use aredvi_events::clock::TimedOut;
use aredvi_journal::{Journal, ReadError};
use uuid::Uuid;

use crate::control::{ControlError, Generation, State};
use crate::db::{Db, DbError, PoolSizes, Value};
use crate::view::View;

use super::lease::millis;
use super::limits::{ABANDONED_FOR, BIRTH_LEASE, FORSAKEN_FOR, REREAD};
use super::schema::{self, Birth, Origin};
use super::sites::Site;
use super::{Deps, handover};

/// Why generations could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The schema `control`.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The view's schema.
    #[error("the view's schema is unavailable: {}", .0.chain())]
    Db(#[from] DbError),
    /// The log.
    #[error(transparent)]
    Journal(#[from] ReadError),
}

/// The generations that a program keeps up to date: those of its own schema version. Makes the first one of all.
pub(super) async fn look(view: &dyn View, deps: &Deps, process: Uuid) -> Result<Vec<Generation>, GenerationError> {
    let control = &deps.control;
    let mut found = control.generations(view.name()).await?;
    let mine = |found: &Generation| found.version == view.schema_version();
    // A view that never served has nothing but the beginning of its first generation.
    if found.iter().all(|found| found.state == State::Building && mine(found)) {
        found = control.first_generation(view.name(), view.schema_version(), process, BIRTH_LEASE).await?;
        if let Some(first) = found.first()
            && control.hold_generation(view.name(), first.n, process, BIRTH_LEASE).await?
        {
            bear_first(view, deps, first.n, process).await?;
        }
        found = control.generations(view.name()).await?;
    }
    found.retain(|found| mine(found) && found.state != State::Dropped);
    Ok(found)
}

/// Makes the schema of the first generation and lets it serve at once: it appends what it derives from the beginning.
async fn bear_first(view: &dyn View, deps: &Deps, n: u32, process: Uuid) -> Result<(), GenerationError> {
    bear(view, &deps.journal, deps.sites.of(view.name()), n, None, Vec::new()).await?;
    deps.control.switch(view.name(), None, n).await?;
    deps.control.release_generation(view.name(), n, process).await?;
    tracing::info!(view = view.name(), generation = n, "the first generation serves");
    Ok(())
}

/// Makes the schema of a generation that begins at the first offsets of the log, unless it was made before. Without a
/// hold it appends what it derives.
pub(super) async fn bear(
    view: &dyn View,
    journal: &Journal,
    site: &Site,
    n: u32,
    hold: Option<&Positions>,
    dropped: Vec<Value>,
) -> Result<(), GenerationError> {
    let name = schema::name(view.name(), n);
    let wanted = Origin { journal: journal.id(), version: view.schema_version() };
    if Db::exists(&site.write, &name).await? {
        let db = schema::open(site, view.name(), n, SIZES).await?;
        let found = schema::origin_if_born(&db).await;
        db.close().await;
        if found?.as_ref() == Some(&wanted) {
            return Ok(());
        }
        Db::drop_schema(&site.write, &name).await?;
    }
    let from = journal.starts(view.topics()).await?;
    let db = schema::open(site, view.name(), n, SIZES).await?;
    let made = schema::create(&db, view, &Birth { journal: wanted.journal, from: &from, hold, dropped }).await;
    db.close().await;
    Ok(made?)
}

/// Drops the schema of a generation that was given up, as soon as nobody works on it.
pub(super) async fn forsake(deps: &Deps, view: &str, n: u32) -> Result<(), GenerationError> {
    let (site, clock) = (deps.sites.of(view), deps.mint.clock());
    let name = schema::name(view, n);
    if !Db::exists(&site.write, &name).await? {
        return Ok(());
    }
    let db = schema::open(site, view, n, SIZES).await?;
    let wait = async {
        while handover::live_workers(&db, clock).await.is_ok_and(|live| live > 0) {
            clock.sleep(REREAD).await;
        }
    };
    // Who works on without having noticed fails, and notices.
    let _: Result<(), TimedOut> = clock.timeout(FORSAKEN_FOR, wait).await;
    db.close().await;
    Ok(Db::drop_schema(&site.write, &name).await?)
}

/// The generation that a rollback leads to: the one that served last before this one.
pub(super) fn rollback_target(found: &[Generation]) -> Option<&Generation> {
    found.iter().filter(|found| found.state == State::Previous).max_by_key(|found| (found.since_ms, found.n))
}

/// Gives up generations that were replaced longer ago than the time of grace, and drops what was given up before. Each of
/// them is written as the serving one is: of several, all but one go sooner.
pub(super) async fn sweep(view: &dyn View, deps: &Deps, process: Uuid) -> Result<(), GenerationError> {
    let (control, name) = (&deps.control, view.name());
    let now = deps.mint.now_ms();
    let generations = control.generations(name).await?;
    let target = rollback_target(&generations).map(|target| target.n);
    for found in &generations {
        let grace = if target == Some(found.n) { deps.limits.grace } else { deps.limits.superseded_grace };
        let over = found.state == State::Previous && found.since_ms <= now.saturating_sub(millis(grace));
        if over && control.hold_generation(name, found.n, process, BIRTH_LEASE).await? {
            control.mark_dropped(name, found.n).await?;
            tracing::info!(view = name, generation = found.n, "the time of grace is over");
            forsake(deps, name, found.n).await?;
        }
    }
    let noticed = deps.mint.now_ms().saturating_sub(millis(FORSAKEN_FOR));
    for found in control.dropped(name).await? {
        if found.since_ms <= noticed && Db::exists(&deps.sites.of(name).write, &schema::name(name, found.n)).await? {
            forsake(deps, name, found.n).await?;
        }
    }
    Ok(())
}

/// Gives up generations whose rebuild died long ago. One that ended in order gave its lease back: its generation waits for
/// the operator.
pub(super) async fn sweep_abandoned(view: &dyn View, deps: &Deps, process: Uuid) -> Result<(), GenerationError> {
    let (control, name) = (&deps.control, view.name());
    let found = control.generations(name).await?;
    // The first generation of all is gone on with by whoever projects the view.
    if !found.iter().any(|found| found.state == State::Serving) {
        return Ok(());
    }
    let died = deps.mint.now_ms().saturating_sub(millis(ABANDONED_FOR));
    let abandoned =
        |found: &&Generation| found.state == State::Building && found.lease_holder.is_some() && found.lease_until_ms <= died;
    for found in found.iter().filter(abandoned) {
        if control.hold_generation(name, found.n, process, BIRTH_LEASE).await? {
            control.cancel(name, found.n).await?;
            tracing::warn!(view = name, generation = found.n, "its rebuild died: given up");
            forsake(deps, name, found.n).await?;
        }
    }
    Ok(())
}

const SIZES: PoolSizes = PoolSizes { write: 1, read: 1 };
