//! The queue of each subscription: what is due, and what operators see of it.

use aredvi_events::mint::derived_id;
use uuid::Uuid;

use super::Webhooks;
use crate::db::{DbError, Row, Value};

/// A delivery whose time has come.
#[derive(Debug, Clone)]
pub struct Due {
    /// The event.
    pub event: Uuid,
    /// What is sent.
    pub body: String,
    /// Attempts made.
    pub attempts: u32,
    /// Together with the topic, what it is in order with.
    pub(super) subject: String,
    pub(super) topic: i64,
}

/// What has become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is still to be sent.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It was tried as often as anything is.
    Failed,
    /// It waited too long.
    Dropped,
}

/// A delivery, as operators see it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The event.
    pub event: Uuid,
    /// Its type.
    pub event_type: String,
    /// What has become of it.
    pub state: State,
    /// Attempts made.
    pub attempts: u32,
    /// What came of the last one: a status, or a word.
    pub answer: Option<String>,
    /// Since when it waits or waited, Unix milliseconds.
    pub queued_at: i64,
    /// When it is tried next, Unix milliseconds; none once it has ended.
    pub next_attempt: Option<i64>,
    /// When it ended, Unix milliseconds.
    pub ended_at: Option<i64>,
}

impl State {
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Delivered => 1,
            Self::Failed => 2,
            Self::Dropped => 3,
        }
    }

    fn from_number(number: i64) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Failed, Self::Dropped].into_iter().find(|state| state.number() == number)
    }

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// The `webhook-id` of an event to a subscription: the same at every attempt, whoever makes it.
pub fn message_id(subscription: Uuid, event: Uuid) -> String {
    format!("msg_{}", derived_id(event, &format!("webhook:{subscription}")).simple())
}

impl Webhooks {
    /// What is to be sent now, at most `limit`. Of each key only the first that waits: the others follow it.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn due(&self, subscription: Uuid, limit: u64) -> Result<Vec<Due>, DbError> {
        // deliveries_by_turn; inside deliveries_by_key
        let sql = "SELECT event, body, attempts, subject, topic FROM deliveries d
            WHERE subscription = ? AND state = ? AND next_attempt <= ?
            AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.subscription = d.subscription AND e.state = d.state
                AND e.topic = d.topic AND e.subject = d.subject AND e.log_offset < d.log_offset)
            ORDER BY next_attempt LIMIT ?";
        let waiting = State::Waiting.number();
        let args = vec![subscription.into(), waiting.into(), self.now_ms().into(), limit.into()];
        self.db.read_latest(sql, args).await?.iter().map(due).collect()
    }

    /// The newest deliveries first, at most `limit`, older than `before`: the time and the event of one of them.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn deliveries(
        &self,
        subscription: Uuid,
        before: Option<(i64, Uuid)>,
        limit: u64,
    ) -> Result<Vec<Delivery>, DbError> {
        // deliveries_by_age
        let (at, event) = before.unwrap_or((i64::MAX, Uuid::max()));
        let sql = "SELECT event, event_type, state, attempts, answer, queued_at, next_attempt, ended_at FROM deliveries
            WHERE subscription = ? AND (queued_at < ? OR (queued_at = ? AND event < ?))
            ORDER BY queued_at DESC, event DESC LIMIT ?";
        let args = vec![subscription.into(), at.into(), at.into(), event.into(), limit.into()];
        self.db.read_latest(sql, args).await?.iter().map(delivery).collect()
    }

    /// Since when the oldest waits that may still be sent, Unix milliseconds.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn oldest_waiting(&self) -> Result<Option<i64>, DbError> {
        // deliveries_by_turn: those that wait for an enabled subscription
        let sql = "SELECT MIN(queued_at) FROM deliveries
            WHERE state = ? AND subscription IN (SELECT id FROM subscriptions WHERE enabled = 1)";
        let rows = self.db.read(sql, vec![State::Waiting.number().into()]).await?;
        Ok(rows.first().map(|row| row.opt_int(0)).transpose()?.flatten())
    }
}

fn due(row: &Row) -> Result<Due, DbError> {
    Ok(Due {
        event: uuid(row, 0)?,
        body: row.text(1)?.to_owned(),
        attempts: row.id(2)?,
        subject: row.text(3)?.to_owned(),
        topic: row.int(4)?,
    })
}

fn delivery(row: &Row) -> Result<Delivery, DbError> {
    let unknown = || DbError::Column { column: 2, expected: "a state", found: "another number".to_owned() };
    let state = State::from_number(row.int(2)?).ok_or_else(unknown)?;
    Ok(Delivery {
        event: uuid(row, 0)?,
        event_type: row.text(1)?.to_owned(),
        state,
        attempts: row.id(3)?,
        answer: row.opt_text(4)?.map(str::to_owned),
        queued_at: row.int(5)?,
        next_attempt: if state == State::Waiting { Some(row.int(6)?) } else { None },
        ended_at: row.opt_int(7)?,
    })
}

fn uuid(row: &Row, column: usize) -> Result<Uuid, DbError> {
    let unknown = |_| DbError::Column { column, expected: "a UUID", found: "something else".to_owned() };
    Uuid::from_slice(row.bytes(column)?).map_err(unknown)
}

/// The arguments that name a delivery that waits.
pub(super) fn of(subscription: Uuid, due: &Due) -> [Value; 3] {
    [subscription.into(), due.event.into(), State::Waiting.number().into()]
}
