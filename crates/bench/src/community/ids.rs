//! The ids of what the community holds. They lie below those that are ever minted, where imported history has its place,
//! and grow with time: people, then follows, then notes.

use aredvi_events::{ActorId, Id, MediumId, NotificationId, SessionId, StoryId};

/// Ids of follows' stories: so many are set apart for each person.
const FOLLOWS_EACH: u64 = 1 << 13;
const FOLLOWS: u64 = 1 << 32;
const MEDIA: u64 = 1 << 36;
const STORIES: u64 = 1 << 37;
const NOTIFICATIONS: u64 = 1 << 38;
const SESSIONS: u64 = 1 << 39;

pub fn actor(person: usize) -> ActorId {
    id(person as u64 + 1).into()
}

pub fn follow(person: usize, nth: usize) -> StoryId {
    id(FOLLOWS + person as u64 * FOLLOWS_EACH + nth as u64).into()
}

pub fn medium(n: u64) -> MediumId {
    id(MEDIA + n).into()
}

pub fn story(n: u64) -> StoryId {
    id(STORIES + n).into()
}

pub fn notification(n: u64) -> NotificationId {
    id(NOTIFICATIONS + n).into()
}

pub fn session(person: usize) -> SessionId {
    id(SESSIONS + person as u64).into()
}

#[expect(clippy::expect_used, reason = "none of the sums above is 0 or reaches 2^63")]
fn id(number: u64) -> Id {
    Id::new(number).expect("in range")
}
