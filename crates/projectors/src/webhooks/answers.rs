//! What a receiver answered, noted where it counts.

use uuid::Uuid;

use super::queue::{self, Due, State};
use super::{Subscription, Webhooks};
use crate::db::{DbError, Value};

impl Webhooks {
    /// The receiver took it. A delivery that somebody else settled meanwhile stays as it is.
    ///
    /// # Errors
    /// [`DbError`]; it is sent again under the same id.
    pub async fn delivered(&self, subscription: &Subscription, due: &Due, answer: &str) -> Result<(), DbError> {
        self.end(subscription.id, due, State::Delivered, answer).await?;
        if subscription.failing_since.is_none() {
            return Ok(());
        }
        let sql = "UPDATE subscriptions SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL";
        self.db.execute(sql, vec![subscription.id.into()]).await.map(drop)
    }

    /// It was tried for the last time. What follows under its key is sent next.
    ///
    /// # Errors
    /// [`DbError`]; it is tried once more.
    pub async fn failed(&self, subscription: &Subscription, due: &Due, answer: &str) -> Result<(), DbError> {
        self.end(subscription.id, due, State::Failed, answer).await?;
        self.failing(subscription).await
    }

    /// It is tried again at `at_ms`, and nothing of its key before.
    ///
    /// # Errors
    /// [`DbError`]; it is tried again at once.
    pub async fn put_off(&self, subscription: &Subscription, due: &Due, at_ms: i64, answer: &str) -> Result<(), DbError> {
        let sql = "UPDATE deliveries SET attempts = attempts + 1, answer = ?, next_attempt = ?
            WHERE subscription = ? AND event = ? AND state = ?";
        let mut args: Vec<Value> = vec![answer.into(), at_ms.into()];
        args.extend(queue::of(subscription.id, due));
        self.db.execute(sql, args).await?;
        // deliveries_by_key
        let sql = "UPDATE deliveries SET next_attempt = ?
            WHERE subscription = ? AND state = ? AND topic = ? AND subject = ? AND next_attempt < ?";
        let args = vec![
            at_ms.into(),
            subscription.id.into(),
            State::Waiting.number().into(),
            due.topic.into(),
            due.subject.as_str().into(),
            at_ms.into(),
        ];
        self.db.execute(sql, args).await?;
        self.failing(subscription).await
    }

    async fn end(&self, subscription: Uuid, due: &Due, state: State, answer: &str) -> Result<(), DbError> {
        let sql = "UPDATE deliveries SET attempts = attempts + 1, answer = ?, state = ?, ended_at = ?, body = NULL
            WHERE subscription = ? AND event = ? AND state = ?";
        let mut args: Vec<Value> = vec![answer.into(), state.number().into(), self.now_ms().into()];
        args.extend(queue::of(subscription, due));
        self.db.execute(sql, args).await?;
        if due.attempts > 0 {
            // Those of its key that it held up: their turn is now. deliveries_by_key
            let sql = "UPDATE deliveries SET next_attempt = queued_at
                WHERE subscription = ? AND state = ? AND topic = ? AND subject = ? AND attempts = 0";
            let waiting = State::Waiting.number();
            let args = vec![subscription.into(), waiting.into(), due.topic.into(), due.subject.as_str().into()];
            self.db.execute(sql, args).await?;
        }
        Ok(())
    }

    async fn failing(&self, subscription: &Subscription) -> Result<(), DbError> {
        if subscription.failing_since.is_some() {
            return Ok(());
        }
        let sql = "UPDATE subscriptions SET failing_since = ? WHERE id = ? AND failing_since IS NULL";
        self.db.execute(sql, vec![self.now_ms().into(), subscription.id.into()]).await.map(drop)
    }
}
