//! Who listens to the live stream, and what waits to be told to each.
//!
//! The tail puts short notes into bounded queues; each connection's own task fills them in and sends them, so that
//! visibility is asked at the moment of sending and a slow client costs nobody else.

mod at;
mod note;
mod parted;
mod reread;
mod taken;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aredvi_events::envelope::Placed;
use aredvi_events::{ActorId, Place, Positions, Topic};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::Listener;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::feed::FeedIndex;
use crate::problem::Problem;
pub use at::At;
use note::{Concern, Note, Telling, concern, settle, tellings};
use taken::Taken;
pub use tell::Live;

/// Streams of one process at once.
pub const STREAMS: usize = 5_000;
/// Streams of one person at once.
pub const STREAMS_OF_A_PERSON: usize = 8;
/// When a person may ask for another.
const SEAT_RETRY: Duration = Duration::from_secs(10);
/// Events that wait to be told to one connection; past it all of them are told by one `reset`.
pub const QUEUED: usize = 256;
/// Connections that read the journal again at once.
const REREADS: usize = 4;
/// How many streams are open.
const OPEN: &str = "aredvi_streams_open";

/// The streams of one process.
pub struct Streams {
    facts: Arc<Facts>,
    feed: Arc<FeedIndex>,
    hub: Mutex<Hub>,
    closing: CancellationToken,
    rereads: Semaphore,
}

#[derive(Default)]
struct Hub {
    last: u64,
    connections: HashMap<u64, Arc<Connection>>,
    /// What was heard; empty until the tail begins.
    heard: Positions,
    /// Heard by nobody, perhaps, but those who come back.
    taken: Taken,
}

/// What waits for one connection.
struct Connection {
    person: ActorId,
    queue: Mutex<Queue>,
    woken: Notify,
}

#[derive(Default)]
struct Queue {
    notes: Vec<Note>,
    overflown: bool,
}

/// A place among the listeners; given back when dropped.
pub struct Seat {
    streams: Arc<Streams>,
    number: u64,
    connection: Arc<Connection>,
    /// What was heard before the first note.
    pub begun: At,
}

/// What there is to tell.
#[derive(Debug, PartialEq)]
pub(crate) enum Turn {
    /// These, and then everything up to here is told.
    Notes(Vec<Note>, At),
    /// More than was kept; everything up to here is skipped.
    Lost(At),
}

impl Streams {
    /// Nobody listens yet.
    pub fn new(facts: Arc<Facts>, feed: Arc<FeedIndex>) -> Self {
        Self { facts, feed, hub: Mutex::default(), closing: CancellationToken::new(), rereads: Semaphore::new(REREADS) }
    }

    /// The tail begins here.
    pub fn begin(&self, from: &Positions) {
        self.hub().heard.union(&from.only(&FOLLOWED));
    }

    /// Ends all streams, those that open later at once.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.hub().connections.len()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a seat: from here on everything that concerns `person` is kept for him.
    ///
    /// # Errors
    /// 503 before the tail has begun, or with [`STREAMS`] open; 429 with [`STREAMS_OF_A_PERSON`] of his own.
    pub fn open(self: &Arc<Self>, person: ActorId) -> Result<Seat, Problem> {
        let mut hub = self.hub();
        if hub.heard.is_empty() || hub.connections.len() >= STREAMS {
            return Err(Problem::unavailable());
        }
        if hub.connections.values().filter(|connection| connection.person == person).count() >= STREAMS_OF_A_PERSON {
            return Err(Problem::rate_limited(SEAT_RETRY));
        }
        hub.last += 1;
        let number = hub.last;
        let connection = Arc::new(Connection { person, queue: Mutex::default(), woken: Notify::new() });
        hub.connections.insert(number, Arc::clone(&connection));
        let begun = At::of(person, &hub.heard);
        gauge(hub.connections.len());
        Ok(Seat { streams: Arc::clone(self), number, connection, begun })
    }

    /// What the event at `place` took away, where that is known.
    fn taken(&self, place: Place) -> Option<Vec<Telling>> {
        self.hub().taken.at(place)
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an event concerns a person now.
    fn concerns(&self, person: ActorId, concern: Concern) -> bool {
        let page = |owner: ActorId| owner == person || self.facts.follows(person, owner);
        match concern {
            Concern::Page(owner) => page(owner),
            Concern::Pages(one, other) => page(one) || page(other),
            Concern::Person(recipient) => recipient == person,
        }
    }
}

/// What streams tell of.
const FOLLOWED: [Topic; 3] = [Topic::Graph, Topic::Media, Topic::Notifications];

impl Listener for Streams {
    fn hear(&self, placed: &Placed) {
        if !FOLLOWED.contains(&placed.place.partition.topic) {
            return;
        }
        let mut hub = self.hub();
        // Heard again after a failure: it was told.
        let again = hub.heard.includes(placed.place);
        hub.heard.include(placed.place);
        if again {
            return;
        }
        hub.taken.hear(placed, &self.feed);
        if hub.connections.is_empty() {
            return;
        }
        let Some(concern) = concern(&placed.event.body) else { return };
        let mut told = None;
        for connection in hub.connections.values().filter(|connection| self.concerns(connection.person, concern)) {
            let told = told.get_or_insert_with(|| tellings(&placed.event.body, &self.feed));
            connection.push(Note { place: placed.place, told: told.clone() });
        }
    }
}

impl Connection {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, note: Note) {
        let mut queue = self.queue();
        if queue.notes.len() >= QUEUED {
            queue.notes = Vec::new();
            queue.overflown = true;
        }
        if !queue.overflown {
            queue.notes.push(note);
        }
        self.woken.notify_one();
    }
}

impl Seat {
    /// Waits until there may be something to tell.
    pub(crate) async fn woken(&self) {
        self.connection.woken.notified().await;
    }

    /// Everything that waits.
    pub(crate) fn take(&self) -> Turn {
        // The hub first: nothing is heard between the notes and the positions.
        let hub = self.streams.hub();
        let Queue { mut notes, overflown } = std::mem::take(&mut *self.connection.queue());
        let at = At::of(self.connection.person, &hub.heard);
        drop(hub);
        if overflown {
            return Turn::Lost(at);
        }
        settle(&mut notes);
        Turn::Notes(notes, at)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut hub = self.streams.hub();
        hub.connections.remove(&self.number);
        gauge(hub.connections.len());
    }
}

fn gauge(open: usize) {
    metrics::gauge!(OPEN).set(u32::try_from(open).unwrap_or(u32::MAX));
}
