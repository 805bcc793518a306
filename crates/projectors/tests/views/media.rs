//! Media with their comments, votes, hashtags and subscriptions.

use std::collections::BTreeSet;

use aredvi_events::actors::Access;
use aredvi_events::media::{
    AccessChanged, CommentAdded, CommentDeleted, CommentEdited, CommentUnvoted, CommentVoted, MediaEvent, MediumDeleted,
    MediumSubscribed, MediumUnsubscribed, MediumUnvoted, MediumVoted, NoteAdded, NoteEdited,
};
use aredvi_events::{ActorId, CommentId, MediumId, StoryId};
use aredvi_projectors::media::Media;
use aredvi_projectors::media::queries::{self, Audience, Flags, Node};
use proptest::prelude::*;

use crate::log::{Log, START_MS, id};
use crate::world::World;
use crate::{engines, laws};

/// The owner of every page here.
const OWNER: u64 = 90;

fn medium_id(number: u64) -> MediumId {
    id(1_000 + number)
}

/// Every medium that [`said`] speaks of.
pub(crate) fn ids() -> Vec<MediumId> {
    (1..5).map(medium_id).collect()
}

fn comment_id(medium: u64, number: u64) -> CommentId {
    id(2_000 + 10 * medium + number)
}

fn story_of_comment(medium: u64, number: u64) -> StoryId {
    id(4_000 + 10 * medium + number)
}

/// What happens to a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Add,
    Edit,
    Access(usize),
    Delete,
    Vote,
    Unvote,
    Subscribe,
    Unsubscribe,
    Comment(u64),
    EditComment(u64),
    DeleteComment(u64),
    VoteComment(u64),
    UnvoteComment(u64),
}
use What::{
    Access as ChangeAccess, Add, Comment, Delete, DeleteComment, Edit, EditComment, Subscribe, Unsubscribe, Unvote,
    UnvoteComment, Vote, VoteComment,
};

/// Appends what `person` does to a medium, saying `text` (its last word a hashtag) and mentioning `mentioned`.
fn push(log: &mut Log, what: What, medium: u64, person: u64, text: &str, mentioned: &[u64]) {
    let (by, owner): (Option<ActorId>, ActorId) = (Some(id(person)), id(OWNER));
    let (author, number): (ActorId, u64) = (id(person), medium);
    let minted = 5_000 + log.placed.len() as u64;
    let body = log.seal(author, text);
    let hashtags = text.split(' ').next_back().filter(|tag| !tag.is_empty()).map(|tag| log.seal(author, tag));
    let mentions: Vec<ActorId> = mentioned.iter().map(|&person| id(person)).collect();
    let medium = medium_id(number);
    let event: MediaEvent = match what {
        Add => {
            let access = Access::Public;
            NoteAdded { by, medium, owner, author, access, body, hashtags, mentions, story: id(minted) }.into()
        }
        Edit => NoteEdited { by, medium, owner, body, hashtags, mentions, notice: id(minted) }.into(),
        ChangeAccess(level) => AccessChanged { by, medium, owner, access: Access::ALL[level % 6] }.into(),
        Delete => MediumDeleted { by, medium, owner }.into(),
        Vote => MediumVoted { by, medium, owner, voter: author, notice: id(minted) }.into(),
        Unvote => MediumUnvoted { by, medium, owner, voter: author }.into(),
        Subscribe => MediumSubscribed { by, medium, owner, subscriber: author }.into(),
        Unsubscribe => MediumUnsubscribed { by, medium, owner, subscriber: author }.into(),
        Comment(n) => {
            let (comment, story) = (comment_id(number, n), story_of_comment(number, n));
            CommentAdded { by, medium, owner, comment, author, body, hashtags, mentions, story }.into()
        }
        EditComment(n) => {
            let (comment, notice) = (comment_id(number, n), id(minted));
            CommentEdited { by, medium, owner, comment, body, hashtags, mentions, notice }.into()
        }
        DeleteComment(n) => {
            let (comment, story) = (comment_id(number, n), story_of_comment(number, n));
            CommentDeleted { by, medium, owner, comment, story }.into()
        }
        VoteComment(n) => CommentVoted { by, medium, owner, comment: comment_id(number, n), voter: author }.into(),
        UnvoteComment(n) => CommentUnvoted { by, medium, owner, comment: comment_id(number, n), voter: author }.into(),
    };
    log.push(medium, event);
}

