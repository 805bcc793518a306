//! A log in the making.

use std::collections::BTreeMap;

use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::{ActorId, DataKey, Event, Id, JournalId, Origin, Partition, Place, Sealed, Topic};
use uuid::Uuid;

/// Between two offsets of a partition: room for what is appended again.
const OFFSET_STEP: u64 = 100;
/// The time of the first event, Unix milliseconds.
pub const START_MS: i64 = 1_790_812_800_000;

/// The id of a small number.
pub fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("in range").into()
}

/// Events with their places, in the order of their appends.
#[derive(Default)]
pub struct Log {
    ends: BTreeMap<Partition, u64>,
    /// The events.
    pub placed: Vec<Placed>,
}

impl Log {
    /// The id of the event that comes next.
    pub fn next_id(&self) -> Uuid {
        Uuid::from_u128(self.placed.len() as u128 + 1)
    }

    /// A text of `actor` for the event that comes next.
    pub fn seal(&self, actor: ActorId, text: &str) -> Sealed {
        seal(actor, self.next_id(), text)
    }

    /// Appends an event under a key; its id.
    pub fn push(&mut self, key: impl ToString, body: impl Into<Body>) -> Uuid {
        let (id, body, key) = (self.next_id(), body.into(), key.to_string());
        let time_ms = START_MS + 1_000 * i64::try_from(self.placed.len()).expect("a short log");
        let source = JournalId(Uuid::from_u128(1));
        self.append(Event { id, key, time_ms, source, origin: Origin::Here, traceparent: None, body });
        id
    }

    /// Appends an event that somebody else made.
    pub fn append(&mut self, event: Event) {
        let partition = Partition::of(topic_of(&event.body), &event.key);
        let end = self.ends.entry(partition).or_insert(0);
        *end += OFFSET_STEP;
        let place = Place { partition, offset: *end };
        self.placed.push(Placed { place, event });
    }
}

/// The data key of an actor.
pub fn data_key(actor: ActorId) -> DataKey {
    DataKey::new([u8::try_from(actor.get() % 251).expect("a byte"); 32])
}

/// A text of `actor` for an event.
pub fn seal(actor: ActorId, event: Uuid, text: &str) -> Sealed {
    data_key(actor).seal(actor, event, [9; 24], text)
}

fn topic_of(body: &Body) -> Topic {
    match body {
        Body::Identity(_) => Topic::Identity,
        Body::Actors(_) => Topic::Actors,
        Body::Sessions(_) => Topic::Sessions,
        Body::Graph(_) => Topic::Graph,
        Body::Media(_) => Topic::Media,
        Body::Notifications(_) => Topic::Notifications,
        Body::Deliveries(_) | Body::Any(_) => Topic::Deliveries,
    }
}
