//! The decider: what must be unique is requested on `identity`, and this view gives the verdict in log order.
//!
//! It appends the accepted fact, or the refusal, to `actors`. It never parks: what it cannot understand it refuses.

mod apply;
pub mod queries;
mod refuse;
pub(crate) mod rows;
mod schema;

use aredvi_events::Topic;
use futures_util::future::BoxFuture;

use crate::db::Tx;
use crate::view::{ApplyError, Batch, Derived, Table, Unusable, View};

/// The view `accounts`.
pub struct Accounts;

impl View for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Identity]
    }

    fn tables(&self) -> &'static [Table] {
        schema::TABLES
    }

    fn opens_seals(&self) -> bool {
        true
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(apply::apply(tx, &batch.events, &batch.opener))
    }

    fn parks(&self) -> bool {
        false
    }

    fn refuse<'a>(&'a self, tx: &'a mut Tx, event: &'a Unusable) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(refuse::refuse(tx, event))
    }
}
