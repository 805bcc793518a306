//! Profiles: what people say of themselves, who may see it, and how they are found.

mod apply;
pub mod queries;
mod rows;
mod schema;
mod words;

use aredvi_events::Topic;
use futures_util::future::BoxFuture;

use crate::db::Tx;
use crate::view::{ApplyError, Batch, Derived, Table, View};

/// The view `actors`.
pub struct Actors;

impl View for Actors {
    fn name(&self) -> &'static str {
        "actors"
    }

    fn schema_version(&self) -> u32 {
        3
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Actors]
    }

    fn tables(&self) -> &'static [Table] {
        schema::TABLES
    }

    fn opens_seals(&self) -> bool {
        true
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async {
            apply::apply(tx, &batch.events, &batch.opener).await?;
            Ok(Vec::new())
        })
    }
}
