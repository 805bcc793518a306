//! Webhooks: who is sent which events, and what is still to be sent.
//!
//! The schema `webhooks` is no view. It holds settings of operators and what strangers answered, neither of which stands
//! on the log, so nothing rebuilds it, no backup carries it, and a log that is replayed, imported or restored fills it with
//! nothing. Nobody here sends; that is the notifier's.

mod answers;
mod endpoint;
mod feed;
mod guard;
mod queue;
mod schema;
mod secret;
mod subscriptions;
mod upkeep;

use aredvi_events::Topic;

pub use endpoint::{BadEndpoint, Endpoint};
pub use feed::{Feed, Queued};
pub use guard::{Guard, Lookup, Unreachable, is_global};
pub use queue::{Delivery, Due, State, message_id};
pub use secret::Secret;
pub use subscriptions::{Change, FAILS_AT_MOST, New, ROTATION, Subscription, SubscriptionError};
pub use upkeep::{Dropped, KEPT, MAX_AGE};

use crate::db::{Db, DbError, Durability, PoolSizes};
use crate::keys::KeyStore;
use crate::runner::Deps;

/// The schema's name.
pub const SCHEMA: &str = "webhooks";
/// The most subscriptions of a community.
pub const MAX_SUBSCRIPTIONS: usize = 20;
/// The most deliveries that wait for one subscription; what comes beyond is dropped, and counted.
pub const MAX_WAITING: u64 = 20_000;
/// What may be subscribed to. `identity` and `sessions` hold what people sign in with: nobody outside gets those.
pub const TOPICS: [Topic; 5] = [Topic::Actors, Topic::Graph, Topic::Media, Topic::Notifications, Topic::Deliveries];

/// Connections of one process.
const SIZES: PoolSizes = PoolSizes { write: 4, read: 1 };

/// A handle to the schema; clones share its connections.
#[derive(Clone)]
pub struct Webhooks {
    db: Db,
    keys: KeyStore,
    journal: aredvi_journal::Journal,
    mint: aredvi_events::Mint,
}

impl Webhooks {
    /// Opens the schema, and makes it at the first start.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open(deps: &Deps) -> Result<Self, DbError> {
        let db = Db::open(&deps.sites.of(SCHEMA).write, None, SCHEMA, Durability::Full, SIZES).await?;
        db.run_schema(schema::TABLES).await?;
        let mut tx = db.begin().await?;
        let nowhere = aredvi_events::Positions::new().to_bytes(deps.journal.id());
        tx.insert_ignore("feed", ["one", "version", "positions"], vec![[1_i64.into(), 0_i64.into(), nowhere.into()]]).await?;
        tx.commit().await?;
        Ok(Self { db, keys: deps.keys.clone(), journal: deps.journal.clone(), mint: deps.mint.clone() })
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.db.close().await;
    }

    fn now_ms(&self) -> i64 {
        self.mint.now_ms()
    }
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhooks({:?})", self.db)
    }
}
