use std::collections::BTreeSet;
use std::sync::Arc;

use aredvi_events::actors::{Access, PersonRegistered, PrivacyChanged};
use aredvi_events::envelope::{Event, Origin, Placed};
use aredvi_events::graph::{Blocked, Followed, Unfollowed};
use aredvi_events::media::{AccessChanged, CommentAdded, CommentDeleted, MediumDeleted, NoteAdded};
use aredvi_events::sealing::{DataKey, Sealed};
use aredvi_events::{ActorId, Body, Id, JournalId, Partition, Place, Positions, StoryId, Topic};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::Listener;
use proptest::prelude::*;
use uuid::Uuid;

use super::{FeedIndex, Wanted};

const NOW_MS: i64 = 1_800_000_000_000;
const VIEWER: u64 = 1;
const LEADER: u64 = 2;
const OTHER: u64 = 3;

fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("in range").into()
}

fn sealed() -> Sealed {
    DataKey::new([1; 32]).seal(id(LEADER), Uuid::nil(), [0; 24], "x")
}

/// Facts and an index that hear the same events, at one offset more each time.
struct World {
    facts: Arc<Facts>,
    index: FeedIndex,
    offset: u64,
}

impl World {
    fn keeping(kept_per_owner: usize) -> Self {
        let facts = Arc::new(Facts::new());
        let index = FeedIndex::new(Arc::clone(&facts), kept_per_owner);
        let mut world = Self { facts, index, offset: 0 };
        for person in [VIEWER, LEADER, OTHER] {
            let registered =
                PersonRegistered { by: None, person: id(person), request: Uuid::nil(), username: sealed(), name: sealed() };
            world.hear(Topic::Actors, &person.to_string(), registered.into());
        }
        world.follow(VIEWER, LEADER, 900);
        world.facts.caught_up(NOW_MS);
        world
    }

    fn hear(&mut self, topic: Topic, key: &str, body: Body) {
        self.hear_as(self.offset + 1, topic, key, body);
    }

    /// Hears the event of this number, at the next offset: again, when it was heard before.
    fn hear_as(&mut self, number: u64, topic: Topic, key: &str, body: Body) {
        self.offset += 1;
        let place = Place { partition: Partition::of(topic, key), offset: self.offset };
        let event = Event {
            id: Uuid::from_u128(u128::from(number)),
            key: key.to_owned(),
            time_ms: NOW_MS,
            source: JournalId(Uuid::nil()),
            origin: Origin::Here,
            traceparent: None,
            body,
        };
        let placed = Placed { place, event };
        self.facts.apply(&placed);
        self.index.hear(&placed);
    }

    fn follow(&mut self, follower: u64, leader: u64, story: u64) {
        let (follower, leader) = (id(follower), id(leader));
        let key = aredvi_events::topic::pair_key(follower, leader);
        self.hear(Topic::Graph, &key, Followed { by: None, follower, leader, story: id(story) }.into());
    }

    /// A note whose medium has the story's number plus a million.
    fn note(&mut self, owner: u64, story: u64, access: Access) {
        let medium = medium(story);
        let note = NoteAdded {
            by: None,
            medium: id(medium),
            owner: id(owner),
            author: id(owner),
            access,
            body: sealed(),
            hashtags: None,
            mentions: Vec::new(),
            story: id(story),
        };
        self.hear(Topic::Media, &medium.to_string(), note.into());
    }

    fn delete(&mut self, owner: u64, story: u64) {
        let medium = medium(story);
        self.hear(Topic::Media, &medium.to_string(), MediumDeleted { by: None, medium: id(medium), owner: id(owner) }.into());
    }

    fn page(&self, before: Option<u64>, within: Option<&Positions>, limit: usize) -> (Vec<u64>, super::Slice) {
        let look = self.facts.look(NOW_MS);
        let me: ActorId = id(VIEWER);
        let mut owners = look.leader_ordinals(me).to_vec();
        owners.extend(look.ordinal(me));
        let before = before.map(id::<StoryId>);
        let slice = self.index.slice(&Wanted { viewer: Some(me), owners: &owners, before, within, limit }, &look);
        (slice.candidates.iter().map(|candidate| candidate.story.get()).collect(), slice)
    }

    fn first_page(&self) -> Vec<u64> {
        self.page(None, None, 100).0
    }
}

fn medium(story: u64) -> u64 {
    story + 1_000_000
}

