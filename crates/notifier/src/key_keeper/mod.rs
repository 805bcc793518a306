//! Destroys the data keys of those who are gone: after `person.erased` and `registration.refused` no sealed text of
//! theirs opens any more, in the journal, in backups of it, anywhere.
//!
//! The key is destroyed before the position is committed, so none is passed over; destroying one twice is the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use aredvi_events::actors::ActorEvent;
use aredvi_events::envelope::Placed;
use aredvi_events::{ActorId, Body, Topic};
use aredvi_projectors::db::Tx;
use aredvi_projectors::keys::{KeyError, KeyStore};
use aredvi_projectors::runner::Runner;
use aredvi_projectors::view::{ApplyError, Batch, Derived, Table, View};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::Deps;

/// The name of the view.
pub const NAME: &str = "key_keeper";

/// The view `key_keeper`: no rows, only a position.
pub struct KeyKeeper {
    keys: KeyStore,
}

impl KeyKeeper {
    /// Keeps the keys of this store.
    pub const fn new(keys: KeyStore) -> Self {
        Self { keys }
    }

    async fn destroy(&self, gone: &[ActorId]) -> Result<(), KeyError> {
        let mut tx = self.keys.db().begin().await?;
        self.keys.destroy_in(&mut tx, gone).await?;
        tx.commit().await?;
        self.keys.destroyed(gone).await
    }
}

impl View for KeyKeeper {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Actors]
    }

    fn tables(&self) -> &'static [Table] {
        &[]
    }

    fn opens_seals(&self) -> bool {
        false
    }

    fn asks_whether_serving(&self) -> bool {
        true
    }

    fn apply<'a>(&'a self, _tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async move {
            let gone: Vec<ActorId> = batch.events.iter().filter_map(gone).collect::<BTreeSet<_>>().into_iter().collect();
            if batch.serving && !gone.is_empty() {
                self.destroy(&gone).await?;
            }
            Ok(Vec::new())
        })
    }
}

/// Whose key is no longer needed.
fn gone(placed: &Placed) -> Option<ActorId> {
    let Body::Actors(event) = &placed.event.body else { return None };
    match event {
        ActorEvent::PersonErased(e) => Some(e.person),
        ActorEvent::RegistrationRefused(e) => Some(e.person),
        ActorEvent::PersonRegistered(_)
        | ActorEvent::RequestRefused(_)
        | ActorEvent::HandleChanged(_)
        | ActorEvent::EmailChanged(_)
        | ActorEvent::PasswordChanged(_)
        | ActorEvent::RolesChanged(_)
        | ActorEvent::ProfileChanged(_)
        | ActorEvent::PrivacyChanged(_)
        | ActorEvent::PersonDisabled(_)
        | ActorEvent::PersonEnabled(_)
        | ActorEvent::ErasureCompleted(_) => None,
    }
}

/// Destroys keys until `shutdown`.
pub async fn run(deps: Deps, shutdown: CancellationToken) {
    let view = Arc::new(KeyKeeper::new(deps.runner.keys.clone()));
    Runner::new(view, deps.runner).run(shutdown).await;
}
