//! The rows of `graph`.

use aredvi_events::{ActorId, NotificationId, Place, StoryId};

use crate::rows::row;
use crate::seen::Seen;

/// From one actor to another.
pub(super) type Pair = (ActorId, ActorId);

row! {
    /// Whether `src` follows `dst`.
    struct Edge in "edges" {
        key {
            src: ActorId,
            dst: ActorId,
        }
        /// The story of the follow; none while there is no follow.
        story: Option<StoryId>,
        seen: Seen,
        last_part: u32,
        last_offset: u64,
    }
}

row! {
    /// What else stands from `src` to `dst`.
    struct Tie in "ties" {
        key {
            src: ActorId,
            dst: ActorId,
        }
        /// The notice of the request to follow; none while there is no request.
        request: Option<NotificationId>,
        blocking: bool,
        subscribed: bool,
        /// When the last of it changed.
        since: i64,
        seen: Seen,
        last_part: u32,
        last_offset: u64,
    }
}

impl Edge {
    pub(super) fn new((src, dst): Pair) -> Self {
        Self { src, dst, story: None, seen: Seen::default(), last_part: 0, last_offset: 0 }
    }

    pub(super) fn at(&mut self, place: Place) {
        (self.last_part, self.last_offset) = (place.partition.number, place.offset);
    }
}

impl Tie {
    pub(super) fn new((src, dst): Pair) -> Self {
        Self {
            src,
            dst,
            request: None,
            blocking: false,
            subscribed: false,
            since: 0,
            seen: Seen::default(),
            last_part: 0,
            last_offset: 0,
        }
    }

    pub(super) fn at(&mut self, place: Place, time_ms: i64) {
        self.since = time_ms;
        (self.last_part, self.last_offset) = (place.partition.number, place.offset);
    }
}