#[test]
fn the_newest_of_ones_own_and_ones_leaders_come_first() {
    let mut world = World::keeping(100);
    world.note(LEADER, 1_000, Access::Public);
    world.note(VIEWER, 1_001, Access::Public);
    world.note(OTHER, 1_002, Access::Public);
    assert_eq!(world.first_page(), [1_001, 1_000, 900]);
}

#[test]
fn unfollow_block_privacy_and_deletion_act_on_the_next_page() {
    let mut world = World::keeping(100);
    world.note(LEADER, 1_000, Access::Public);
    world.note(LEADER, 1_001, Access::Public);
    world.delete(LEADER, 1_001);
    assert_eq!(world.first_page(), [1_000, 900]);

    let change = AccessChanged { by: None, medium: id(medium(1_000)), owner: id(LEADER), access: Access::Admins };
    world.hear(Topic::Media, &medium(1_000).to_string(), change.into());
    assert_eq!(world.first_page(), [900]);

    world.note(LEADER, 1_002, Access::Public);
    let private = PrivacyChanged { by: None, person: id(LEADER), access: Some(Access::Admins), allow_follow_requests: None };
    world.hear(Topic::Actors, &LEADER.to_string(), private.into());
    assert_eq!(world.first_page(), [900]);

    let block = Blocked { by: None, blocker: id(LEADER), blocked: id(VIEWER) };
    world.hear(Topic::Graph, "1:2", block.into());
    assert_eq!(world.first_page(), [] as [u64; 0], "the story of the follow goes with the follow");
}

#[test]
fn a_follow_is_told_once_and_goes_with_the_unfollow() {
    let mut world = World::keeping(100);
    world.follow(VIEWER, LEADER, 901);
    assert_eq!(world.first_page(), [900]);
    world.hear(Topic::Graph, "1:2", Unfollowed { by: None, follower: id(VIEWER), leader: id(LEADER) }.into());
    assert_eq!(world.first_page(), [] as [u64; 0]);
}

#[test]
fn what_is_appended_again_brings_nothing_back_and_takes_nothing_away() {
    let mut world = World::keeping(100);
    let follow = |story| Followed { by: None, follower: id(VIEWER), leader: id(OTHER), story: id(story) };
    let unfollow = || Unfollowed { by: None, follower: id(VIEWER), leader: id(OTHER) };
    world.hear_as(1_001, Topic::Graph, "1:3", follow(910).into());
    world.hear_as(1_002, Topic::Graph, "1:3", unfollow().into());
    world.hear_as(1_001, Topic::Graph, "1:3", follow(910).into());
    assert_eq!(world.first_page(), [900], "no follow, no story");
    world.hear_as(1_003, Topic::Graph, "1:3", follow(911).into());
    world.hear_as(1_001, Topic::Graph, "1:3", follow(910).into());
    world.hear_as(1_002, Topic::Graph, "1:3", unfollow().into());
    assert_eq!(world.first_page(), [911, 900]);

    let change = |access| AccessChanged { by: None, medium: id(medium(920)), owner: id(LEADER), access };
    world.note(LEADER, 920, Access::Public);
    world.hear_as(1_004, Topic::Media, &medium(920).to_string(), change(Access::Admins).into());
    world.hear_as(1_005, Topic::Media, &medium(920).to_string(), change(Access::Public).into());
    world.hear_as(1_004, Topic::Media, &medium(920).to_string(), change(Access::Admins).into());
    assert_eq!(world.first_page(), [920, 911, 900]);
}

#[test]
fn a_comment_is_told_on_the_owners_page_with_the_mediums_access() {
    let mut world = World::keeping(100);
    world.note(LEADER, 1_000, Access::Followers);
    let comment = CommentAdded {
        by: None,
        medium: id(medium(1_000)),
        owner: id(LEADER),
        comment: id(5_000_000),
        author: id(OTHER),
        body: sealed(),
        hashtags: None,
        mentions: Vec::new(),
        story: id(1_001),
    };
    world.hear(Topic::Media, &medium(1_000).to_string(), comment.into());
    assert_eq!(world.first_page(), [1_001, 1_000, 900]);
    let gone =
        CommentDeleted { by: None, medium: id(medium(1_000)), owner: id(LEADER), comment: id(5_000_000), story: id(1_001) };
    world.hear(Topic::Media, &medium(1_000).to_string(), gone.into());
    assert_eq!(world.first_page(), [1_000, 900]);
}

