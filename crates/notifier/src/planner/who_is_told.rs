//! Who is told what, as a table; and that the planner's rows are a function of the log.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::actors::Access;
use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::graph::{Blocked, FollowRequestEnded, FollowRequested, Followed, Subscribed, Unblocked, Unfollowed};
use aredvi_events::media::{
    AccessChanged, CommentAdded, CommentDeleted, CommentEdited, CommentVoted, MediaEvent, MediumDeleted, MediumSubscribed,
    MediumUnsubscribed, MediumUnvoted, MediumVoted, NoteAdded, NoteEdited,
};
use aredvi_events::notifications::Verb;
use aredvi_events::topic::pair_key;
use aredvi_events::{ActorId, DataKey, Event, Id, JournalId, Origin, Partition, Place, Sealed, Topic};
use aredvi_projectors::db::{Db, DbUrl, Durability, PoolSizes, Row};
use proptest::prelude::*;
use uuid::Uuid;

use super::notice::Crowd;
use super::schema::TABLES;
use super::state::State;

const ANA: u64 = 1;
const BEN: u64 = 2;
const CAI: u64 = 3;
const DEE: u64 = 4;

fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("in range").into()
}

fn ids(numbers: &[u64]) -> Vec<ActorId> {
    numbers.iter().copied().map(id).collect()
}

fn sealed() -> Sealed {
    DataKey::new([1; 32]).seal(id(ANA), Uuid::nil(), [2; 24], "hello")
}

fn by(actor: u64) -> Option<ActorId> {
    Some(id(actor))
}

fn note(medium: u64, author: u64, owner: u64, mentions: &[u64]) -> Body {
    NoteAdded {
        by: by(author),
        medium: id(medium),
        owner: id(owner),
        author: id(author),
        access: Access::Public,
        body: sealed(),
        hashtags: None,
        mentions: ids(mentions),
        story: id(1000 + medium),
    }
    .into()
}

fn edit(medium: u64, owner: u64, mentions: &[u64]) -> Body {
    let (body, mentions) = (sealed(), ids(mentions));
    NoteEdited { by: by(ANA), medium: id(medium), owner: id(owner), body, hashtags: None, mentions, notice: id(99) }.into()
}

fn comment(medium: u64, comment: u64, author: u64, mentions: &[u64]) -> Body {
    CommentAdded {
        by: by(author),
        medium: id(medium),
        owner: id(ANA),
        comment: id(comment),
        author: id(author),
        body: sealed(),
        hashtags: None,
        mentions: ids(mentions),
        story: id(2000 + comment),
    }
    .into()
}

fn edit_comment(medium: u64, comment: u64, mentions: &[u64]) -> Body {
    CommentEdited {
        by: by(BEN),
        medium: id(medium),
        owner: id(ANA),
        comment: id(comment),
        body: sealed(),
        hashtags: None,
        mentions: ids(mentions),
        notice: id(98),
    }
    .into()
}

fn vote(medium: u64, voter: u64) -> Body {
    MediumVoted { by: by(voter), medium: id(medium), owner: id(ANA), voter: id(voter), notice: id(97) }.into()
}

fn unvote(medium: u64, voter: u64) -> Body {
    MediumUnvoted { by: by(voter), medium: id(medium), owner: id(ANA), voter: id(voter) }.into()
}

fn follow(follower: u64, leader: u64, acting: u64) -> Body {
    Followed { by: by(acting), follower: id(follower), leader: id(leader), story: id(96) }.into()
}

fn unfollow(follower: u64, leader: u64) -> Body {
    Unfollowed { by: by(follower), follower: id(follower), leader: id(leader) }.into()
}

fn request(requester: u64, leader: u64) -> Body {
    FollowRequested { by: by(requester), requester: id(requester), leader: id(leader), notice: id(95) }.into()
}

/// A log: each event with a place of its own in the partition of its key.
fn log(bodies: Vec<Body>) -> Vec<Placed> {
    (0..).zip(bodies).map(|(n, body)| placed(n, Uuid::from_u128(u128::from(n) + 1), body)).collect()
}

