//! Cards of actors and nodes: kept in this process while nothing newer was heard, read from the views otherwise.
//!
//! The tail says how new a card must be. A fill that is older is shown, since the reader's own freshness was settled
//! before, but never kept.

mod actors;
mod comments;
mod kept;
mod nodes;
mod stories;

use std::sync::Arc;

use aredvi_events::envelope::Placed;
use aredvi_events::{ActorId, Body, MediumId};
use aredvi_projectors::db::DbError;
use aredvi_projectors::facts::follow::Listener;
use aredvi_projectors::runner::NotReady;

use crate::problem::Problem;
pub use comments::CommentView;
use kept::Kept;
pub use nodes::{Node, NodeView};
pub use stories::StoryView;

/// Cards of actors that a process keeps.
const ACTORS_KEPT: u64 = 200_000;
/// Cards of nodes that a process keeps.
const NODES_KEPT: u64 = 100_000;

/// The cards of one process.
pub struct Cards {
    actors: Kept<ActorId, aredvi_projectors::actors::queries::Card>,
    nodes: Kept<MediumId, Node>,
}

impl Default for Cards {
    fn default() -> Self {
        Self { actors: Kept::new(ACTORS_KEPT), nodes: Kept::new(NODES_KEPT) }
    }
}

impl Listener for Cards {
    fn hear(&self, placed: &Placed) {
        match &placed.event.body {
            Body::Actors(_) => {
                if let Ok(actor) = placed.event.key.parse() {
                    self.actors.needs(actor, placed.place.offset);
                }
            }
            Body::Media(_) => {
                if let Ok(medium) = placed.event.key.parse() {
                    self.nodes.needs(medium, placed.place.offset);
                }
            }
            Body::Identity(_)
            | Body::Sessions(_)
            | Body::Graph(_)
            | Body::Notifications(_)
            | Body::Deliveries(_)
            | Body::Any(_) => {}
        }
    }
}

/// A read model that cannot be read now.
pub fn unreadable(error: &DbError) -> Problem {
    tracing::warn!(error = %error.chain(), "a view cannot be read");
    Problem::unavailable()
}

/// A view that does not serve yet.
pub fn not_serving(error: &NotReady) -> Problem {
    tracing::warn!(error = %error, "a view does not serve");
    Problem::unavailable()
}

/// Shares one card.
fn shared<T>(value: T) -> Arc<T> {
    Arc::new(value)
}
