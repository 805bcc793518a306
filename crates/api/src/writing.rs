//! The way of every write: a turn under its idempotency key, events appended, the positions handed back.
//!
//! A write does one thing durably: it appends. The ids of what it makes are chosen before, and kept under the
//! idempotency key, so that a repeat after an unknown outcome appends the same event again and the folds ignore it.

use aredvi_events::envelope::{Event, Origin};
use aredvi_events::{Body, Id, Partition, Place, Positions, Topic, codec};
use aredvi_journal::AppendError;
use aredvi_projectors::trouble::Trouble;
use uuid::Uuid;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::reserved::{End, Right, Turn};

/// The ids of one write, chosen before anything is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The event's id; further events of the same write derive theirs from it.
    pub event: Uuid,
    /// The id of what is made, gathered for the topic of media.
    pub first: Id,
    /// A second id: the story's or the notification's.
    pub second: Id,
    /// The time of its events, Unix milliseconds.
    pub time_ms: i64,
}

const PLAN_BYTES: usize = 40;

impl Plan {
    /// Chooses ids.
    ///
    /// # Errors
    /// 503 while the process holds no worker lease.
    pub fn new(app: &App) -> Result<Self, Problem> {
        let first = app.mint.gathered_id(Topic::Media).map_err(|_| Problem::unavailable())?;
        let second = app.mint.id().map_err(|_| Problem::unavailable())?;
        Ok(Self { event: app.mint.event_id(), first, second, time_ms: app.mint.now_ms() })
    }

    /// As a reservation keeps it.
    pub fn to_bytes(self) -> [u8; PLAN_BYTES] {
        let mut bytes = [0; PLAN_BYTES];
        bytes[..16].copy_from_slice(self.event.as_bytes());
        bytes[16..24].copy_from_slice(&self.first.get().to_be_bytes());
        bytes[24..32].copy_from_slice(&self.second.get().to_be_bytes());
        bytes[32..].copy_from_slice(&self.time_ms.to_be_bytes());
        bytes
    }

    /// Reads what [`Plan::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PLAN_BYTES] = bytes.try_into().ok()?;
        let word = |at: usize| <[u8; 8]>::try_from(&bytes[at..at + 8]).ok();
        Some(Self {
            event: Uuid::from_slice(&bytes[..16]).ok()?,
            first: Id::new(u64::from_be_bytes(word(16)?))?,
            second: Id::new(u64::from_be_bytes(word(24)?))?,
            time_ms: i64::from_be_bytes(word(32)?),
        })
    }
}

/// What a write came to.
#[derive(Debug)]
pub enum Outcome<T> {
    /// It was done now.
    Now(T, Positions),
    /// It was done before, under the same idempotency key: render its resource as it is now.
    Before(Plan),
}

/// A write at work.
pub struct Writing<'a> {
    app: &'a App,
    caller: &'a Caller,
    /// Its ids.
    pub plan: Plan,
    appended: Positions,
    /// This try or an earlier one may be on the log.
    unknown: bool,
    /// It was refused once and for all.
    decided: bool,
}

