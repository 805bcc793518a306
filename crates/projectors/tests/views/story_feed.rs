//! Each owner's stories.

use std::collections::BTreeMap;

use aredvi_events::actors::Access;
use aredvi_events::graph::{Blocked, Followed, GraphEvent, Unblocked, Unfollowed};
use aredvi_events::media::{AccessChanged, CommentAdded, CommentDeleted, MediaEvent, MediumDeleted, MediumVoted, NoteAdded};
use aredvi_events::notifications::Verb;
use aredvi_events::topic::pair_key;
use aredvi_events::{ActorId, CommentId, MediumId, StoryId};
use aredvi_projectors::story_feed::StoryFeed;
use aredvi_projectors::story_feed::queries::{self, Row};
use proptest::prelude::*;

use crate::log::{Log, START_MS, id};
use crate::world::World;
use crate::{engines, laws};

/// The owner of every page that media stand on.
const OWNER: u64 = 90;
const NOTHING_BELOW: u64 = i64::MAX as u64;

/// What happens; media, comments and people are small numbers.
#[derive(Debug, Clone, Copy)]
enum What {
    Note(u64),
    Comment(u64, u64),
    DeleteComment(u64, u64),
    ChangeAccess(u64, usize),
    Delete(u64),
    Vote(u64),
    Follow(u64, u64),
    Unfollow(u64, u64),
    Block(u64, u64),
    Unblock(u64, u64),
}
use What::{Block, ChangeAccess, Comment, Delete, DeleteComment, Follow, Note, Unblock, Unfollow, Vote};

/// A log whose stories have the ids 5000, 5001, … in the order of their events.
#[derive(Default)]
struct Stories {
    log: Log,
    of_comments: BTreeMap<CommentId, StoryId>,
}

fn medium_id(number: u64) -> MediumId {
    id(1_000 + number)
}

fn comment_id(medium: u64, number: u64) -> CommentId {
    id(2_000 + 10 * medium + number)
}

fn story(event: u64) -> StoryId {
    id(5_000 + event)
}

impl Stories {
    fn push(&mut self, what: What) {
        match what {
            Follow(one, other) | Unfollow(one, other) | Block(one, other) | Unblock(one, other) => {
                self.push_graph(what, id(one), id(other));
            }
            Note(medium)
            | Comment(medium, _)
            | DeleteComment(medium, _)
            | ChangeAccess(medium, _)
            | Delete(medium)
            | Vote(medium) => {
                self.push_media(what, medium);
            }
        }
    }

    fn push_graph(&mut self, what: What, one: ActorId, other: ActorId) {
        let (by, story) = (Some(one), story(self.log.placed.len() as u64));
        let event: GraphEvent = match what {
            Follow(..) => Followed { by, follower: one, leader: other, story }.into(),
            Unfollow(..) => Unfollowed { by, follower: one, leader: other }.into(),
            Block(..) => Blocked { by, blocker: one, blocked: other }.into(),
            Unblock(..) | Note(_) | Comment(..) | DeleteComment(..) | ChangeAccess(..) | Delete(_) | Vote(_) => {
                Unblocked { by, blocker: one, blocked: other }.into()
            }
        };
        self.log.push(pair_key(one, other), event);
    }

    fn push_media(&mut self, what: What, number: u64) {
        let (author, owner, medium): (ActorId, ActorId, MediumId) = (id(1), id(OWNER), medium_id(number));
        let (by, story) = (Some(author), story(self.log.placed.len() as u64));
        let (body, hashtags, mentions) = (self.log.seal(author, "Hello"), None, Vec::new());
        let event: MediaEvent = match what {
            Note(_) => {
                let access = Access::Registered;
                NoteAdded { by, medium, owner, author, access, body, hashtags, mentions, story }.into()
            }
            Comment(_, n) => {
                let comment = comment_id(number, n);
                let story = *self.of_comments.entry(comment).or_insert(story);
                CommentAdded { by, medium, owner, comment, author, body, hashtags, mentions, story }.into()
            }
            DeleteComment(_, n) => {
                let comment = comment_id(number, n);
                let story = self.of_comments.get(&comment).copied().unwrap_or(story);
                CommentDeleted { by, medium, owner, comment, story }.into()
            }
            ChangeAccess(_, level) => AccessChanged { by, medium, owner, access: Access::ALL[level % 6] }.into(),
            Delete(_) => MediumDeleted { by, medium, owner }.into(),
            Vote(_) | Follow(..) | Unfollow(..) | Block(..) | Unblock(..) => {
                MediumVoted { by, medium, owner, voter: author, notice: id(7_000) }.into()
            }
        };
        self.log.push(medium, event);
    }
}

