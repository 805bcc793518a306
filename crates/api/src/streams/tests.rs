//! The hub's bounds, what it keeps for whom, and where a stream says it is.

use aredvi_events::actors::Access;
use aredvi_events::graph::Followed;
use aredvi_events::media::{MediumDeleted, MediumVoted};
use aredvi_events::notifications::{NotificationsRead, Verb};
use aredvi_events::{Body, Event, Id, JournalId, MediumId, Origin, Partition, Place};
use uuid::Uuid;

use super::note::Telling;
use super::*;
use crate::cursor::{MAX_PAYLOAD_BYTES, Payload};

fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("in range").into()
}

fn placed(topic: Topic, key: &str, offset: u64, body: impl Into<Body>) -> Placed {
    let place = Place { partition: Partition::of(topic, key), offset };
    let event = Event {
        id: Uuid::from_u128(u128::from(offset)),
        key: key.to_owned(),
        time_ms: 5,
        source: JournalId(Uuid::nil()),
        origin: Origin::Here,
        traceparent: None,
        body: body.into(),
    };
    Placed { place, event }
}

fn vote(medium: u64, owner: u64, offset: u64) -> Placed {
    let (medium, owner): (MediumId, ActorId) = (id(medium), id(owner));
    let event = MediumVoted { by: None, medium, owner, voter: id(99), notice: id(98) };
    placed(Topic::Media, &medium.to_string(), offset, event)
}

fn begun() -> Positions {
    Partition::all(&FOLLOWED).into_iter().map(|partition| (partition, 1)).collect()
}

fn streams() -> Arc<Streams> {
    let facts = Arc::new(Facts::new());
    let feed = Arc::new(FeedIndex::new(Arc::clone(&facts), 10));
    let streams = Arc::new(Streams::new(facts, feed));
    streams.begin(&begun());
    streams
}

fn places(turn: &Turn) -> Vec<(u64, Vec<Telling>)> {
    match turn {
        Turn::Notes(notes, _) => notes.iter().map(|note| (note.place.offset, note.told.clone())).collect(),
        Turn::Lost(_) => panic!("lost"),
    }
}

#[test]
fn a_listener_hears_of_his_own_page_and_his_leaders_alone() {
    let streams = streams();
    let follow = Followed { by: None, follower: id(1), leader: id(2), story: id(50) };
    let seat = streams.open(id(1)).expect("a seat");
    let following = placed(Topic::Graph, "1:2", 7, follow);
    streams.facts.apply(&following);
    streams.hear(&following);
    for (n, owner) in (1..=3).enumerate() {
        streams.hear(&vote(100 + owner, owner, 10 + n as u64));
    }
    let turn = seat.take();
    let told = vec![
        (7, vec![Telling::Story(id(50))]),
        (10, vec![Telling::Changed(id(1), id(101))]),
        (11, vec![Telling::Changed(id(2), id(102))]),
    ];
    assert_eq!(places(&turn), told);
    assert_eq!(places(&seat.take()), []);
}

#[test]
fn notifications_are_told_to_their_recipient() {
    let streams = streams();
    let (ana, ben) = (streams.open(id(1)).expect("a seat"), streams.open(id(2)).expect("a seat"));
    let read = NotificationsRead { by: None, recipient: id(2), through: None, ids: Vec::new() };
    streams.hear(&placed(Topic::Notifications, "2", 9, read));
    assert_eq!(places(&ana.take()), []);
    assert_eq!(places(&ben.take()), [(9, vec![Telling::Count])]);
}

