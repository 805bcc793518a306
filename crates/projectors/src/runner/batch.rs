//! Records read, told apart by what becomes of them.

use aredvi_events::codec::{self, AnyTopicEvent};
use aredvi_events::envelope::Placed;
use aredvi_events::mint::derived_id;
use aredvi_events::{Body, JournalId, Positions, Stored, Topic};
use aredvi_traces::{MAX_FOLLOWED, Step};
use uuid::Uuid;

use crate::followed::Applied;

/// One record of a batch.
pub(super) struct Item {
    /// As it stands on the log.
    pub stored: Stored,
    /// The event's id, or one made of the place when it has none.
    pub id: Uuid,
    /// What it is.
    pub what: What,
    /// The step of its trace that goes on until it is committed.
    pub step: Option<Step>,
}

/// What a record is to one view.
#[expect(clippy::large_enum_variant, reason = "nearly all are events")]
pub(super) enum What {
    /// An event to apply.
    Event(Placed),
    /// An event that a batch in work has taken.
    Taken,
    /// This view gave up an event.
    Drop(Uuid),
    /// Another view gave up an event: nothing to this one.
    Nothing,
    /// No event, or one that cannot be applied, and why.
    Unusable(String),
}

impl Item {
    /// Reads a record for `view`.
    pub fn read(stored: Stored, view: &str, journal: JournalId) -> Self {
        let id = codec::event_id(&stored.record).unwrap_or_else(|| derived_id(journal.0, &format!("parked {}", stored.place)));
        let what = match codec::decode(&stored) {
            Err(undecodable) => What::Unusable(undecodable.to_string()),
            Ok(placed) => match &placed.event.body {
                Body::Any(AnyTopicEvent::EventDropped(dropped)) if dropped.view == view => What::Drop(dropped.event),
                Body::Any(AnyTopicEvent::EventDropped(_)) => What::Nothing,
                Body::Identity(_)
                | Body::Actors(_)
                | Body::Sessions(_)
                | Body::Graph(_)
                | Body::Media(_)
                | Body::Notifications(_)
                | Body::Deliveries(_) => What::Event(placed),
            },
        };
        Self { stored, id, what, step: None }
    }

    /// Takes the event to apply.
    pub fn take(&mut self) -> Option<Placed> {
        match std::mem::replace(&mut self.what, What::Taken) {
            What::Event(placed) => Some(placed),
            other @ (What::Taken | What::Drop(_) | What::Nothing | What::Unusable(_)) => {
                self.what = other;
                None
            }
        }
    }

    /// What it is parked by: its topic and its key.
    pub fn key(&self) -> ParkingKey {
        parking_key(self.stored.place.partition.topic, &self.stored.record.key)
    }
}

/// Goes on with the traces of a batch; what follows from an event follows from its step.
pub(super) fn follow(items: &mut [Item], applied: Applied<'_>, now_ms: i64) {
    let steps = items.iter_mut().filter_map(|item| Some((applied.step(&item.stored, now_ms)?, item)));
    for (step, item) in steps.take(MAX_FOLLOWED) {
        if let What::Event(placed) = &mut item.what {
            placed.event.traceparent = Some(step.traceparent());
        }
        item.step = Some(step);
    }
}

/// A topic and a record's key.
pub(super) type ParkingKey = (Topic, String);

/// Bytes of a key that are kept: ours are shorter, but a record that is no event of ours may have any.
const MAX_KEY_BYTES: usize = 255;

/// What a record is parked by.
pub(super) fn parking_key(topic: Topic, key: &str) -> ParkingKey {
    (topic, cut(key, MAX_KEY_BYTES).to_owned())
}

/// The beginning of a text, at most `bytes` long.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// How far a view is that has these behind it.
pub(super) fn positions(items: &[Item]) -> Positions {
    items.iter().map(|item| item.stored.place).collect()
}
