//! Which generations of a view are kept up to date here, and the birth of the first one.

use aredvi_journal::{Journal, ReadError};
use uuid::Uuid;

use crate::control::{ControlError, Generation, State};
use crate::db::{Db, DbError, PoolSizes, Value};
use crate::view::View;

use super::Deps;
use super::limits::BIRTH_LEASE;
use super::schema::{self, Birth};
use super::sites::Site;

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
    let site = deps.sites.of(view.name());
    Db::drop_schema(&site.write, &schema::name(view.name(), n)).await?;
    bear(view, &deps.journal, site, n, true, Vec::new()).await?;
    deps.control.switch(view.name(), None, n).await?;
    deps.control.release_generation(view.name(), n, process).await?;
    tracing::info!(view = view.name(), generation = n, "the first generation serves");
    Ok(())
}

/// Makes the schema of a generation that begins at the first offsets of the log.
pub(super) async fn bear(
    view: &dyn View,
    journal: &Journal,
    site: &Site,
    n: u32,
    appends: bool,
    dropped: Vec<Value>,
) -> Result<(), GenerationError> {
    let from = journal.starts(view.topics()).await?;
    let db = schema::open(site, view.name(), n, PoolSizes { write: 1, read: 1 }).await?;
    let made = schema::create(&db, view, &Birth { journal: journal.id(), from: &from, appends, dropped }).await;
    db.close().await;
    Ok(made?)
}