fn log(events: &[What]) -> Log {
    let mut stories = Stories::default();
    for &what in events {
        stories.push(what);
    }
    stories.log
}

fn what() -> impl Strategy<Value = What> {
    (0_u8..14, 1_u64..4, 1_u64..4, 0_usize..6).prop_map(|(what, one, other, level)| match what {
        0 => Note(one),
        1 | 2 => Comment(one, other),
        3 => DeleteComment(one, other),
        4 => ChangeAccess(one, level),
        5 => Delete(one),
        6 => Vote(one),
        7..=9 => Follow(one, other),
        10 | 11 => Unfollow(one, other),
        12 => Block(one, other),
        _ => Unblock(one, other),
    })
}

#[test]
fn stories_are_a_function_of_the_log() {
    laws::hold(&StoryFeed, prop::collection::vec(what(), 0..40), |events| {
        let mut stories = Stories::default();
        let mut begun = Vec::new();
        for &what in events {
            // Nobody can say anything of what is not there yet; of medium 3 nothing is ever there.
            let (first, second) = match what {
                Comment(medium, n) | DeleteComment(medium, n) => (Some(Note(medium)), Some((medium, n))),
                Note(medium) | ChangeAccess(medium, _) | Delete(medium) | Vote(medium) => (Some(Note(medium)), None),
                Follow(..) | Unfollow(..) | Block(..) | Unblock(..) => (None, None),
            };
            if let Some(Note(medium)) = first
                && medium < 3
                && !begun.contains(&(medium, 0))
            {
                begun.push((medium, 0));
                stories.push(Note(medium));
            }
            if let Some((medium, n)) = second
                && !begun.contains(&(medium, n))
            {
                begun.push((medium, n));
                stories.push(Comment(medium, n));
            }
            if !matches!(what, Note(_)) {
                stories.push(what);
            }
        }
        stories.log
    });
}

async fn page(world: &World<'_>, owner: u64) -> Vec<Row> {
    queries::below(&world.db, &[id(owner)], id(NOTHING_BELOW), 100).await.expect("asked")
}

async fn told(world: &World<'_>, owner: u64) -> Vec<(u64, Verb)> {
    page(world, owner).await.into_iter().map(|row| (row.id.get(), row.verb)).collect()
}

#[tokio::test]
async fn a_note_and_its_comments_stand_on_the_owners_page() {
    engines::each(|url| async move {
        let world = World::open(&StoryFeed, &url).await;
        let log = log(&[Note(1), Comment(1, 1), Comment(1, 1), ChangeAccess(1, 4), Comment(1, 2)]);
        world.apply(&log.placed).await;
        let rows = page(&world, OWNER).await;
        let expected = Row {
            id: story(0),
            owner: id(OWNER),
            verb: Verb::NoteAdd,
            subject: id(1),
            medium: Some(medium_id(1)),
            actor: None,
            comment: None,
            created_at: START_MS,
            access: Access::Mutuals,
            made_by: log.placed[0].place,
        };
        assert_eq!(rows[2], expected);
        let told: Vec<_> = rows.iter().map(|row| (row.id, row.verb, row.comment, row.access)).collect();
        let expected = [
            (story(4), Verb::NoteComment, Some(comment_id(1, 2)), Access::Mutuals),
            (story(1), Verb::NoteComment, Some(comment_id(1, 1)), Access::Mutuals),
            (story(0), Verb::NoteAdd, None, Access::Mutuals),
        ];
        assert_eq!(told, expected);
        assert_eq!(queries::stories(&world.db, &[story(1), story(77)]).await.expect("asked"), rows[1..2]);
        assert_eq!(queries::below(&world.db, &[id(OWNER), id(1)], story(4), 1).await.expect("asked"), rows[1..2]);
    })
    .await;
}