#[test]
fn facts_that_are_too_old_show_public_things_alone() {
    let mut world = World::keeping(100);
    world.note(LEADER, 1_000, Access::Public);
    world.note(LEADER, 1_001, Access::Followers);
    assert_eq!(world.first_page(), [1_001, 1_000, 900]);
    let look = world.facts.look(NOW_MS + 60_000);
    let owners = look.leader_ordinals(id(VIEWER)).to_vec();
    let wanted = Wanted { viewer: Some(id(VIEWER)), owners: &owners, before: None, within: None, limit: 10 };
    let shown: Vec<u64> = world.index.slice(&wanted, &look).candidates.iter().map(|c| c.story.get()).collect();
    assert_eq!(shown, [1_000]);
}

#[test]
fn below_what_memory_holds_the_rows_are_asked() {
    let mut world = World::keeping(2);
    for story in 1_000..1_010 {
        world.note(LEADER, story, Access::Public);
    }
    let (shown, slice) = world.page(None, None, 100);
    let floor = slice.floor.expect("older ones were let go").get();
    assert!(shown.iter().all(|story| *story >= floor), "{shown:?} above {floor}");
    assert_eq!(shown.first(), Some(&1_009));
}

#[test]
fn the_newest_of_all_owners_are_told() {
    let mut world = World::keeping(1_000);
    for story in 1_000..1_050 {
        world.note(if story % 5 == 0 { OTHER } else { LEADER }, story, Access::Public);
    }
    let newest = |limit| world.index.newest(limit).into_iter().map(StoryId::get).collect::<Vec<_>>();
    assert_eq!(newest(7), [1_049, 1_048, 1_047, 1_046, 1_045, 1_044, 1_043]);
    assert_eq!(newest(1_000).len(), 51, "the notes and the follow");
    assert!(newest(0).is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Note { owner: u64, story: u64 },
    Delete { nth: usize },
    Page,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (prop_oneof![Just(VIEWER), Just(LEADER)], 1_000_u64..100_000).prop_map(|(owner, story)| Step::Note { owner, story }),
        1 => any::<usize>().prop_map(|nth| Step::Delete { nth }),
        2 => Just(Step::Page),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    /// Ids come in any order, as from clocks that differ: what was there at the first page and stays appears exactly once.
    #[test]
    fn every_story_visible_from_first_page_to_last_appears_once(
        before in proptest::collection::btree_set(1_000_u64..100_000, 0..60),
        meanwhile in steps(),
        limit in 1_usize..7,
    ) {
        let mut world = World::keeping(1_000);
        let mut owners = std::collections::BTreeMap::new();
        for story in &before {
            let owner = if story % 3 == 0 { VIEWER } else { LEADER };
            owners.insert(*story, owner);
            world.note(owner, *story, Access::Public);
        }
        let mut staying: BTreeSet<u64> = before.iter().copied().chain([900]).collect();
        let (mut shown, first) = world.page(None, None, limit);
        let within = first.heard;
        let turn = |world: &World, shown: &mut Vec<u64>| {
            let last = shown.last().copied();
            let (page, _) = world.page(last, Some(&within), limit);
            shown.extend(&page);
            page.len() == limit
        };
        for step in meanwhile {
            match step {
                Step::Note { owner, story } => {
                    if let std::collections::btree_map::Entry::Vacant(free) = owners.entry(story) {
                        free.insert(owner);
                        world.note(owner, story, Access::Public);
                    }
                }
                Step::Delete { nth } => {
                    if let Some((&story, &owner)) = owners.iter().nth(nth % owners.len().max(1)) {
                        staying.remove(&story);
                        world.delete(owner, story);
                    }
                }
                Step::Page => {
                    if !shown.is_empty() {
                        turn(&world, &mut shown);
                    }
                }
            }
        }
        for _ in 0..200 {
            if shown.is_empty() || !turn(&world, &mut shown) {
                break;
            }
        }
        let distinct: BTreeSet<u64> = shown.iter().copied().collect();
        prop_assert_eq!(distinct.len(), shown.len(), "nothing twice: {:?}", shown);
        prop_assert!(shown.is_sorted_by(|a, b| a > b));
        if !shown.is_empty() {
            let missed: Vec<&u64> = staying.difference(&distinct).collect();
            prop_assert!(missed.is_empty(), "missed {missed:?}");
        }
        prop_assert!(distinct.iter().all(|story| before.contains(story) || *story == 900), "later ones wait for a reload");
    }
}
