//! Events that a view cannot apply, until that is mended.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aredvi_events::Topic;
use aredvi_projectors::db::Tx;
use aredvi_projectors::view::{ApplyError, Batch, Derived, Table, Unusable, View};
use futures_util::future::BoxFuture;
use uuid::Uuid;

/// Which events which view cannot apply; clones share it.
#[derive(Clone, Default)]
pub struct Poison(Arc<Mutex<BTreeSet<(&'static str, Uuid)>>>);

impl Poison {
    pub fn add(&self, view: &'static str, event: Uuid) {
        self.held().insert((view, event));
    }

    /// Nothing is wrong with a view any more.
    pub fn mend(&self, view: &'static str) {
        self.held().retain(|(of, _)| *of != view);
    }

    pub fn has(&self, view: &'static str, event: Uuid) -> bool {
        self.held().contains(&(view, event))
    }

    /// How many faults there are.
    pub fn count(&self) -> usize {
        self.held().len()
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<(&'static str, Uuid)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A view that cannot apply some events. It finds that out only when it has written the others' rows.
pub struct Poisoned {
    pub view: Arc<dyn View>,
    pub poison: Poison,
}

impl View for Poisoned {
    fn name(&self) -> &'static str {
        self.view.name()
    }

    fn schema_version(&self) -> u32 {
        self.view.schema_version()
    }

    fn topics(&self) -> &'static [Topic] {
        self.view.topics()
    }

    fn tables(&self) -> &'static [Table] {
        self.view.tables()
    }

    fn opens_seals(&self) -> bool {
        self.view.opens_seals()
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async move {
            let derived = self.view.apply(tx, batch).await?;
            if batch.events.iter().any(|placed| self.poison.has(self.name(), placed.event.id)) {
                return Err(ApplyError::Event("poisoned"));
            }
            Ok(derived)
        })
    }

    fn parks(&self) -> bool {
        self.view.parks()
    }

    fn refuse<'a>(&'a self, tx: &'a mut Tx, event: &'a Unusable) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        self.view.refuse(tx, event)
    }
}