/// What `person` does to medium 1, without mentions.
fn log(events: &[(What, u64, &str)]) -> Log {
    let mut log = Log::default();
    for &(what, person, text) in events {
        push(&mut log, what, 1, person, text, &[]);
    }
    log
}

fn what() -> impl Strategy<Value = What> {
    (0_u8..16, 1_u64..4, 0_usize..6).prop_map(|(what, comment, level)| match what {
        0 => Add,
        1 => Edit,
        2 => ChangeAccess(level),
        3 => Delete,
        4 => Vote,
        5 => Unvote,
        6 => Subscribe,
        7 => Unsubscribe,
        8 | 9 => Comment(comment),
        10 => EditComment(comment),
        11 => DeleteComment(comment),
        12 | 13 => VoteComment(comment),
        _ => UnvoteComment(comment),
    })
}

const fn comment_of(what: What) -> Option<u64> {
    match what {
        Comment(n) | EditComment(n) | DeleteComment(n) | VoteComment(n) | UnvoteComment(n) => Some(n),
        Add | Edit | ChangeAccess(_) | Delete | Vote | Unvote | Subscribe | Unsubscribe => None,
    }
}

/// What happens to which medium, by whom, with which text, mentioning whom.
pub(crate) type Said = (What, u64, u64, String, Vec<u64>);
/// The media of a log, and the comments on them.
pub(crate) type Begun = BTreeSet<(u64, Option<u64>)>;

/// Anything that may be said.
pub(crate) fn said() -> impl Strategy<Value = Said> {
    (what(), 1_u64..5, 1_u64..5, "[a-c]{0,3}( #?[xyz])?", prop::collection::vec(1_u64..5, 0..3))
}

/// Appends what is said. Nobody can say anything of what is not there yet; of some media nothing is ever there.
pub(crate) fn push_said(log: &mut Log, begun: &mut Begun, (what, medium, person, text, mentioned): &Said) {
    if *medium < 4 && begun.insert((*medium, None)) {
        push(log, Add, *medium, *person, text, mentioned);
    }
    if let Some(comment) = comment_of(*what)
        && begun.insert((*medium, Some(comment)))
    {
        push(log, Comment(comment), *medium, *person, text, mentioned);
    }
    if *medium < 4 || *what != Add {
        push(log, *what, *medium, *person, text, mentioned);
    }
}

#[test]
fn media_are_a_function_of_the_log() {
    laws::hold(&Media, prop::collection::vec(said(), 0..40), |events| {
        let (mut log, mut begun) = Default::default();
        for said in events {
            push_said(&mut log, &mut begun, said);
        }
        log
    });
}

async fn node(world: &World<'_>) -> Node {
    queries::nodes(&world.db, &[medium_id(1), medium_id(9)]).await.expect("asked").pop().expect("known")
}

async fn flags(world: &World<'_>, person: u64) -> (bool, bool) {
    let flags = queries::viewer_flags(&world.db, id(person), &[medium_id(1), medium_id(2)]).await.expect("asked");
    let of_medium = |flags: &Flags| flags.medium == medium_id(1);
    flags.iter().find(|flags| of_medium(flags)).map_or((false, false), |flags| (flags.voted, flags.subscribed))
}

