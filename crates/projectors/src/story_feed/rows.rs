//! The rows of `story_feed`.

use aredvi_events::actors::Access;
use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, CommentId, MediumId, Place, StoryId};

use crate::rows::row;
use crate::seen::Seen;

row! {
    /// One line of an actor's page.
    struct Story in "stories" {
        key {
            id: StoryId,
        }
        owner: ActorId,
        verb: u32,
        subject: ActorId,
        medium: Option<MediumId>,
        actor: Option<ActorId>,
        comment_id: Option<CommentId>,
        access: u32,
        created_at: i64,
        gone: bool,
        made_topic: u32,
        made_part: u32,
        made_offset: u64,
        last_offset: u64,
    }
}

row! {
    /// A medium with stories.
    struct Medium in "media" {
        key {
            medium: MediumId,
        }
        owner: ActorId,
        access: u32,
        deleted: bool,
        seen: Seen,
        last_part: u32,
        last_offset: u64,
    }
}

row! {
    /// What stands from `src` to `dst`.
    struct Pair in "pairs" {
        key {
            src: ActorId,
            dst: ActorId,
        }
        /// The story of the follow; none while there is no follow.
        story: Option<StoryId>,
        blocking: bool,
        seen: Seen,
        last_part: u32,
        last_offset: u64,
    }
}

impl Story {
    /// A story that the event at `place` makes.
    pub(super) fn made(id: StoryId, owner: ActorId, verb: Verb, subject: ActorId, created_at: i64, place: Place) -> Self {
        Self {
            id,
            owner,
            verb: u32::from(verb.number()),
            subject,
            medium: None,
            actor: None,
            comment_id: None,
            access: u32::from(Access::Public.number()),
            created_at,
            gone: false,
            made_topic: u32::from(place.partition.topic.number()),
            made_part: place.partition.number,
            made_offset: place.offset,
            last_offset: place.offset,
        }
    }
}

impl Pair {
    pub(super) fn new((src, dst): (ActorId, ActorId)) -> Self {
        Self { src, dst, story: None, blocking: false, seen: Seen::default(), last_part: 0, last_offset: 0 }
    }

    pub(super) fn at(&mut self, place: Place) {
        (self.last_part, self.last_offset) = (place.partition.number, place.offset);
    }
}
