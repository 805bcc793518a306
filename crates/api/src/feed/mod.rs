//! The feed index: every owner's newest stories in memory, kept by tailing the journal.
//!
//! A story is written once, into its owner's outbox. A home page merges the outboxes of the viewer and his leaders at
//! the moment of reading, so writing costs the same for ten followers and ten million. The index proposes; the rows of
//! `story_feed` and `media` decide when a page is filled in.

mod outbox;
mod page;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use aredvi_events::actors::Access;
use aredvi_events::envelope::Placed;
use aredvi_events::graph::GraphEvent;
use aredvi_events::media::MediaEvent;
use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, Body, Id, MediumId, Place, Positions, StoryId};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::Listener;
use aredvi_projectors::recent::Recent;
use aredvi_projectors::story_feed::queries::Indexed;
use uuid::Uuid;

use outbox::{Outbox, StoryRef};
pub use page::{Candidate, Slice, Wanted};

/// The stories of one process.
pub struct FeedIndex {
    facts: Arc<Facts>,
    kept_per_owner: usize,
    outboxes: RwLock<Outboxes>,
    /// Changes of access go to and fro: one appended again must not count.
    recent: Mutex<Recent<MediumId>>,
}

/// By the owner's ordinal in [`Facts`].
#[derive(Default)]
struct Outboxes {
    /// The newest story id of each owner, 0 for none and the greatest where memory holds none of those there are: looked at
    /// first, so that only owners who can reach a page are opened.
    newest: Vec<u64>,
    boxes: Vec<Outbox>,
    positions: Positions,
    /// What the facts were loaded with.
    in_facts: Positions,
}

impl FeedIndex {
    /// Nothing known yet; it will keep the newest `kept_per_owner` stories of each owner.
    pub fn new(facts: Arc<Facts>, kept_per_owner: usize) -> Self {
        Self { facts, kept_per_owner: kept_per_owner.max(1), outboxes: RwLock::default(), recent: Mutex::default() }
    }

    /// Takes in a story from `story_feed`, newest or oldest first; repeats change nothing.
    pub fn load(&self, owner: ActorId, verb: Verb, story: StoryId, object: Id, access: Access, made_by: Place) {
        let owner = self.facts.ordinal(owner);
        self.write().add(owner, StoryRef::new(story, object, made_by, verb, access), self.kept_per_owner);
    }

    /// Takes in stories from `story_feed`.
    pub fn load_all(&self, stories: &[Indexed]) {
        let owners = self.facts.ordinals(stories.iter().map(|story| story.owner));
        let mut outboxes = self.write();
        for (story, owner) in stories.iter().zip(owners) {
            let held = StoryRef::new(story.id, story.object, story.made_by, story.verb, story.access);
            outboxes.add(owner, held, self.kept_per_owner);
        }
    }

    /// Everything before `positions` is loaded, and everything before `in_facts` is in the facts.
    pub fn loaded(&self, positions: &Positions, in_facts: &Positions) {
        let mut outboxes = self.write();
        outboxes.positions.union(positions);
        outboxes.in_facts = in_facts.clone();
    }

    /// How many stories are held.
    pub fn len(&self) -> usize {
        self.read().boxes.iter().map(Outbox::len).sum()
    }

    /// Whether no story is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The newest stories that are held, of whatever owner, at most `limit`; the newest first.
    pub fn newest(&self, limit: usize) -> Vec<StoryId> {
        let outboxes = self.read();
        // The least one on top.
        let mut newest: BinaryHeap<Reverse<u64>> = BinaryHeap::with_capacity(limit);
        for outbox in &outboxes.boxes {
            for id in outbox.newest_first() {
                if newest.len() < limit {
                    newest.push(Reverse(id));
                    continue;
                }
                match newest.peek_mut() {
                    Some(mut least) if least.0 < id => *least = Reverse(id),
                    // All the others of this owner are older.
                    _ => break,
                }
            }
        }
        newest.into_sorted_vec().into_iter().filter_map(|Reverse(id)| Id::new(id)).map(StoryId::from).collect()
    }

