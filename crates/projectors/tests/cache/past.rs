//! Events of sessions, as records at a place.

use aredvi_events::codec::{self, EventDropped};
use aredvi_events::sessions::{SessionOpened, SessionRevoked};
use aredvi_events::{
    ActorId, Body, Clock, Event, Id, JournalId, Mint, Origin, Partition, Place, Record, SessionId, Stored, Topic,
};
use aredvi_projectors::sessions::Token;
use uuid::Uuid;

/// A day in milliseconds.
pub const DAY_MS: i64 = 24 * 3_600_000;

/// The person of this number.
pub fn person(number: u64) -> ActorId {
    Id::new(number).expect("in range").into()
}

/// The session of this number.
pub fn session(number: u64) -> SessionId {
    Id::new(number).expect("in range").into()
}

/// The token of a person's session, the same for the same numbers.
pub fn token(of: u64, session: u64) -> Token {
    Token::mint(&Mint::seeded(Clock::default(), of * 1_000_003 + session), person(of))
}

/// A record of one event; its id follows from the numbers.
pub fn record(key: u64, number: u64, time_ms: i64, body: impl Into<Body>) -> Record {
    let event = Event {
        id: Uuid::from_u128(u128::from(key) << 64 | u128::from(number)),
        key: key.to_string(),
        time_ms,
        source: JournalId(Uuid::from_u128(1)),
        origin: Origin::Here,
        traceparent: None,
        body: body.into(),
    };
    codec::encode(Topic::Sessions, &event).expect("encodes")
}

/// A sign-in at `now` that ends at `expires_at`.
pub fn opened(of: u64, number: u64, now: i64, expires_at: i64) -> Record {
    let (token_hash, device) = (token(of, number).hash().as_str().to_owned(), format!("device: {number}"));
    let body =
        SessionOpened { by: Some(person(of)), person: person(of), session: session(number), token_hash, device, expires_at };
    record(of, number * 10, now, body)
}

/// A sign-out at `now`.
pub fn revoked(of: u64, number: u64, now: i64) -> Record {
    let body = SessionRevoked { by: Some(person(of)), person: person(of), session: session(number) };
    record(of, number * 10 + 1, now, body)
}

/// The view gives up an event.
pub fn dropped(of: u64, event: Uuid, now: i64) -> Record {
    record(of, 7, now, codec::AnyTopicEvent::from(EventDropped { by: None, view: "sessions".to_owned(), event }))
}

/// The partition of a person.
pub fn partition(of: u64) -> u32 {
    Topic::Sessions.partition(&of.to_string())
}

/// Places records of one partition at growing offsets from `first`, with gaps.
pub fn placed(records: impl IntoIterator<Item = Record>, first: u64) -> Vec<Stored> {
    records
        .into_iter()
        .zip((first..).step_by(3))
        .map(|(record, offset)| Stored { place: Place { partition: Partition::of(record.topic, &record.key), offset }, record })
        .collect()
}
