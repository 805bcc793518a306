//! Reads the log once for all subscriptions, and puts what each wants into its queue.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::clock::parse_rfc3339;
use aredvi_events::{Partition, Positions, Stored, codec, structured};
use aredvi_journal::{BatchLimits, Tail};
use aredvi_projectors::runner::Deps;
use aredvi_projectors::webhooks::{Dropped, Feed, MAX_AGE, Queued, TOPICS, Webhooks};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::millis;
use crate::sweep::{Failed, Sweep, stopped};

/// Events read at once.
const READ: BatchLimits = BatchLimits { events: 500, bytes: 4 * 1024 * 1024, wait: Duration::from_millis(500) };
/// Between two looks for a first subscription.
const NOBODY: Duration = Duration::from_secs(1);
/// How long events that nobody wanted may go by before it is noted how far it is.
const NOTED_EVERY: Duration = Duration::from_secs(5);
/// Between two rounds of upkeep.
const UPKEEP_EVERY: Duration = Duration::from_secs(10);
/// The most bytes that are sent to a receiver; a longer event is dropped.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// What came of events, by outcome.
pub(super) const OUTCOMES: &str = "aredvi_webhook_deliveries_total";

/// The feeder of one process.
pub(super) struct Feeder {
    webhooks: Webhooks,
    deps: Deps,
    queued: Arc<Notify>,
    stop: CancellationToken,
    reading: Option<Reading>,
    kept_up_at: i64,
}

struct Reading {
    feed: Feed,
    tail: Tail,
    noted_at: i64,
}

impl Feeder {
    pub(super) const fn new(webhooks: Webhooks, deps: Deps, queued: Arc<Notify>, stop: CancellationToken) -> Self {
        Self { webhooks, deps, queued, stop, reading: None, kept_up_at: i64::MIN }
    }

    async fn step(&mut self) -> Result<bool, String> {
        let now = self.deps.mint.now_ms();
        if self.kept_up_at.saturating_add(millis(UPKEEP_EVERY)) <= now {
            self.kept_up_at = now;
            keep_up(&self.webhooks).await?;
            self.measure().await?;
        }
        let version = self.webhooks.feed_version().await.map_err(|error| error.chain())?;
        let reading = match self.reading.take().filter(|reading| reading.feed.version == version) {
            Some(reading) => Some(reading),
            None => begin(&self.webhooks, &self.deps, now).await?,
        };
        let Some(mut reading) = reading else {
            let _stopping = stopped(self.deps.mint.clock(), NOBODY, &self.stop).await;
            return Ok(false);
        };
        let stored = tokio::select! {
            () = self.stop.cancelled() => return Ok(false),
            stored = reading.tail.next(&READ) => stored.map_err(|error| error.to_string())?,
        };
        let (queued, dropped) = self.wanted(&reading.feed, &stored);
        if queued.is_empty() && dropped.is_empty() && now < reading.noted_at.saturating_add(millis(NOTED_EVERY)) {
            self.reading = Some(reading);
            return Ok(true);
        }
        let news = !queued.is_empty();
        let positions = reading.tail.positions().clone();
        let done = self.webhooks.enqueue(&mut reading.feed, &positions, queued, dropped).await.map_err(|error| error.chain())?;
        let Some(dropped) = done else { return Ok(true) };
        metrics::counter!(OUTCOMES, "outcome" => "dropped").increment(dropped);
        if dropped > 0 {
            tracing::warn!(events = dropped, "events for webhooks were dropped");
        }
        if news {
            self.queued.notify_waiters();
        }
        reading.noted_at = now;
        self.reading = Some(reading);
        Ok(true)
    }

    /// Tells operators how much of the log is still to be read for subscriptions.
    async fn measure(&mut self) -> Result<(), String> {
        let read = self.reading.as_ref().map(|reading| reading.tail.positions().clone());
        let behind = match read {
            Some(read) => {
                let ends = self.deps.journal.ends(&TOPICS).await.map_err(|error| error.to_string())?;
                read.iter().map(|(partition, next)| ends.next(partition).saturating_sub(next)).sum()
            }
            None => 0_u64,
        };
        metrics::gauge!("aredvi_webhooks_lag_events").set(u32::try_from(behind).unwrap_or(u32::MAX));
        Ok(())
    }

    /// What is to be queued of these records, and for whom how many are not.
    fn wanted(&self, feed: &Feed, stored: &[Stored]) -> (Vec<Queued>, Dropped) {
        let (mut queued, mut dropped) = (Vec::new(), Dropped::new());
        let oldest = self.deps.mint.now_ms().saturating_sub(millis(MAX_AGE));
        for stored in stored {
            let topic = stored.place.partition.topic;
            // History that was brought in tells nobody.
            if codec::header(&stored.record, "ce_aredviorigin").is_some() {
                continue;
            }
            let event_type = codec::header(&stored.record, "ce_type").unwrap_or_default();
            let wanting =
                feed.subscriptions.iter().filter(|one| one.wants(topic, event_type) && !one.began.includes(stored.place));
            let mut body = None;
            for subscription in wanting {
                let body = body.get_or_insert_with(|| sendable(stored, oldest));
                match body {
                    Some((event, body)) => queued.push(Queued {
                        subscription: subscription.id,
                        event: *event,
                        topic: Some(topic),
                        subject: stored.record.key.clone(),
                        offset: stored.place.offset,
                        event_type: event_type.to_owned(),
                        body: body.clone(),
                    }),
                    None => *dropped.entry(subscription.id).or_default() += 1,
                }
            }
        }
        (queued, dropped)
    }
}

/// Begins to read where the queue ends, or where the first subscription of a topic began.
async fn begin(webhooks: &Webhooks, deps: &Deps, now: i64) -> Result<Option<Reading>, String> {
    let feed = webhooks.feed().await.map_err(|error| error.to_string())?;
    let mut from = Positions::new();
    for topic in TOPICS {
        let wanting: Vec<_> = feed.subscriptions.iter().filter(|one| one.topics.contains(&topic)).collect();
        for partition in Partition::all(&[topic]) {
            if let Some(began) = wanting.iter().map(|one| one.began.next(partition)).min() {
                from.set(partition, began.max(feed.positions.next(partition)));
            }
        }
    }
    if from.is_empty() {
        return Ok(None);
    }
    let tail = deps.journal.tail(&from).await.map_err(|error| error.to_string())?;
    Ok(Some(Reading { feed, tail, noted_at: now }))
}

/// Keeps the schema bounded.
async fn keep_up(webhooks: &Webhooks) -> Result<(), String> {
    let dropped: u64 = webhooks.keep_up().await.map_err(|error| error.chain())?.values().sum();
    metrics::counter!(OUTCOMES, "outcome" => "dropped").increment(dropped);
    if dropped > 0 {
        tracing::warn!(deliveries = dropped, "webhooks that waited too long were dropped");
    }
    Ok(())
}

/// The id and the text of an event; `None` when it is too old or too long, or no event.
fn sendable(stored: &Stored, oldest: i64) -> Option<(uuid::Uuid, String)> {
    let time = codec::header(&stored.record, "ce_time").and_then(parse_rfc3339)?;
    let body = structured::event(stored).ok().filter(|body| body.len() <= MAX_BODY_BYTES && time >= oldest)?;
    Some((codec::event_id(&stored.record)?, body))
}

impl Sweep for Feeder {
    const LEASE_NAME: &'static str = "webhooks-feed";

    async fn turn(&mut self) -> Result<bool, Failed> {
        self.step().await.map_err(|reason| {
            self.reading = None;
            Failed(reason)
        })
    }
}