#[tokio::test]
async fn a_note_is_shown_as_last_written_and_counts_what_is_on_it() {
    engines::each(|url| async move {
        let world = World::open(&Media, &url).await;
        let log = log(&[
            (Add, 1, "Hello sea"),
            (Edit, 1, "Hello lake"),
            (ChangeAccess(2), 1, ""),
            (Vote, 2, ""),
            (Vote, 2, ""),
            (Vote, 3, ""),
            (Unvote, 3, ""),
            (Comment(1), 4, "Yes river"),
        ]);
        world.apply(&log.placed).await;
        let expected = Node {
            access: Access::Followers,
            comment_count: 1,
            vote_count: 1,
            edited_at: Some(START_MS + 1_000),
            ..Node::fresh(medium_id(1), id(OWNER), id(1), Access::Public, "Hello lake".to_owned(), START_MS, log.placed[7].place)
        };
        assert_eq!(node(&world).await, expected);
        assert_eq!(queries::voters(&world.db, medium_id(1), None, 10).await.expect("asked"), [id(2)]);
        assert_eq!(queries::voters(&world.db, medium_id(1), Some(id(2)), 10).await.expect("asked"), []);
        assert_eq!(flags(&world, 2).await, (true, true));
        assert_eq!(flags(&world, 3).await, (false, true));
        assert_eq!(flags(&world, 9).await, (false, false));
    })
    .await;
}

#[tokio::test]
async fn nothing_comes_back_to_what_was_deleted() {
    engines::each(|url| async move {
        let world = World::open(&Media, &url).await;
        let mut log = log(&[(Add, 1, "Hello sea"), (Comment(1), 2, "Yes sea"), (VoteComment(1), 3, ""), (Vote, 2, "")]);
        world.apply(&log.placed).await;
        push(&mut log, DeleteComment(1), 1, 2, "", &[]);
        push(&mut log, VoteComment(1), 1, 4, "", &[]);
        push(&mut log, EditComment(1), 1, 2, "No sea", &[]);
        world.apply(&log.placed[4..]).await;
        world.apply(&log.placed[1..2]).await;
        let gone = queries::comments_by_id(&world.db, &[comment_id(1, 1)]).await.expect("asked");
        assert_eq!((gone[0].deleted, gone[0].body.as_deref()), (true, None));
        assert_eq!(queries::comments(&world.db, medium_id(1), None, 10).await.expect("asked"), []);
        assert_eq!(node(&world).await.comment_count, 0);
        assert_eq!(queries::tagged(&world.db, "sea", None, 10).await.expect("asked"), [medium_id(1)], "of the note");

        let before = log.placed.len();
        push(&mut log, Delete, 1, 1, "", &[]);
        push(&mut log, Comment(2), 1, 2, "Late sea", &[3]);
        push(&mut log, Vote, 1, 3, "", &[]);
        push(&mut log, Add, 1, 1, "Again sea", &[]);
        world.apply(&log.placed[before..]).await;
        let node = node(&world).await;
        assert_eq!((node.deleted, node.body, node.vote_count, node.comment_count), (true, None, 0, 0));
        assert_eq!(queries::tagged(&world.db, "sea", None, 10).await.expect("asked"), []);
        let left: Vec<_> = world.rows().await.into_iter().filter(|(_, rows)| !rows.is_empty()).map(|(name, _)| name).collect();
        assert_eq!(left, ["nodes"]);
    })
    .await;
}

#[tokio::test]
async fn who_has_to_do_with_a_medium_is_told_until_he_says_otherwise() {
    engines::each(|url| async move {
        let world = World::open(&Media, &url).await;
        let subscribers = async || {
            let mut subscribed = Vec::new();
            for person in 1..10 {
                if flags(&world, person).await.1 {
                    subscribed.push(person);
                }
            }
            subscribed
        };
        let mut log = Log::default();
        push(&mut log, Add, 1, 1, "Hello", &[2]);
        push(&mut log, Vote, 1, 3, "", &[]);
        push(&mut log, Comment(1), 1, 4, "Yes", &[5]);
        world.apply(&log.placed).await;
        assert_eq!(subscribers().await, [1, 2, 3, 4, 5]);
        for person in [2, 3, 4] {
            push(&mut log, Unsubscribe, 1, person, "", &[]);
        }
        push(&mut log, Edit, 1, 1, "Hello again", &[2]);
        push(&mut log, Unvote, 1, 3, "", &[]);
        push(&mut log, Vote, 1, 3, "", &[]);
        world.apply(&log.placed[3..]).await;
        assert_eq!(subscribers().await, [1, 5], "what he said holds");
        let before = log.placed.len();
        push(&mut log, Comment(2), 1, 4, "More", &[]);
        push(&mut log, Subscribe, 1, 2, "", &[]);
        world.apply(&log.placed[before..]).await;
        assert_eq!(subscribers().await, [1, 2, 4, 5]);
    })
    .await;
}