impl App {
    /// Runs `act` as one write of `caller`, once per idempotency key.
    ///
    /// # Errors
    /// What `act` refuses; 503 when the key could not be reserved.
    pub async fn write<T>(
        &self,
        caller: &Caller,
        act: impl AsyncFnOnce(&mut Writing<'_>) -> Result<T, Problem>,
    ) -> Result<Outcome<T>, Problem> {
        let (plan, right) = match caller.reserved.as_ref().map(|reserved| reserved.take()) {
            None => (Plan::new(self)?, None),
            Some(Some(Turn::Write(plan, right))) => (plan, Some(right)),
            Some(Some(Turn::Done(before))) => return Ok(Outcome::Before(before)),
            Some(Some(Turn::Away)) => return Err(Problem::unavailable()),
            // One request, one write.
            Some(None) => return Err(Problem::internal()),
        };
        let mut writing = Writing { app: self, caller, plan, appended: Positions::new(), unknown: false, decided: false };
        let acted = act(&mut writing).await;
        writing.settle(acted, right).await
    }

    /// The caller of a repeat: he waits for all that stands on `topic` beside `key` by now, what was written before
    /// included, wherever it was written.
    ///
    /// # Errors
    /// 503 when the log cannot be asked for its end.
    pub async fn repeating(&self, caller: &Caller, topic: Topic, key: &str) -> Result<Caller, Problem> {
        let ends = self.journal.ends(&[topic]).await.map_err(|error| {
            static FAILING: Trouble = Trouble::new();
            if let Some(told) = FAILING.happened(&error) {
                tracing::warn!(error = told.reason, left_out = told.left_out, "the log's end cannot be read");
            }
            Problem::unavailable()
        })?;
        let partition = Partition::of(topic, key);
        let mut caller = caller.clone();
        caller.wanted.raise(partition, ends.next(partition));
        Ok(caller)
    }
}

impl Writing<'_> {
    /// Appends one event under the plan's event id.
    ///
    /// # Errors
    /// 503: `unavailable` when it is certainly not on the log, `outcome-unknown` when it may be.
    pub async fn append(&mut self, topic: Topic, key: String, body: impl Into<Body>) -> Result<Place, Problem> {
        self.append_as(self.plan.event, topic, key, body).await
    }

    /// Appends one event under an id that follows from the plan's.
    ///
    /// # Errors
    /// As [`Writing::append`].
    pub async fn append_as(&mut self, id: Uuid, topic: Topic, key: String, body: impl Into<Body>) -> Result<Place, Problem> {
        let event = Event {
            id,
            key,
            time_ms: self.plan.time_ms,
            source: self.app.journal.id(),
            origin: Origin::Here,
            traceparent: self.caller.traceparent.clone(),
            body: body.into(),
        };
        let record = codec::encode(topic, &event).map_err(|error| {
            tracing::error!(error = %error, "an event could not be written");
            Problem::internal()
        })?;
        let places = self.app.journal.append(vec![record]).await.map_err(|error| {
            static FAILING: Trouble = Trouble::new();
            if let Some(told) = FAILING.happened(&error) {
                tracing::warn!(error = told.reason, left_out = told.left_out, topic = %topic, "an append failed");
            }
            match error {
                AppendError::Unavailable(_) => Problem::unavailable(),
                AppendError::Unknown(_) => {
                    self.unknown = true;
                    Problem::outcome_unknown()
                }
                AppendError::TooLarge => Problem::payload_too_large(),
            }
        })?;
        let place = places.first().copied().ok_or_else(Problem::internal)?;
        self.appended.include(place);
        Ok(place)
    }

    /// Includes an event that followed from this write in its position, such as a verdict.
    pub fn include(&mut self, place: Place) {
        self.appended.include(place);
    }

    /// What was appended may or may not take effect: a repeat appends it again.
    pub fn outcome_unknown(&mut self) {
        self.unknown = true;
    }

    /// What was appended was refused for good: a repeat looks the refusal up.
    pub fn decided(&mut self) {
        self.decided = true;
    }

    async fn settle<T>(self, acted: Result<T, Problem>, right: Option<Right>) -> Result<Outcome<T>, Problem> {
        let end = match &acted {
            Ok(_) => End::Done,
            Err(_) if self.decided => End::Done,
            // What stands on the log already must come again under the same ids.
            Err(_) if self.unknown || !self.appended.is_empty() => End::Unknown,
            Err(_) => End::Refused,
        };
        let settled = async {
            if let Some(right) = &right {
                self.app.end(right, self.plan, end).await;
            }
        };
        let remembered = async {
            if acted.is_ok() && !self.appended.is_empty() {
                self.app.remember_positions(self.caller, &self.appended).await;
            }
        };
        // Both leave in one packet.
        tokio::join!(settled, remembered);
        let value = acted?;
        let mut positions = self.caller.wanted.clone();
        positions.union(&self.appended);
        Ok(Outcome::Now(value, positions))
    }
}

impl<T> Outcome<T> {
    /// Where the write stands, for one that has nothing to show: a repeat stands where the session's writes do.
    pub fn positions(self, caller: &Caller) -> Positions {
        match self {
            Self::Now(_, positions) => positions,
            Self::Before(_) => caller.wanted.clone(),
        }
    }
}