fn placed(offset: u64, id: Uuid, body: Body) -> Placed {
    let (topic, key) = if let Body::Media(event) = &body {
        (Topic::Media, super::state::medium_of(event).to_string())
    } else if let Body::Graph(event) = &body {
        let (src, dst) = event.pair();
        (Topic::Graph, pair_key(src, dst))
    } else {
        unreachable!("the planner reads no other topic")
    };
    let place = Place { partition: Partition::of(topic, &key), offset };
    let source = JournalId(Uuid::from_u128(7));
    let event = Event { id, key, time_ms: 1_790_000_000_000, source, origin: Origin::Here, traceparent: None, body };
    Placed { place, event }
}

/// What the last of these events tells: to whom which verb, and which crowd.
fn told(bodies: Vec<Body>) -> (BTreeMap<u64, Verb>, Option<Crowd>) {
    let mut state = State::empty();
    let last = log(bodies).iter().map(|placed| state.fold(placed)).last().flatten();
    last.map_or_else(Default::default, |telling| {
        let told = telling.told.iter().map(|(who, verb)| (who.get(), *verb)).collect();
        (told, telling.crowd.map(|(crowd, _)| crowd))
    })
}

fn named(bodies: Vec<Body>) -> Vec<(u64, Verb)> {
    told(bodies).0.into_iter().collect()
}

#[test]
fn a_note_tells_the_owner_of_the_page_and_whom_it_mentions() {
    assert_eq!(named(vec![note(9, BEN, ANA, &[])]), [(ANA, Verb::NoteAdd)]);
    assert_eq!(named(vec![note(9, ANA, ANA, &[])]), [], "his own page");
    assert_eq!(named(vec![note(9, ANA, ANA, &[ANA])]), [], "he mentions himself");
    assert_eq!(
        named(vec![note(9, BEN, ANA, &[ANA, CAI])]),
        [(ANA, Verb::ActorMention), (CAI, Verb::ActorMention)],
        "one notification a cause, and the mention wins"
    );
    assert_eq!(told(vec![note(9, BEN, ANA, &[])]).1, Some(Crowd::OfActor(id(ANA))));
}

#[test]
fn a_comment_tells_the_owner_the_subscribers_and_whom_it_mentions() {
    let written = || vec![note(9, ANA, ANA, &[])];
    let then = |body| written().into_iter().chain([body]).collect();
    assert_eq!(named(then(comment(9, 5, BEN, &[]))), [(ANA, Verb::NoteComment)]);
    assert_eq!(
        named(then(comment(9, 5, BEN, &[ANA, CAI]))),
        [(ANA, Verb::ActorMentionComment), (CAI, Verb::ActorMentionComment)]
    );
    assert_eq!(told(then(comment(9, 5, BEN, &[]))).1, Some(Crowd::OfMedium(id(9), 1)));
    assert_eq!(named(then(comment(9, 5, ANA, &[]))), [], "his own");
    assert_eq!(named(vec![comment(9, 5, BEN, &[CAI])]), [], "on a note that nobody has heard of");
}

#[test]
fn an_edit_tells_only_those_whom_the_text_never_mentioned_before() {
    let edits = vec![note(9, ANA, ANA, &[BEN]), edit(9, ANA, &[BEN, CAI])];
    assert_eq!(named(edits.clone()), [(CAI, Verb::ActorMention)]);
    let again = edits.into_iter().chain([edit(9, ANA, &[]), edit(9, ANA, &[BEN, CAI, DEE])]).collect();
    assert_eq!(named(again), [(DEE, Verb::ActorMention)]);
    let comments = vec![note(9, ANA, ANA, &[BEN]), comment(9, 5, BEN, &[CAI]), edit_comment(9, 5, &[ANA, CAI])];
    assert_eq!(named(comments), [(ANA, Verb::ActorMentionComment)]);
}

