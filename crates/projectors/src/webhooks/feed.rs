//! Filling the queue from the log: how far that is, and the transaction that goes further.

use std::collections::BTreeMap;

use aredvi_events::{JournalId, Positions, Topic};
use uuid::Uuid;

use super::queue::State;
use super::{MAX_WAITING, Subscription, SubscriptionError, Webhooks};
use crate::db::{DbError, Tx, Value};

/// How far the log was put into the queue, and for whom.
#[derive(Debug, Clone)]
pub struct Feed {
    /// It rises with every change of a subscription, and with every step.
    pub version: i64,
    /// How far.
    pub positions: Positions,
    /// Those who are sent something.
    pub subscriptions: Vec<Subscription>,
}

/// An event for one subscription.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Whose.
    pub subscription: Uuid,
    /// The event.
    pub event: Uuid,
    /// Its topic; none for a try that an operator asked for.
    pub topic: Option<Topic>,
    /// Its key.
    pub subject: String,
    /// Its offset.
    pub offset: u64,
    /// Its type.
    pub event_type: String,
    /// What is sent.
    pub body: String,
}

impl Webhooks {
    /// How far it is, with the enabled subscriptions.
    ///
    /// # Errors
    /// [`SubscriptionError`].
    pub async fn feed(&self) -> Result<Feed, SubscriptionError> {
        // The version first: whoever changes a subscription after this makes it stale.
        let rows = self.db.read_latest("SELECT version, positions FROM feed WHERE one = 1", vec![]).await?;
        let row = rows.first().ok_or_else(lost)?;
        let (version, positions) = (row.int(0)?, read(row.bytes(1)?, self.journal.id())?);
        let Some(positions) = positions else {
            self.begin_another_log().await?;
            return Err(SubscriptionError::Refused("the log is another one: every webhook is disabled".to_owned()));
        };
        let subscriptions = self.subscriptions().await?.into_iter().filter(|one| one.enabled).collect();
        Ok(Feed { version, positions, subscriptions })
    }

    /// The version of the feed now: a [`Feed`] of another one is stale.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn feed_version(&self) -> Result<i64, DbError> {
        let rows = self.db.read_latest("SELECT version FROM feed WHERE one = 1", vec![]).await?;
        rows.first().ok_or_else(lost)?.int(0)
    }

    /// Puts events into the queue and moves on to `positions`, in one transaction. What is beyond [`MAX_WAITING`] is
    /// dropped and counted with `dropped`. `None`, and nothing was done: the feed is no longer as it was read. Else how
    /// many were dropped.
    ///
    /// # Errors
    /// [`DbError`]; nothing was done, or all.
    pub async fn enqueue(
        &self,
        feed: &mut Feed,
        positions: &Positions,
        events: Vec<Queued>,
        mut dropped: BTreeMap<Uuid, u64>,
    ) -> Result<Option<u64>, DbError> {
        let mut further = feed.positions.clone();
        further.union(positions);
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE feed SET version = version + 1, positions = ? WHERE one = 1 AND version = ?";
        let args = vec![further.to_bytes(self.journal.id()).into(), feed.version.into()];
        if tx.execute(sql, args).await? != 1 {
            tx.rollback().await?;
            return Ok(None);
        }
        let mut by_subscription: BTreeMap<Uuid, Vec<Queued>> = BTreeMap::new();
        for event in events {
            by_subscription.entry(event.subscription).or_default().push(event);
        }
        let mut rows = Vec::new();
        for (subscription, events) in by_subscription {
            // deliveries_by_turn
            let sql = "SELECT COUNT(*) FROM deliveries WHERE subscription = ? AND state = ?";
            let waiting = tx.read(sql, vec![subscription.into(), State::Waiting.number().into()]).await?;
            let waiting: u64 = waiting.first().map_or(Ok(0), |row| row.id(0))?;
            let room = usize::try_from(MAX_WAITING.saturating_sub(waiting)).unwrap_or(usize::MAX);
            let beyond = events.len().saturating_sub(room);
            if beyond > 0 {
                *dropped.entry(subscription).or_default() += beyond as u64;
            }
            rows.extend(events.into_iter().take(room).map(|event| self.row(event)));
        }
        insert(&mut tx, rows).await?;
        for (subscription, count) in &dropped {
            let sql = "UPDATE subscriptions SET dropped = dropped + ? WHERE id = ?";
            tx.execute(sql, vec![(*count).into(), (*subscription).into()]).await?;
        }
        tx.commit().await?;
        feed.version += 1;
        feed.positions = further;
        Ok(Some(dropped.values().sum()))
    }

    /// Queues a try that an operator asked for.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn enqueue_try(&self, queued: Queued) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        let row = self.row(queued);
        insert(&mut tx, vec![row]).await?;
        tx.commit().await
    }

    /// Another log than the one that subscriptions began on: an operator has to say that they are to go on.
    async fn begin_another_log(&self) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        raise_version(&mut tx).await?;
        let nowhere = Positions::new().to_bytes(self.journal.id());
        tx.execute("UPDATE feed SET positions = ? WHERE one = 1", vec![nowhere.into()]).await?;
        let sql = "UPDATE subscriptions SET enabled = 0, reason = ? WHERE enabled = 1";
        tx.execute(sql, vec!["the log is another one".into()]).await?;
        tx.execute("DELETE FROM deliveries", vec![]).await?;
        tx.commit().await
    }

    fn row(&self, queued: Queued) -> [Value; 11] {
        let now = self.now_ms();
        [
            queued.subscription.into(),
            queued.event.into(),
            queued.topic.map_or(TRIES, |topic| topic.number().into()).into(),
            queued.subject.into(),
            queued.offset.into(),
            queued.event_type.into(),
            queued.body.into(),
            State::Waiting.number().into(),
            now.into(),
            now.into(),
            0_i64.into(),
        ]
    }
}

/// The topic's number of tries that an operator asked for.
const TRIES: i64 = -1;

async fn insert(tx: &mut Tx, rows: Vec<[Value; 11]>) -> Result<(), DbError> {
    let columns = [
        "subscription",
        "event",
        "topic",
        "subject",
        "log_offset",
        "event_type",
        "body",
        "state",
        "next_attempt",
        "queued_at",
        "attempts",
    ];
    // An event that stands on the log twice, because its append was repeated, is queued once.
    tx.insert_ignore("deliveries", columns, rows).await
}

/// Makes every feed that was read before stale, and holds the row until the commit.
pub(super) async fn raise_version(tx: &mut Tx) -> Result<(), DbError> {
    tx.execute("UPDATE feed SET version = version + 1 WHERE one = 1", vec![]).await.map(drop)
}

/// How far the queue is filled; none when that is of another journal.
pub(super) async fn positions(tx: &mut Tx, journal: JournalId) -> Result<Option<Positions>, DbError> {
    let rows = tx.read("SELECT positions FROM feed WHERE one = 1", vec![]).await?;
    read(rows.first().ok_or_else(lost)?.bytes(0)?, journal)
}

fn read(bytes: &[u8], journal: JournalId) -> Result<Option<Positions>, DbError> {
    let unknown = |_| DbError::Column { column: 0, expected: "positions", found: "something else".to_owned() };
    Positions::from_bytes(bytes, journal).map_err(unknown)
}

fn lost() -> DbError {
    DbError::Column { column: 0, expected: "the row of `feed`", found: "none".to_owned() }
}