#[test]
fn what_changes_often_is_told_once_a_turn_and_never_twice() {
    let streams = streams();
    let seat = streams.open(id(1)).expect("a seat");
    (1..=5).for_each(|offset| streams.hear(&vote(100, 1, offset)));
    streams.hear(&vote(100, 1, 5));
    let told = places(&seat.take());
    assert_eq!(told.iter().map(|(_, told)| told.len()).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
    assert_eq!(told.last(), Some(&(5, vec![Telling::Changed(id(1), id(100))])));
}

#[test]
fn a_full_queue_becomes_one_reset_and_goes_on() {
    let streams = streams();
    let seat = streams.open(id(1)).expect("a seat");
    (1..=QUEUED as u64 + 5).for_each(|offset| streams.hear(&vote(100, 1, offset)));
    let Turn::Lost(at) = seat.take() else { panic!("told") };
    assert!(at.positions.includes(vote(100, 1, QUEUED as u64 + 5).place));
    streams.hear(&vote(100, 1, 1_000));
    assert_eq!(places(&seat.take()).len(), 1);
}

#[test]
fn seats_are_bounded_and_given_back() {
    let streams = streams();
    let mut seats: Vec<Seat> = (0..STREAMS_OF_A_PERSON).map(|_| streams.open(id(1)).expect("a seat")).collect();
    assert_eq!(streams.open(id(1)).err().map(|problem| problem.status.as_u16()), Some(429));
    seats.pop();
    assert!(streams.open(id(1)).is_ok());
    let others = STREAMS - seats.len();
    let more: Vec<Seat> = (2..=others as u64).map(|person| streams.open(id(person)).expect("a seat")).collect();
    assert_eq!(streams.len(), STREAMS - 1, "{}", more.len());
    let last = streams.open(id(900_000)).expect("the last seat");
    assert_eq!(streams.open(id(900_001)).err().map(|problem| problem.status.as_u16()), Some(503));
    drop((seats, more, last));
    assert!(streams.is_empty());
}

#[test]
fn nobody_listens_before_the_tail_has_begun() {
    let facts = Arc::new(Facts::new());
    let streams = Arc::new(Streams::new(Arc::clone(&facts), Arc::new(FeedIndex::new(facts, 10))));
    assert_eq!(streams.open(id(1)).err().map(|problem| problem.status.as_u16()), Some(503));
}

#[test]
fn a_place_survives_its_encoding_and_fits() {
    let heard = Partition::all(&FOLLOWED).into_iter().map(|partition| (partition, u64::MAX >> 1)).collect();
    let at = At::of(id(u64::MAX >> 1), &heard);
    assert!(at.is_whole());
    assert_eq!(at.positions.len(), 49);
    let bytes = at.to_bytes();
    assert!(bytes.len() <= MAX_PAYLOAD_BYTES);
    assert_eq!(At::from_bytes(&bytes), Some(at));
    let half = At::of(id(1), &Positions::new());
    assert!(!half.is_whole());
    assert_eq!(At::from_bytes(b"short"), None);
}

#[test]
fn what_takes_away_is_known() {
    let deleted = MediumDeleted { by: None, medium: id(1), owner: id(2) };
    assert!(super::note::takes_away(&deleted.into()));
    assert!(!super::note::takes_away(&vote(1, 2, 3).event.body));
}

#[test]
fn what_was_taken_away_is_remembered_for_who_comes_back_as_far_as_the_bound() {
    let streams = streams();
    let deleted = |medium: u64, offset| {
        let event = MediumDeleted { by: None, medium: id(medium), owner: id(2) };
        placed(Topic::Media, &medium.to_string(), offset, event)
    };
    let first = deleted(1, 10);
    let story = id(70);
    streams.feed.load(id(2), Verb::NoteAdd, story, id(1), Access::Public, Place { offset: 5, ..first.place });
    streams.hear(&first);
    assert_eq!(streams.taken(first.place), Some(vec![Telling::Removed(id(1), vec![story])]));
    (1..taken::EVENTS as u64).for_each(|n| streams.hear(&deleted(1, 10 + n)));
    assert!(streams.taken(first.place).is_some());
    streams.hear(&deleted(1, 10 + taken::EVENTS as u64));
    assert_eq!(streams.taken(first.place), None);
}

#[test]
fn what_reaches_further_back_than_memory_is_not_remembered() {
    let streams = streams();
    let owner = id(2);
    let deleted = MediumDeleted { by: None, medium: id(1), owner };
    let deleted = placed(Topic::Media, "1", 100, deleted);
    let made = |offset| Place { offset, ..deleted.place };
    streams.feed.load(owner, Verb::NoteAdd, id(50), id(1), Access::Public, made(1));
    // More than twice the ten that are kept: the note's own story is let go, a comment's is not.
    for n in 1..=21 {
        streams.feed.load(owner, Verb::NoteComment, id(50 + n), id(1), Access::Public, made(1 + n));
    }
    streams.hear(&deleted);
    assert_eq!(streams.taken(deleted.place), None);
}
