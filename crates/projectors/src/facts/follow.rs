//! Tails the journal for one process: keeps its facts, and lets its other in-memory views hear every event after them.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aredvi_events::actors::ActorEvent;
use aredvi_events::envelope::Placed;
use aredvi_events::{Body, Clock, Place, Positions, Topic, codec};
use aredvi_journal::{BatchLimits, Journal, ReadError};
use aredvi_traces::Step;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Facts;
use crate::keys::KeyStore;
use crate::trouble::Trouble;

/// What the tail reads: everything but what came of deliveries.
pub const TOPICS: [Topic; 6] =
    [Topic::Identity, Topic::Actors, Topic::Sessions, Topic::Graph, Topic::Media, Topic::Notifications];

/// Events and bytes taken in at once, and the longest wait for the first.
const BATCH: BatchLimits = BatchLimits { events: 2_000, bytes: 4 << 20, wait: Duration::from_millis(500) };
/// Between two tries while the journal cannot be read.
const RETRY: Duration = Duration::from_millis(200);

/// Somebody who hears every event right after the facts have taken it in, in log order within each partition. It must
/// be quick: everybody waits.
pub trait Listener: Send + Sync {
    /// Takes in one event.
    fn hear(&self, placed: &Placed);
}

/// Who is erased has no key any more: none stays in memory until its time is over.
impl Listener for KeyStore {
    fn hear(&self, placed: &Placed) {
        if let Body::Actors(ActorEvent::PersonErased(event)) = &placed.event.body {
            self.forget(event.person);
        }
    }
}

/// How far a process has heard the journal; readers wait on it.
pub struct Heard {
    positions: RwLock<Positions>,
    changes: watch::Sender<u64>,
}

impl Heard {
    /// Heard up to `positions`.
    pub fn new(positions: Positions) -> Self {
        Self { positions: RwLock::new(positions), changes: watch::Sender::new(0) }
    }

    /// How far.
    pub fn positions(&self) -> Positions {
        self.positions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the event at `place` was heard.
    pub fn includes(&self, place: Place) -> bool {
        self.positions.read().unwrap_or_else(PoisonError::into_inner).includes(place)
    }

    /// Waits until everything `wanted` on `topics` was heard; false when `limit` passed first.
    pub async fn wait_for(&self, wanted: &Positions, topics: &[Topic], clock: &Clock, limit: Duration) -> bool {
        let mut changes = self.changes.subscribe();
        let heard = || self.positions.read().unwrap_or_else(PoisonError::into_inner).covers(wanted, topics);
        let wait = async {
            while !heard() {
                if changes.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        heard() || clock.timeout(limit, wait).await.unwrap_or(false)
    }

    /// Everything before `positions` is loaded: a tail begins there.
    pub fn begin(&self, positions: &Positions) {
        self.raise(positions);
    }

    fn raise(&self, positions: &Positions) {
        self.positions.write().unwrap_or_else(PoisonError::into_inner).union(positions);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// The tail of one process.
pub struct Follower {
    /// Whose memory it keeps, as its steps of a trace are named: `hear.api`.
    pub name: &'static str,
    /// What it reads.
    pub journal: Journal,
    /// The clock of its waits.
    pub clock: Clock,
    /// Kept first.
    pub facts: Arc<Facts>,
    /// Then these, in order.
    pub listeners: Vec<Arc<dyn Listener>>,
    /// Told last: when a place is heard, facts and listeners hold it.
    pub heard: Arc<Heard>,
}

impl Follower {
    /// Tails until `shutdown`, from what is [`Heard`] already. While the journal cannot be read it tries again; the
    /// facts grow old meanwhile and say so.
    pub async fn run(self, shutdown: CancellationToken) {
        let trouble = Trouble::new();
        while !shutdown.is_cancelled() {
            let failure = tokio::select! {
                () = shutdown.cancelled() => return,
                Err(failure) = self.tail() => failure,
            };
            if let Some(told) = trouble.happened(&failure) {
                tracing::warn!(error = told.reason, left_out = told.left_out, "the journal cannot be followed; trying again");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.clock.sleep(RETRY) => {}
            }
        }
    }

    async fn tail(&self) -> Result<std::convert::Infallible, ReadError> {
        let mut tail = self.journal.tail(&self.heard.positions()).await?;
        // On a quiet journal the first read waits for an event; what there is may have been heard already.
        let now_ms = self.clock.now_ms();
        if self.heard.positions().covers(&self.journal.ends(&TOPICS).await?, &TOPICS) {
            self.facts.caught_up(now_ms);
        }
        loop {
            let stored = tail.next(&BATCH).await?;
            let drained = stored.len() < BATCH.events;
            let now_ms = self.clock.now_ms();
            let positions: Positions = stored.iter().map(|stored| stored.place).collect();
            for placed in stored.iter().filter_map(readable) {
                let _step = self.step(&placed, now_ms);
                self.facts.apply(&placed);
                for listener in &self.listeners {
                    listener.hear(&placed);
                }
            }
            if drained {
                self.facts.caught_up(now_ms);
            }
            if !positions.is_empty() {
                self.heard.raise(&positions);
            }
        }
    }

    /// The step of one event, when its trace is exported.
    fn step(&self, placed: &Placed, now_ms: i64) -> Option<Step> {
        let Placed { place, event } = placed;
        let trace = aredvi_traces::sampled_event(event.traceparent.as_deref(), event.time_ms, now_ms)?;
        let span = tracing::info_span!(
            parent: None,
            "hear",
            otel.name = %format_args!("hear.{}", self.name),
            otel.kind = "consumer",
            "messaging.operation.type" = "process",
            messaging.operation.name = "hear",
            messaging.destination.name = place.partition.topic.name(),
            messaging.destination.partition.id = place.partition.number,
            messaging.message.offset = place.offset,
        );
        Some(Step::after(trace, span))
    }
}

/// An event that cannot be decoded changes no fact; the views park it and its key.
fn readable(stored: &aredvi_events::Stored) -> Option<Placed> {
    codec::decode(stored).map_err(|reason| tracing::warn!(place = %stored.place, %reason, "an event was passed over")).ok()
}
