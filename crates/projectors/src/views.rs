//! Every view in a database. The sessions live in the cache: [`crate::sessions`].

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::actors::Actors;
use crate::graph::Graph;
use crate::media::Media;
use crate::notification_feed::NotificationFeed;
use crate::story_feed::StoryFeed;
use crate::view::View;

/// All of them.
pub fn all() -> Vec<Arc<dyn View>> {
    vec![Arc::new(Accounts), Arc::new(Actors), Arc::new(Graph), Arc::new(Media), Arc::new(StoryFeed), Arc::new(NotificationFeed)]
}
