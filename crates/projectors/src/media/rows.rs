//! The rows of `media`.

use aredvi_events::{ActorId, CommentId, MediumId, Place, StoryId};

use crate::rows::row;
use crate::seen::Seen;

row! {
    /// A medium.
    struct Node in "nodes" {
        key {
            id: MediumId,
        }
        owner: ActorId,
        author: ActorId,
        access: u32,
        /// None once deleted or erased.
        body: Option<String>,
        comment_count: i64,
        vote_count: i64,
        created_at: i64,
        edited_at: Option<i64>,
        deleted: bool,
        story: StoryId,
        seen: Seen,
        last_part: u32,
        last_offset: u64,
    }
}

row! {
    /// A comment.
    struct Comment in "comments" {
        key {
            id: CommentId,
        }
        medium: MediumId,
        author: ActorId,
        /// None once deleted or erased.
        body: Option<String>,
        vote_count: i64,
        created_at: i64,
        edited_at: Option<i64>,
        deleted: bool,
        story: StoryId,
        seen: Seen,
        last_part: u32,
        last_offset: u64,
    }
}

row! {
    /// A like; of the medium itself when `comment_id` is 0.
    struct Vote in "votes" {
        key {
            medium: MediumId,
            comment_id: u64,
            voter: ActorId,
        }
        voted: bool,
        seen: Seen,
    }
}

row! {
    /// Whether a person is told of what happens to a medium.
    struct Subscription in "subscriptions" {
        key {
            medium: MediumId,
            person: ActorId,
        }
        wanted: bool,
        seen: Seen,
    }
}

/// The medium itself, where a comment's id could stand.
pub(super) const ITSELF: u64 = 0;

impl Node {
    pub(super) fn at(&mut self, place: Place) {
        (self.last_part, self.last_offset) = (place.partition.number, place.offset);
    }
}

impl Comment {
    pub(super) fn at(&mut self, place: Place) {
        (self.last_part, self.last_offset) = (place.partition.number, place.offset);
    }
}