#[tokio::test]
async fn a_hashtag_finds_each_medium_once_the_newest_first() {
    engines::each(|url| async move {
        let world = World::open(&Media, &url).await;
        let mut log = Log::default();
        for medium in 1..4 {
            push(&mut log, Add, medium, 1, "Hello sea", &[]);
        }
        push(&mut log, Comment(1), 1, 2, "And sea", &[]);
        push(&mut log, Comment(1), 2, 2, "And Sea", &[]);
        push(&mut log, Edit, 3, 1, "Hello lake", &[]);
        world.apply(&log.placed).await;
        let tagged = async |tag: &str, below| {
            let found: Vec<MediumId> = queries::tagged(&world.db, tag, below, 10).await.expect("asked");
            found
        };
        assert_eq!(tagged("sea", None).await, [medium_id(2), medium_id(1)]);
        assert_eq!(tagged("sea", Some(medium_id(2))).await, [medium_id(1)]);
        assert_eq!(tagged("lake", None).await, [medium_id(3)]);
        assert_eq!(tagged("Sea", None).await, [medium_id(2)], "tags are compared as they are");
        push(&mut log, Edit, 1, 1, "Hello", &[]);
        world.apply(&log.placed[6..]).await;
        assert_eq!(tagged("sea", None).await, [medium_id(2), medium_id(1)], "of the comment");
    })
    .await;
}

#[tokio::test]
async fn comments_are_listed_the_oldest_first_with_their_votes() {
    engines::each(|url| async move {
        let world = World::open(&Media, &url).await;
        let log = log(&[
            (Add, 1, "Hello"),
            (Comment(1), 2, "One"),
            (Comment(2), 3, "Two"),
            (Comment(3), 2, "Three"),
            (DeleteComment(2), 3, ""),
            (VoteComment(3), 1, ""),
            (VoteComment(3), 4, ""),
            (VoteComment(1), 4, ""),
            (UnvoteComment(1), 4, ""),
            (EditComment(1), 2, "One more"),
        ]);
        world.apply(&log.placed).await;
        let comments = queries::comments(&world.db, medium_id(1), None, 10).await.expect("asked");
        let told: Vec<_> = comments.iter().map(|row| (row.body.as_deref(), row.vote_count, row.edited_at.is_some())).collect();
        assert_eq!(told, [(Some("One more"), 0, true), (Some("Three"), 2, false)]);
        let next = queries::comments(&world.db, medium_id(1), Some(comments[0].id), 1).await.expect("asked");
        assert_eq!(next, comments[1..]);
        let ids = [comment_id(1, 1), comment_id(1, 3)];
        assert_eq!(queries::voted_comments(&world.db, id(4), &ids).await.expect("asked"), [comment_id(1, 3)]);
        let voters = queries::comment_voters(&world.db, comment_id(1, 3), None, 10).await.expect("asked");
        assert_eq!(voters, [1, 4].map(id::<ActorId>));
    })
    .await;
}