#[test]
fn a_vote_tells_author_and_owner_once() {
    let written = note(9, BEN, ANA, &[]);
    assert_eq!(named(vec![written.clone(), vote(9, CAI)]), [(ANA, Verb::Voteup), (BEN, Verb::Voteup)]);
    assert_eq!(named(vec![written.clone(), vote(9, BEN)]), [(ANA, Verb::Voteup)], "the author himself");
    assert_eq!(named(vec![written.clone(), vote(9, CAI), vote(9, CAI)]), [], "a second vote is none");
    let anew = vec![written.clone(), vote(9, CAI), unvote(9, CAI), vote(9, CAI)];
    assert_eq!(named(anew), [(ANA, Verb::Voteup), (BEN, Verb::Voteup)]);
    let of_comment = CommentVoted { by: by(CAI), medium: id(9), owner: id(ANA), comment: id(5), voter: id(CAI) };
    assert_eq!(named(vec![written, comment(9, 5, BEN, &[]), of_comment.into()]), [], "votes on comments tell nobody");
}

#[test]
fn nothing_is_told_of_what_is_deleted() {
    let deleted = || vec![note(9, BEN, ANA, &[]), MediumDeleted { by: by(BEN), medium: id(9), owner: id(ANA) }.into()];
    let then = |body| deleted().into_iter().chain([body]).collect();
    for body in [note(9, BEN, ANA, &[CAI]), edit(9, ANA, &[CAI]), comment(9, 5, CAI, &[]), vote(9, CAI)] {
        assert_eq!(told(then(body)), (BTreeMap::new(), None));
    }
    let gone = CommentDeleted { by: by(BEN), medium: id(9), owner: id(ANA), comment: id(5), story: id(2005) };
    let edited = vec![note(9, ANA, ANA, &[]), comment(9, 5, BEN, &[]), gone.into(), edit_comment(9, 5, &[CAI])];
    assert_eq!(named(edited), []);
}

#[test]
fn a_follow_tells_the_leader_unless_he_accepted_it_himself() {
    assert_eq!(named(vec![follow(BEN, ANA, BEN)]), [(ANA, Verb::ActorFollow)]);
    assert_eq!(named(vec![request(BEN, ANA)]), [(ANA, Verb::ActorRequest)]);
    assert_eq!(named(vec![request(BEN, ANA), follow(BEN, ANA, ANA)]), [], "he accepted it");
    assert_eq!(named(vec![follow(BEN, ANA, BEN), follow(BEN, ANA, BEN)]), [], "a second follow is none");
    assert_eq!(named(vec![request(BEN, ANA), request(BEN, ANA)]), [], "nor a second request");
    let anew = vec![follow(BEN, ANA, BEN), unfollow(BEN, ANA), follow(BEN, ANA, BEN)];
    assert_eq!(named(anew), [(ANA, Verb::ActorFollow)]);
    let blocked = |body| vec![Blocked { by: by(ANA), blocker: id(ANA), blocked: id(BEN) }.into(), body];
    assert_eq!(named(blocked(follow(BEN, ANA, BEN))), []);
    assert_eq!(named(blocked(request(BEN, ANA))), []);
}

/// Whether BEN hears of what happens to the note after these events.
fn hears(after: Vec<Body>) -> bool {
    let mut state = State::empty();
    for placed in log([note(9, ANA, ANA, &[])].into_iter().chain(after).collect()) {
        state.fold(&placed);
    }
    state.wants(id(9), id(BEN))
}

#[test]
fn who_takes_part_hears_of_it_until_he_says_no() {
    let no = || MediumUnsubscribed { by: by(BEN), medium: id(9), owner: id(ANA), subscriber: id(BEN) }.into();
    let yes = || MediumSubscribed { by: by(BEN), medium: id(9), owner: id(ANA), subscriber: id(BEN) }.into();
    assert!(!hears(vec![]));
    for part in [comment(9, 5, BEN, &[]), vote(9, BEN), comment(9, 5, CAI, &[BEN]), edit(9, ANA, &[BEN]), yes()] {
        assert!(hears(vec![part.clone()]), "{part:?}");
        assert!(!hears(vec![part, no()]));
    }
    assert!(!hears(vec![no(), vote(9, BEN)]), "a vote says nothing about it");
    assert!(!hears(vec![no(), comment(9, 5, CAI, &[BEN])]), "nor does a mention");
    assert!(hears(vec![no(), comment(9, 5, BEN, &[])]), "a comment of his own does");
    assert!(hears(vec![no(), yes()]));
}

