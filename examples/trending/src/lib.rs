//! The hashtags that are used most these days: a view as small as one can be that still keeps every rule.
//!
//! It reads `media` and nothing else. It counts notes, not comments; who wants more adds an arm in `apply`.

mod apply;
pub mod queries;
pub mod route;
mod schema;

use aredvi_events::Topic;
use aredvi_projectors::db::Tx;
use aredvi_projectors::view::{ApplyError, Batch, Derived, Table, View};
use futures_util::future::BoxFuture;

/// The view `trending`.
pub struct Trending;

impl View for Trending {
    fn name(&self) -> &'static str {
        "trending"
    }

    fn schema_version(&self) -> u32 {
        1
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
