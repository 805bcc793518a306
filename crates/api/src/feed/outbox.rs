//! One owner's newest stories, 24 bytes each.

use aredvi_events::actors::Access;
use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, Id, Partition, Place, StoryId, Topic};

/// What filters and places a story without asking a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoryRef {
    id: u64,
    object: u64,
    offset_low: u32,
    offset_high: u8,
    /// Topic in the upper three bits, partition in the lower five.
    partition: u8,
    verb: u8,
    access: u8,
}

const _: () = assert!(size_of::<StoryRef>() == 24);

impl StoryRef {
    pub fn new(id: StoryId, object: Id, made_by: Place, verb: Verb, access: Access) -> Self {
        Self {
            id: id.get(),
            object: object.get(),
            offset_low: (made_by.offset & 0xffff_ffff) as u32,
            offset_high: ((made_by.offset >> 32) & 0xff) as u8,
            partition: (made_by.partition.topic.number() << 5) | (made_by.partition.number & 31) as u8,
            verb: verb.number(),
            access: access.number(),
        }
    }

    pub fn id(&self) -> StoryId {
        id(self.id).into()
    }

    pub fn object(&self) -> Id {
        id(self.object)
    }

    pub fn verb(&self) -> Verb {
        Verb::from_number(i64::from(self.verb)).unwrap_or(Verb::NoteAdd)
    }

    pub fn access(&self) -> Access {
        Access::from_number(i64::from(self.access))
    }

    fn tells_follow(&self, leader: ActorId) -> bool {
        self.object == leader.get() && self.verb() == Verb::ActorFollow
    }

    /// Where the event that made it stands.
    pub fn place(&self) -> Place {
        let topic = Topic::from_number(self.partition >> 5).unwrap_or(Topic::Media);
        let partition = Partition { topic, number: u32::from(self.partition & 31) };
        Place { partition, offset: (u64::from(self.offset_high) << 32) | u64::from(self.offset_low) }
    }
}

/// Every [`StoryRef`] is made from ids, which are never 0.
fn id(number: u64) -> Id {
    const LEAST: Id = match Id::new(1) {
        Some(id) => id,
        None => unreachable!(),
    };
    Id::new(number).unwrap_or(LEAST)
}

/// Ascending by id.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    stories: Vec<StoryRef>,
    /// Older stories exist in `story_feed` only.
    truncated: bool,
}

impl Outbox {
    pub fn add(&mut self, story: StoryRef, kept: usize) {
        match self.stories.binary_search_by_key(&story.id, |held| held.id) {
            Ok(_) => return,
            Err(at) => self.stories.insert(at, story),
        }
        if self.stories.len() > kept.saturating_mul(2) {
            let surplus = self.stories.len() - kept;
            self.stories.drain(..surplus);
            self.truncated = true;
        }
    }

    pub fn remove(&mut self, gone: impl Fn(&StoryRef) -> bool) {
        self.stories.retain(|story| !gone(story));
    }

    pub fn set_access(&mut self, medium: Id, access: Access) {
        for story in &mut self.stories {
            if story.object == medium.get() && story.verb() != Verb::ActorFollow {
                story.access = access.number();
            }
        }
    }

    pub fn access_of(&self, medium: Id) -> Option<Access> {
        self.stories
            .iter()
            .rev()
            .find(|story| story.object == medium.get() && story.verb() != Verb::ActorFollow)
            .map(StoryRef::access)
    }

    pub fn tells_follow(&self, leader: ActorId) -> bool {
        self.stories.iter().any(|story| story.tells_follow(leader))
    }

    pub fn forget_follow(&mut self, leader: ActorId) {
        self.remove(|story| story.tells_follow(leader));
    }

    /// The greatest id that it may hold or have let go; 0 when it never had any.
    pub fn newest(&self) -> u64 {
        let none_held = if self.truncated { u64::MAX } else { 0 };
        self.stories.last().map_or(none_held, |story| story.id)
    }

    /// The ids that are held, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = u64> {
        self.stories.iter().rev().map(|story| story.id)
    }

    pub fn len(&self) -> usize {
        self.stories.len()
    }

    /// The oldest id held, when older ones were let go.
    pub fn floor(&self) -> Option<u64> {
        self.truncated.then(|| self.stories.first().map_or(u64::MAX, |story| story.id))
    }

    /// Newest first, those below `before`.
    pub fn below(&self, before: u64) -> impl Iterator<Item = &StoryRef> {
        let end = self.stories.partition_point(|story| story.id < before);
        self.stories[..end].iter().rev()
    }
}