/// One random event over few actors, media and comments.
fn any_body() -> impl Strategy<Value = Body> {
    let actor = || 1_u64..5;
    let medium = || 11_u64..14;
    let few = || proptest::collection::vec(1_u64..5, 0..3);
    prop_oneof![
        (medium(), actor(), few()).prop_map(|(m, a, who)| note(m, a, ANA, &who)),
        (medium(), few()).prop_map(|(m, who)| edit(m, ANA, &who)),
        (medium(), 0_i64..6).prop_map(|(m, n)| {
            AccessChanged { by: by(ANA), medium: id(m), owner: id(ANA), access: Access::from_number(n) }.into()
        }),
        (medium(), 0..10_u8).prop_map(|(m, rare)| {
            if rare == 0 { MediumDeleted { by: by(ANA), medium: id(m), owner: id(ANA) }.into() } else { vote(m, CAI) }
        }),
        (medium(), actor(), any::<bool>()).prop_map(|(m, a, on)| if on { vote(m, a) } else { unvote(m, a) }),
        (medium(), actor(), any::<bool>()).prop_map(|(m, a, on)| {
            let (by, medium, owner, subscriber) = (by(a), id(m), id(ANA), id(a));
            if on {
                MediumSubscribed { by, medium, owner, subscriber }.into()
            } else {
                MediumUnsubscribed { by, medium, owner, subscriber }.into()
            }
        }),
        // A comment belongs to one medium for good.
        (medium(), 0_u64..2, actor(), few()).prop_map(|(m, c, a, who)| comment(m, m * 10 + c, a, &who)),
        (medium(), 0_u64..2, few()).prop_map(|(m, c, who)| edit_comment(m, m * 10 + c, &who)),
        (medium(), 0_u64..2).prop_map(|(m, c)| {
            let comment = id(m * 10 + c);
            CommentDeleted { by: by(ANA), medium: id(m), owner: id(ANA), comment, story: id(2000) }.into()
        }),
        (actor(), actor(), any::<bool>()).prop_map(|(a, b, on)| if on { follow(a, b, a) } else { unfollow(a, b) }),
        (actor(), actor(), 0..5_u8).prop_map(|(a, b, what)| match what {
            0 => Blocked { by: by(a), blocker: id(a), blocked: id(b) }.into(),
            1 => Unblocked { by: by(a), blocker: id(a), blocked: id(b) }.into(),
            2 => Subscribed { by: by(a), subscriber: id(a), actor: id(b) }.into(),
            3 => FollowRequestEnded { by: by(a), requester: id(a), leader: id(b) }.into(),
            _ => request(a, b),
        }),
    ]
}

/// Nobody comments on a note before it is written, nor edits a comment before it is.
fn possible(bodies: Vec<Body>) -> Vec<Body> {
    let mut comments = BTreeSet::new();
    let notes = (11..14).map(|medium| note(medium, ANA, ANA, &[BEN]));
    let mut there = |body: &Body| {
        let Body::Media(event) = body else { return true };
        match (event, super::state::comment_of(event)) {
            (MediaEvent::CommentAdded(_), Some(comment)) => {
                comments.insert(comment);
                true
            }
            (_, Some(comment)) => comments.contains(&comment),
            (_, None) => true,
        }
    };
    notes.chain(bodies.into_iter().filter(|body| there(body))).collect()
}

