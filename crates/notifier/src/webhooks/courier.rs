//! Sends what is due to one subscription.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::Mint;
use aredvi_projectors::webhooks::{Due, FAILS_AT_MOST, Subscription, Webhooks, message_id};
use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::feeder::OUTCOMES;
use super::post::{Answer, Letter, NoAnswer, Post};
use super::schedule::pause_after;
use super::signature;
use crate::millis;
use crate::sweep::stopped;

/// Deliveries taken at once.
const TAKEN: u64 = 32;
/// Requests to one receiver at once, none of them under the same key.
const AT_ONCE: usize = 8;
/// Between two looks for what is due while nothing is heard from the feeder of this process.
const PAUSE: Duration = Duration::from_millis(500);
/// The receiver wants nothing any more (Standard Webhooks 1.0; RFC 9110, section 15.5.11).
const GONE: u16 = 410;

/// The courier of one subscription.
pub(super) struct Courier {
    subscription: Uuid,
    webhooks: Webhooks,
    mint: Mint,
    post: Post,
    queued: Arc<Notify>,
}

impl Courier {
    pub(super) const fn new(subscription: Uuid, webhooks: Webhooks, mint: Mint, post: Post, queued: Arc<Notify>) -> Self {
        Self { subscription, webhooks, mint, post, queued }
    }

    /// Sends until `stop`, or until the subscription is to be sent nothing.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        let mut told = None;
        while !stop.is_cancelled() {
            let news = self.queued.notified();
            let sent = match self.round(stop).await {
                Ok(sent) => {
                    told = None;
                    sent
                }
                Err(reason) => {
                    if told.as_ref() != Some(&reason) {
                        tracing::warn!(webhook = %self.subscription, error = reason, "nothing can be sent; it is tried again");
                        told = Some(reason);
                    }
                    0
                }
            };
            if sent == 0 {
                tokio::select! {
                    _stopping = stopped(self.mint.clock(), PAUSE, stop) => {}
                    () = news => {}
                }
            }
        }
    }

    /// Sends some of what is due; how much that was.
    async fn round(&self, stop: &CancellationToken) -> Result<usize, String> {
        let subscription = self.webhooks.subscription(self.subscription).await.map_err(|error| error.to_string())?;
        let Some(subscription) = subscription.filter(|subscription| subscription.enabled) else { return Ok(0) };
        let due = self.webhooks.due(self.subscription, TAKEN).await.map_err(|error| error.chain())?;
        let taken = due.len();
        let mut work = futures_util::stream::iter(due)
            .take_while(|_| std::future::ready(!stop.is_cancelled()))
            .map(|due| self.deliver(&subscription, due))
            .buffer_unordered(AT_ONCE);
        let mut ended = Ok(());
        while let Some(one) = work.next().await {
            ended = ended.and(one);
        }
        ended.map(|()| taken).map_err(|error| error.chain())
    }

    #[tracing::instrument(name = "notify.webhook", skip_all, fields(webhook = %self.subscription, event = %due.event))]
    async fn deliver(&self, subscription: &Subscription, due: Due) -> Result<(), aredvi_projectors::db::DbError> {
        let now_ms = self.mint.now_ms();
        let (id, timestamp_s) = (message_id(subscription.id, due.event), now_ms.div_euclid(1_000));
        let signature = signature::sign(&subscription.secrets, &id, timestamp_s, &due.body);
        let letter = Letter { id, timestamp_s, signature, body: due.body.clone() };
        let answered = self.post.send(&subscription.url, letter).await;
        let (word, asked) = match answered {
            Ok(Answer { status: 200..=299, .. }) => {
                count("delivered");
                let status = answered.map(|answer| answer.status.to_string()).unwrap_or_default();
                return self.webhooks.delivered(subscription, &due, &status).await;
            }
            Ok(Answer { status: GONE, .. }) => {
                self.webhooks.put_off(subscription, &due, now_ms, "410").await?;
                return self.disable("the receiver answered 410 Gone").await;
            }
            Ok(Answer { status, retry_after }) => (status.to_string(), retry_after),
            Err(NoAnswer(word)) => (word.to_owned(), None),
        };
        let chance = u64::from_le_bytes(self.mint.random());
        match pause_after(due.attempts.saturating_add(1), asked, chance) {
            Some(pause) => {
                count("retried");
                let at_ms = self.mint.now_ms().saturating_add(millis(pause));
                self.webhooks.put_off(subscription, &due, at_ms, &word).await?;
            }
            None => {
                count("failed");
                tracing::warn!(answer = word, "an event was not delivered and is given up");
                self.webhooks.failed(subscription, &due, &word).await?;
            }
        }
        let failing = subscription.failing_since.map(|since| now_ms.saturating_sub(since));
        if failing.is_some_and(|failing| failing >= millis(FAILS_AT_MOST)) {
            return self.disable("nothing could be delivered for 5 days").await;
        }
        Ok(())
    }

    async fn disable(&self, reason: &str) -> Result<(), aredvi_projectors::db::DbError> {
        if self.webhooks.disable(self.subscription, reason).await? {
            tracing::warn!(webhook = %self.subscription, reason, "a webhook was disabled");
        }
        Ok(())
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(OUTCOMES, "outcome" => outcome).increment(1);
}
