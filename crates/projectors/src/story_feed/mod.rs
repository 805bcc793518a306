//! Each owner's stories: what stands on that actor's page, written once however many follow him.

mod apply;
pub mod queries;
mod rows;
mod schema;

use aredvi_events::Topic;
use futures_util::future::BoxFuture;

use crate::db::Tx;
use crate::view::{ApplyError, Batch, Derived, Table, View};

/// The view `story_feed`.
pub struct StoryFeed;

impl View for StoryFeed {
    fn name(&self) -> &'static str {
        "story_feed"
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Media, Topic::Graph]
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