    /// The stories on an owner's page that tell of a medium, the newest first, as far as memory reaches.
    pub fn of_medium(&self, owner: ActorId, medium: MediumId) -> Vec<StoryId> {
        let owner = self.facts.ordinal(owner);
        let of_medium = |story: &StoryRef| story.verb() != Verb::ActorFollow && story.object() == medium.into();
        self.read().ids(owner, of_medium)
    }

    /// The stories on a follower's page that tell that he follows somebody, as far as memory reaches.
    pub fn of_follow(&self, follower: ActorId, leader: ActorId) -> Vec<StoryId> {
        let owner = self.facts.ordinal(follower);
        self.read().ids(owner, |story| story.verb() == Verb::ActorFollow && story.object() == leader.into())
    }

    /// The newest stories on an owner's page, at most `limit`; none where memory holds neither so many nor all.
    pub fn newest_of(&self, owner: ActorId, limit: usize) -> Option<Vec<StoryId>> {
        let owner = self.facts.ordinal(owner);
        let outboxes = self.read();
        let mut newest = outboxes.ids(owner, |_| true);
        let all = outboxes.boxes.get(owner as usize).is_none_or(|outbox| outbox.floor().is_none());
        newest.truncate(limit);
        (all || newest.len() == limit).then_some(newest)
    }

    /// Whether memory reaches back to every story on an owner's page that tells of a medium: its comments' are younger
    /// than its own.
    pub fn holds_medium(&self, owner: ActorId, medium: MediumId) -> bool {
        let owner = self.facts.ordinal(owner);
        self.read().holds(owner, |story| story.verb() == Verb::NoteAdd && story.object() == medium.into())
    }

    /// Whether memory reaches back to the story on a follower's page that tells that he follows somebody.
    pub fn holds_follow(&self, follower: ActorId, leader: ActorId) -> bool {
        let owner = self.facts.ordinal(follower);
        self.read().holds(owner, |story| story.verb() == Verb::ActorFollow && story.object() == leader.into())
    }

    /// The access of a medium on an owner's page, if a story of it is held.
    pub fn access(&self, owner: ActorId, medium: MediumId) -> Option<Access> {
        let owner = self.facts.ordinal(owner);
        self.read().access_of(owner, medium.into())
    }