async fn schema(dir: &std::path::Path) -> Db {
    let url = DbUrl::Embedded { dir: dir.to_owned() };
    let db = Db::open(&url, None, "planner", Durability::Normal, PoolSizes::default()).await.expect("a schema");
    for table in TABLES {
        db.run_schema(table.ddl).await.expect("a table");
    }
    db
}

/// Applies a log in batches; what it tells.
async fn apply(db: &Db, batches: &[&[Placed]]) -> BTreeSet<(Uuid, ActorId)> {
    let mut told = BTreeSet::new();
    for batch in batches {
        let mut tx = db.begin().await.expect("begun");
        let mut state = State::load(&mut tx, batch).await.expect("loaded");
        for telling in batch.iter().filter_map(|placed| state.fold(placed)) {
            told.extend(telling.told.keys().map(|who| (telling.notice.cause, *who)));
        }
        state.write(&mut tx).await.expect("written");
        tx.commit().await.expect("committed");
    }
    told
}

async fn rows(db: &Db) -> Vec<(&'static str, Vec<Row>)> {
    let mut all = Vec::new();
    for table in TABLES.iter().filter(|table| !table.compared.is_empty()) {
        let columns = table.compared.join(", ");
        let sql = format!("SELECT {columns} FROM {} ORDER BY {columns}", table.name);
        all.push((table.name, db.read_latest(&sql, vec![]).await.expect("rows")));
    }
    all
}

/// The same log in another order of its partitions, each partition in its own.
fn interleaved(log: &[Placed], order: &[usize]) -> Vec<Placed> {
    let mut queues: BTreeMap<Partition, Vec<Placed>> = BTreeMap::new();
    for placed in log.iter().rev() {
        queues.entry(placed.place.partition).or_default().push(placed.clone());
    }
    let mut order = order.iter().cycle();
    let mut other = Vec::new();
    while !queues.is_empty() {
        let at = order.next().copied().unwrap_or(0) % queues.len();
        let partition = *queues.keys().nth(at).expect("a partition");
        let queue = queues.get_mut(&partition).expect("a queue");
        other.extend(queue.pop());
        if queue.is_empty() {
            queues.remove(&partition);
        }
    }
    other
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows_are_a_function_of_the_log_however_it_is_read(
        bodies in proptest::collection::vec(any_body(), 1..60),
        size in 1_usize..20,
        order in proptest::collection::vec(0_usize..24, 1..40),
        repeats in proptest::collection::vec((0_usize..60, 1_usize..6), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let log = log(possible(bodies));
            let dir = tempfile::tempdir().expect("a directory");
            let whole = schema(&dir.path().join("whole")).await;
            let told_once = apply(&whole, &[&log]).await;

            let pieces = schema(&dir.path().join("pieces")).await;
            let told_again = apply(&pieces, &log.chunks(size).collect::<Vec<_>>()).await;
            assert_eq!(rows(&whole).await, rows(&pieces).await, "batches");
            assert_eq!(told_once, told_again, "batches");

            let other = interleaved(&log, &order);
            let interleaved = schema(&dir.path().join("interleaved")).await;
            apply(&interleaved, &other.chunks(size).collect::<Vec<_>>()).await;
            assert_eq!(rows(&whole).await, rows(&interleaved).await, "interleavings of partitions");

            // An event appended again stands further on in the log, under the same id.
            let mut repeated = log.clone();
            for (at, distance) in repeats {
                if let Some(original) = log.get(at) {
                    let again = Place { offset: original.place.offset * 1000 + 999, ..original.place };
                    let behind = repeated.iter().position(|placed| placed.event.id == original.event.id).unwrap_or(0);
                    let to = (behind + distance).min(repeated.len());
                    repeated.insert(to, Placed { place: again, event: original.event.clone() });
                }
            }
            let twice = schema(&dir.path().join("twice")).await;
            let told_twice = apply(&twice, &repeated.chunks(size).collect::<Vec<_>>()).await;
            assert_eq!(rows(&whole).await, rows(&twice).await, "repeats");
            assert_eq!(told_once, told_twice, "a repeat tells nobody more");
        });
    }
}
