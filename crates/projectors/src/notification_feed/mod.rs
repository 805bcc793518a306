//! Each person's notifications and what he has seen of them, in the order of his own log.

mod apply;
pub mod queries;
mod rows;
mod schema;

use aredvi_events::Topic;
use futures_util::future::BoxFuture;

use crate::db::Tx;
use crate::view::{ApplyError, Batch, Derived, Table, View};

/// The view `notification_feed`.
pub struct NotificationFeed;

impl View for NotificationFeed {
    fn name(&self) -> &'static str {
        "notification_feed"
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Notifications]
    }

    fn tables(&self) -> &'static [Table] {
        schema::TABLES
    }

    fn opens_seals(&self) -> bool {
        false
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async {
            apply::apply(tx, &batch.events).await?;
            Ok(Vec::new())
        })
    }
}
