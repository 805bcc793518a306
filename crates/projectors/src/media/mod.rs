//! Media with their comments, voters, tags and subscriptions.

mod apply;
pub mod queries;
mod rows;
mod schema;

use aredvi_events::Topic;
use futures_util::future::BoxFuture;

use crate::db::Tx;
use crate::view::{ApplyError, Batch, Derived, Table, View};

/// The view `media`.
pub struct Media;

impl View for Media {
    fn name(&self) -> &'static str {
        "media"
    }

    fn schema_version(&self) -> u32 {
        2
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Media]
    }

    fn tables(&self) -> &'static [Table] {
        schema::TABLES
    }

    fn opens_seals(&self) -> bool {
        true
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async {
            apply::apply(tx, batch).await?;
            Ok(Vec::new())
        })
    }
}