#[tokio::test]
async fn what_was_deleted_takes_its_stories_along_for_good() {
    engines::each(|url| async move {
        let world = World::open(&StoryFeed, &url).await;
        let events = [Note(1), Comment(1, 1), Comment(1, 2), DeleteComment(1, 1), Note(2), Delete(2)];
        let log = log(&events);
        world.apply(&log.placed).await;
        let left = [(story(2).get(), Verb::NoteComment), (story(0).get(), Verb::NoteAdd)];
        assert_eq!(told(&world, OWNER).await, left);
        world.apply(&log.placed[1..2]).await;
        world.apply(&log.placed[4..5]).await;
        assert_eq!(told(&world, OWNER).await, left);
        assert_eq!(queries::stories(&world.db, &[story(1), story(4)]).await.expect("asked"), []);
        let mut stories = Stories { log, ..Stories::default() };
        stories.push(Delete(1));
        stories.push(Comment(1, 3));
        world.apply(&stories.log.placed[6..]).await;
        assert_eq!(told(&world, OWNER).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_follow_is_told_once_and_gone_with_it() {
    engines::each(|url| async move {
        let world = World::open(&StoryFeed, &url).await;
        let follow = |event: u64| (story(event).get(), Verb::ActorFollow);
        let log = log(&[
            Follow(1, 2),
            Follow(1, 2),
            Follow(2, 1),
            Unfollow(1, 2),
            Follow(1, 2),
            Block(2, 1),
            Follow(1, 2),
            Unblock(2, 1),
            Follow(1, 2),
            Follow(3, 3),
        ]);
        world.apply(&log.placed[..3]).await;
        assert_eq!(told(&world, 1).await, [follow(0)]);
        assert_eq!(told(&world, 2).await, [follow(2)]);
        let row = page(&world, 1).await.remove(0);
        assert_eq!((row.subject, row.actor, row.medium), (id(1), Some(id(2)), None));
        world.apply(&log.placed[3..5]).await;
        assert_eq!(told(&world, 1).await, [follow(4)]);
        world.apply(&log.placed[5..7]).await;
        assert_eq!((told(&world, 1).await, told(&world, 2).await), (vec![], vec![]));
        world.apply(&log.placed[7..]).await;
        assert_eq!(told(&world, 1).await, [follow(8)]);
        assert_eq!(told(&world, 3).await, []);
    })
    .await;
}

#[tokio::test]
async fn every_story_is_scanned_once() {
    engines::each(|url| async move {
        let world = World::open(&StoryFeed, &url).await;
        let events = [Note(1), Follow(1, 2), Comment(1, 1), Follow(2, 3), Note(2), Delete(2), Follow(1, 3)];
        world.apply(&log(&events).placed).await;
        let mut tx = world.db.snapshot().await.expect("a snapshot");
        let mut found = Vec::<queries::Indexed>::new();
        loop {
            let after = found.last().map(|row| row.id);
            let page = queries::scan(&mut tx, after, 2).await.expect("a page");
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        tx.rollback().await.expect("the end");
        let objects: Vec<_> = found.iter().map(|row| row.object).collect();
        let found: Vec<_> = found.iter().map(|row| (row.owner.get(), row.id)).collect();
        let expected = [(OWNER, story(0)), (1, story(1)), (OWNER, story(2)), (2, story(3)), (1, story(6))];
        assert_eq!(found, expected);
        assert!(objects.contains(&id::<ActorId>(3).into()), "whom one follows is what the story tells: {objects:?}");
    })
    .await;
}
