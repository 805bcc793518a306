//! Cards of actors, nodes and comments: kept in this process while nothing newer was heard, else asked for on the shelf
//! that the processes share, and read from the views last. New notes are kept as their events tell them.
//!
//! The tail says how new a card must be. A fill that is older is shown, since the reader's own freshness was settled
//! before, but never kept.

mod actors;
mod ahead;
mod comments;
mod kept;
mod nodes;
mod notifications;
pub mod shelf;
mod stories;
mod young;

use std::sync::Arc;

use aredvi_events::envelope::Placed;
use aredvi_events::media::{MediaEvent, NoteAdded};
use aredvi_events::{ActorId, Body, CommentId, MediumId, Partition, Positions, StoryId, Topic};
use aredvi_projectors::cache::Cache;
use aredvi_projectors::db::DbError;
use aredvi_projectors::facts::follow::{Heard, Listener};
use aredvi_projectors::keys::KeyStore;
use aredvi_projectors::media::queries::CommentRow;
use aredvi_projectors::runner::NotReady;
use aredvi_projectors::story_feed::queries::Row;
use aredvi_projectors::trouble::Trouble;

use crate::problem::Problem;
pub use comments::CommentView;
use kept::Kept;
pub use nodes::{Node, NodeView, sees};
use shelf::Shelf;
pub use stories::StoryView;
use young::Young;

/// Cards of actors that a process keeps.
const ACTORS_KEPT: usize = 200_000;
/// Cards of nodes that a process keeps.
const NODES_KEPT: usize = 100_000;
/// Comments that a process keeps.
const COMMENTS_KEPT: usize = 100_000;
/// Stories that a process keeps.
const STORIES_KEPT: usize = 200_000;

/// The cards of one process.
pub struct Cards {
    actors: Kept<ActorId, aredvi_projectors::actors::queries::Card>,
    nodes: Kept<MediumId, Node>,
    comments: Kept<CommentId, CommentRow>,
    /// In the order of their ids, where they are few.
    comment_voters: Kept<CommentId, Vec<ActorId>>,
    /// Rows of `story_feed`, which never change but for what their media, comments and follows tell better.
    stories: Kept<StoryId, Row>,
    shelf: Shelf,
    young: Young,
}

impl Cards {
    /// None yet; this cache stands behind them, and new notes are opened with these keys.
    pub fn new(cache: &Cache, keys: KeyStore) -> Self {
        Self {
            actors: Kept::new(ACTORS_KEPT),
            nodes: Kept::new(NODES_KEPT),
            comments: Kept::new(COMMENTS_KEPT),
            comment_voters: Kept::new(COMMENTS_KEPT),
            stories: Kept::new(STORIES_KEPT),
            shelf: Shelf::new(cache),
            young: Young::new(keys, cache.clock().clone()),
        }
    }

    /// The tail begins here.
    pub fn begin(&self, from: &Positions) {
        self.shelf.begin(from);
        self.young.begin();
    }

    /// Keeps what adds a note as the note.
    fn keep_young(&self, placed: &Placed, added: &NoteAdded) {
        if let Some((node, story)) = self.young.note(placed, added) {
            self.nodes.put(added.medium, placed.place.offset, &node);
            self.stories.put(added.story, placed.place.offset, &story);
        }
    }

    /// Keeps the shelf, until it is dropped; `heard` is how far these have heard.
    pub async fn keep(&self, heard: &Heard) {
        self.shelf.keep(heard).await;
    }
}

impl Listener for Cards {
    fn hear(&self, placed: &Placed) {
        match &placed.event.body {
            // It changes no card.
            Body::Actors(event) if event.is_refusal() => {}
            Body::Actors(_) => {
                if let Ok(actor) = placed.event.key.parse() {
                    self.actors.needs(actor, placed.place.offset);
                }
            }
            Body::Media(event) => {
                if let Ok(medium) = placed.event.key.parse() {
                    let first = self.nodes.needs(medium, placed.place.offset);
                    if let (true, MediaEvent::NoteAdded(added)) = (first, event) {
                        self.keep_young(placed, added);
                    }
                }
                if let Some(comment) = comment_of(event) {
                    self.comments.needs(comment, placed.place.offset);
                    self.comment_voters.needs(comment, placed.place.offset);
                }
            }
            Body::Identity(_)
            | Body::Sessions(_)
            | Body::Graph(_)
            | Body::Notifications(_)
            | Body::Deliveries(_)
            | Body::Any(_) => {}
        }
        self.shelf.hear(placed);
    }
}

/// The partition of a medium's events.
fn partition_of(medium: MediumId) -> Partition {
    Partition::of(Topic::Media, &medium.to_string())
}

/// The comment that an event changes.
fn comment_of(event: &MediaEvent) -> Option<CommentId> {
    match event {
        MediaEvent::CommentAdded(e) => Some(e.comment),
        MediaEvent::CommentEdited(e) => Some(e.comment),
        MediaEvent::CommentDeleted(e) => Some(e.comment),
        MediaEvent::CommentVoted(e) => Some(e.comment),
        MediaEvent::CommentUnvoted(e) => Some(e.comment),
        MediaEvent::NoteAdded(_)
        | MediaEvent::NoteEdited(_)
        | MediaEvent::AccessChanged(_)
        | MediaEvent::MediumDeleted(_)
        | MediaEvent::MediumVoted(_)
        | MediaEvent::MediumUnvoted(_)
        | MediaEvent::MediumSubscribed(_)
        | MediaEvent::MediumUnsubscribed(_) => None,
    }
}

/// A read model that cannot be read now.
pub fn unreadable(error: &DbError) -> Problem {
    static UNREADABLE: Trouble = Trouble::new();
    if let Some(told) = UNREADABLE.happened(error) {
        tracing::warn!(error = told.reason, left_out = told.left_out, "a view cannot be read");
    }
    Problem::unavailable()
}

/// A view that does not serve yet.
pub fn not_serving(error: &NotReady) -> Problem {
    static UNSERVED: Trouble = Trouble::new();
    if let Some(told) = UNSERVED.happened(error) {
        tracing::warn!(error = told.reason, left_out = told.left_out, "a view does not serve");
    }
    Problem::unavailable()
}

/// Shares one card.
fn shared<T>(value: T) -> Arc<T> {
    Arc::new(value)
}