#[tokio::test]
async fn few_voters_and_subscribers_are_told_and_many_are_not() {
    engines::each(|url| async move {
        let world = World::open(&Media, &url).await;
        let most = u64::try_from(queries::AUDIENCE).expect("small");
        let mut log = Log::default();
        push(&mut log, Add, 1, 1, "Few", &[]);
        push(&mut log, Vote, 1, 2, "", &[]);
        push(&mut log, Vote, 1, 3, "", &[]);
        push(&mut log, Unvote, 1, 3, "", &[]);
        push(&mut log, Unsubscribe, 1, 3, "", &[]);
        push(&mut log, Add, 2, 1, "Many", &[]);
        for person in 2..=most + 1 {
            push(&mut log, Vote, 2, person, "", &[]);
        }
        for person in most + 2..=4 * most + 1 {
            push(&mut log, Subscribe, 2, person, "", &[]);
        }
        push(&mut log, Add, 3, 1, "None", &[]);
        push(&mut log, Delete, 3, 1, "", &[]);
        push(&mut log, Add, 4, 1, "Few", &[]);
        push(&mut log, Vote, 4, 2, "", &[]);
        world.apply(&log.placed).await;
        let medium = |number, voters: &[u64], subscribers: Option<&[u64]>| {
            let people = |numbers: &[u64]| numbers.iter().map(|&number| id::<ActorId>(number)).collect::<Vec<_>>();
            Audience { medium: medium_id(number), voters: Some(people(voters)), subscribers: subscribers.map(people) }
        };
        let all: Vec<u64> = (2..=most + 1).collect();
        let (few, none, many) = (medium(1, &[2], Some(&[1, 2])), medium(3, &[], Some(&[])), medium(2, &all, None));
        let last = medium(4, &[2], Some(&[1, 2]));
        let rows = queries::nodes(&world.db, &[1, 2, 3, 4].map(medium_id)).await.expect("asked");
        let row = |number| rows.iter().find(|row| row.id == medium_id(number)).expect("a row");
        let audiences = async |media: &[&Node]| queries::audiences(&world.db, media).await.expect("asked");
        assert_eq!(audiences(&[row(1), row(3), row(2)]).await, [few.clone(), none, many.clone()]);
        // A long list leaves room for none of the last one's, or for one of two.
        assert_eq!(audiences(&[row(2), row(4)]).await, [many.clone(), last.clone()]);
        assert_eq!(audiences(&[row(1), row(2), row(4)]).await, [few, many, last]);
        let subscribers = queries::subscribers(&world.db, medium_id(1), Some(id(1)), 10).await.expect("asked");
        assert_eq!(subscribers, [id(2)]);
    })
    .await;
}

#[tokio::test]
async fn a_vote_taken_back_stays_so_when_its_event_comes_again_on_a_busy_medium() {
    engines::each(|url| async move {
        let world = World::open(&Media, &url).await;
        let mut log = Log::default();
        push(&mut log, Add, 1, 1, "Hello", &[]);
        push(&mut log, Comment(1), 1, 1, "Yes", &[]);
        push(&mut log, Vote, 1, 2, "", &[]);
        push(&mut log, VoteComment(1), 1, 2, "", &[]);
        push(&mut log, Unsubscribe, 1, 3, "", &[]);
        push(&mut log, Subscribe, 1, 3, "", &[]);
        push(&mut log, Unvote, 1, 2, "", &[]);
        push(&mut log, UnvoteComment(1), 1, 2, "", &[]);
        for person in 10..30 {
            push(&mut log, Vote, 1, person, "", &[]);
        }
        world.apply(&log.placed).await;
        let rows = world.rows().await;
        let mut again = log.placed[2..6].to_vec();
        for placed in &mut again {
            placed.place.offset += 100_000;
        }
        world.apply(&again).await;
        assert_eq!(world.rows().await, rows);
        assert_eq!(node(&world).await.vote_count, 20);
        assert_eq!(flags(&world, 3).await, (false, true));
    })
    .await;
}

#[tokio::test]
async fn a_text_of_somebody_erased_is_nothing() {
    engines::each(|url| async move {
        let mut world = World::open(&Media, &url).await;
        world.erase(&[id(1)]);
        world.apply(&log(&[(Add, 1, "Hello sea"), (Comment(1), 1, "Yes sea"), (Comment(2), 2, "Still")]).placed).await;
        assert_eq!(node(&world).await.body, None);
        let comments = queries::comments(&world.db, medium_id(1), None, 10).await.expect("asked");
        assert_eq!(comments.iter().map(|row| row.body.as_deref()).collect::<Vec<_>>(), [None, Some("Still")]);
        assert_eq!(queries::tagged(&world.db, "sea", None, 10).await.expect("asked"), []);
    })
    .await;
}
