//! Carries what happens to a person to the other keys that it concerns: his sessions, edges, media and comments.
//!
//! The visibility function hides all of it at once; this only cleans up, by per-key events with ids derived from the
//! cause, some time after it, when no process has the person's key in its cache any more. What it appends twice is the
//! same event.

mod apply;
mod belongings;
mod causes;
mod receipt;
mod schema;

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::mint::derived_id;
use aredvi_events::{Event, Origin, Topic};
use aredvi_projectors::db::{PoolSizes, Tx};
use aredvi_projectors::runner::{Runner, ViewReader};
use aredvi_projectors::view::{ApplyError, Batch, Derived, Table, View};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::append::append;
use crate::sweep::{self, Failed, Sweep};
use crate::{Deps, millis};
use apply::Said;
use belongings::Removal;
use causes::Cause;

/// The name of the view.
pub const NAME: &str = "janitor";
/// A cause is swept this long after it, unless the operator says otherwise: longer than a data key is cached.
pub const DEFAULT_DELAY: Duration = Duration::from_secs(60);
/// Causes worked on in turn, so that a large one does not keep the others waiting.
const IN_TURN: u64 = 16;
/// How long one turn waits for the view to reach the end of the journal.
const CATCH_UP: Duration = Duration::from_secs(5);

/// The view `janitor`.
pub struct Janitor;

impl View for Janitor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Actors, Topic::Sessions, Topic::Graph, Topic::Media]
    }

    fn tables(&self) -> &'static [Table] {
        schema::TABLES
    }

    fn opens_seals(&self) -> bool {
        false
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async move {
            let mut said = Said::default();
            for placed in &batch.events {
                said.hear(placed);
            }
            said.write(tx).await?;
            Ok(Vec::new())
        })
    }
}

/// Keeps the view and cleans up, until `shutdown`.
pub async fn run(deps: Deps, shutdown: CancellationToken) {
    let view = Arc::new(Janitor);
    let reader = ViewReader::open(&*view, &[view.schema_version()], &deps.runner, PoolSizes { write: 2, read: 2 }).await;
    let runner = Runner::new(view, deps.runner.clone());
    let sweep = Cleaning { reader, deps: deps.clone() };
    tokio::join!(runner.run(shutdown.clone()), sweep::run(sweep, &deps.runner.control, &deps.runner.mint, &shutdown));
}

struct Cleaning {
    reader: ViewReader,
    deps: Deps,
}

impl Sweep for Cleaning {
    const LEASE_NAME: &'static str = "janitor";

    async fn turn(&mut self) -> Result<bool, Failed> {
        let Ok(db) = self.reader.db() else { return Ok(false) };
        let until = self.deps.runner.mint.now_ms().saturating_sub(millis(self.deps.settings.janitor_delay));
        let failed = |error: &dyn std::error::Error| Failed(error.to_string());
        let due = causes::due(&db, until, IN_TURN).await.map_err(|error| failed(&error))?;
        let swept = causes::swept(&db, IN_TURN).await.map_err(|error| failed(&error))?;
        if due.is_empty() && swept.is_empty() {
            return Ok(false);
        }
        // What happened before the cause must be known: else a session opened just before it would stay.
        let ends = self.deps.runner.journal.ends(Janitor.topics()).await.map_err(|error| failed(&error))?;
        if !self.reader.wait_for(&ends, CATCH_UP).await {
            return Err(Failed("the view is behind the journal".to_owned()));
        }
        for cause in &due {
            let (removals, through) = belongings::next(&db, cause).await.map_err(|error| failed(&error))?;
            let derived = removals.into_iter().map(|removal| self.derived(cause, removal)).collect();
            append(&self.deps.runner.journal, derived).await.map_err(|error| failed(&error))?;
            causes::note(&db, cause, through).await.map_err(|error| failed(&error))?;
        }
        if due.is_empty() {
            let receipts = receipt::made_out(&self.deps, &db, &swept).await.map_err(|error| failed(&error))?;
            for (cause, removal) in receipts {
                let derived = vec![self.derived(&cause, removal)];
                append(&self.deps.runner.journal, derived).await.map_err(|error| failed(&error))?;
                causes::note(&db, &cause, None).await.map_err(|error| failed(&error))?;
            }
        }
        Ok(!due.is_empty())
    }
}

impl Cleaning {
    fn derived(&self, cause: &Cause, removal: Removal) -> Derived {
        let Removal { topic, key, what, body } = removal;
        let id = derived_id(cause.id, &format!("{}:{what}", body.type_name()));
        let event = Event {
            id,
            key,
            time_ms: self.deps.runner.mint.now_ms(),
            source: self.deps.runner.journal.id(),
            origin: Origin::Here,
            traceparent: None,
            body,
        };
        Derived { topic, event }
    }
}