    fn read(&self) -> RwLockReadGuard<'_, Outboxes> {
        self.outboxes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Outboxes> {
        self.outboxes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear_media(&self, event: &MediaEvent, id: Uuid, place: Place) {
        match event {
            MediaEvent::NoteAdded(e) => {
                self.load(e.owner, Verb::NoteAdd, e.story, e.medium.into(), e.access, place);
            }
            MediaEvent::CommentAdded(e) => {
                let owner = self.facts.ordinal(e.owner);
                let mut outboxes = self.write();
                let access = outboxes.access_of(owner, e.medium.into()).unwrap_or_default();
                let story = StoryRef::new(e.story, e.medium.into(), place, Verb::NoteComment, access);
                outboxes.add(owner, story, self.kept_per_owner);
            }
            MediaEvent::AccessChanged(e) => {
                let owner = self.facts.ordinal(e.owner);
                if self.recent.lock().unwrap_or_else(PoisonError::into_inner).is_new(e.medium, id) {
                    self.write().change(owner, |outbox| outbox.set_access(e.medium.into(), e.access));
                }
            }
            MediaEvent::MediumDeleted(e) => {
                let owner = self.facts.ordinal(e.owner);
                self.write().change(owner, |outbox| {
                    outbox.remove(|story| story.object() == e.medium.into() && story.verb() != Verb::ActorFollow);
                });
            }
            MediaEvent::CommentDeleted(e) => {
                let owner = self.facts.ordinal(e.owner);
                self.write().change(owner, |outbox| outbox.remove(|story| story.id() == e.story));
            }
            MediaEvent::NoteEdited(_)
            | MediaEvent::MediumVoted(_)
            | MediaEvent::MediumUnvoted(_)
            | MediaEvent::MediumSubscribed(_)
            | MediaEvent::MediumUnsubscribed(_)
            | MediaEvent::CommentEdited(_)
            | MediaEvent::CommentVoted(_)
            | MediaEvent::CommentUnvoted(_) => {}
        }
    }

    fn hear_graph(&self, event: &GraphEvent, place: Place) {
        match event {
            GraphEvent::Followed(e) => {
                if self.facts.follows(e.follower, e.leader) {
                    let owner = self.facts.ordinal(e.follower);
                    let mut outboxes = self.write();
                    if !outboxes.tells_follow(owner, e.leader) {
                        let story = StoryRef::new(e.story, e.leader.into(), place, Verb::ActorFollow, Access::Public);
                        outboxes.add(owner, story, self.kept_per_owner);
                    }
                }
            }
            GraphEvent::Unfollowed(e) => self.forget_follow(e.follower, e.leader, place),
            GraphEvent::Blocked(e) => {
                self.forget_follow(e.blocker, e.blocked, place);
                self.forget_follow(e.blocked, e.blocker, place);
            }
            GraphEvent::FollowRequested(_)
            | GraphEvent::FollowRequestEnded(_)
            | GraphEvent::Unblocked(_)
            | GraphEvent::Subscribed(_)
            | GraphEvent::Unsubscribed(_) => {}
        }
    }

    /// The facts have heard the event before: one that was appended again has ended nothing. Facts that were loaded with
    /// what came later say nothing about it.
    fn forget_follow(&self, follower: ActorId, leader: ActorId, place: Place) {
        let owner = self.facts.ordinal(follower);
        let follows = self.facts.follows(follower, leader);
        let mut outboxes = self.write();
        if !follows || outboxes.in_facts.includes(place) {
            outboxes.change(owner, |outbox| outbox.forget_follow(leader));
        }
    }
}

impl Listener for FeedIndex {
    fn hear(&self, placed: &Placed) {
        match &placed.event.body {
            Body::Media(event) => self.hear_media(event, placed.event.id, placed.place),
            Body::Graph(event) => self.hear_graph(event, placed.place),
            Body::Identity(_)
            | Body::Actors(_)
            | Body::Sessions(_)
            | Body::Notifications(_)
            | Body::Deliveries(_)
            | Body::Any(_) => return,
        }
        self.write().positions.include(placed.place);
    }
}

impl Outboxes {
    fn add(&mut self, owner: u32, story: StoryRef, kept: usize) {
        let owner = owner as usize;
        if owner >= self.boxes.len() {
            self.boxes.resize_with(owner + 1, Outbox::default);
            self.newest.resize(owner + 1, 0);
        }
        self.boxes[owner].add(story, kept);
        self.newest[owner] = self.boxes[owner].newest();
    }

    fn change(&mut self, owner: u32, change: impl FnOnce(&mut Outbox)) {
        if let Some(outbox) = self.boxes.get_mut(owner as usize) {
            change(outbox);
            self.newest[owner as usize] = outbox.newest();
        }
    }

    fn ids(&self, owner: u32, of: impl Fn(&StoryRef) -> bool) -> Vec<StoryId> {
        let Some(outbox) = self.boxes.get(owner as usize) else { return Vec::new() };
        outbox.below(u64::MAX).filter(|story| of(story)).map(StoryRef::id).collect()
    }

    /// Whether such a story is held, or everything is.
    fn holds(&self, owner: u32, such: impl Fn(&StoryRef) -> bool) -> bool {
        let Some(outbox) = self.boxes.get(owner as usize) else { return true };
        outbox.floor().is_none() || outbox.below(u64::MAX).any(such)
    }

    fn access_of(&self, owner: u32, medium: Id) -> Option<Access> {
        self.boxes.get(owner as usize)?.access_of(medium)
    }

    fn tells_follow(&self, owner: u32, leader: ActorId) -> bool {
        self.boxes.get(owner as usize).is_some_and(|outbox| outbox.tells_follow(leader))
    }
}
