//! What the processes agree on: who mints under which worker number, which generation of a view serves, who holds a timer,
//! which service tokens are good.
//!
//! It stands in the schema `control`, which nothing rebuilds. No safety here depends on clocks that agree: times say when
//! something may be taken over, conditional writes say whether it was.

mod error;
mod generations;
mod leases;
mod tokens;
mod workers;

use aredvi_events::Clock;

use crate::db::{Db, DbError, DbUrl, Durability, PoolSizes};

pub use error::ControlError;
pub use generations::{Generation, State};
pub use leases::NamedLease;
pub use tokens::{Issued, MAX_SERVICE_TOKENS, NotIssued, Scope, ServiceToken, UnknownScope};
pub use workers::{MintedUntil, Renewal, WorkerLease};

/// The schema's name.
const SCHEMA: &str = "control";

/// A handle to the schema `control`; clones share its connections.
#[derive(Debug, Clone)]
pub struct Control {
    db: Db,
    clock: Clock,
}

impl Control {
    /// Opens the schema, and makes it at the first start.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open(url: &DbUrl, clock: Clock, sizes: PoolSizes) -> Result<Self, DbError> {
        let db = Db::open(url, None, SCHEMA, Durability::Full, sizes).await?;
        for tables in [workers::TABLES, generations::TABLES, leases::TABLES, tokens::TABLES] {
            db.run_schema(tables).await?;
        }
        Ok(Self { db, clock })
    }

    /// The schema.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
