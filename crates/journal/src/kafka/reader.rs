//! One consumer that is told exactly what to read.
//!
//! The client reconnects by itself while one broker is there. What it reports meanwhile is counted as trouble, and only
//! when that lasts is the caller told; an offset that the log does not hold is never replaced by another. A client that
//! has lost all brokers is replaced by another, at the same positions.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use aredvi_events::{Clock, Partition, Positions, Stored};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::cluster::{Cluster, Context, drop_aside};
use super::message;
use super::offsets::{Offsets, number};
use crate::error::{Fault, ReadError};
use crate::limits::record_bytes;
use crate::tail::BatchLimits;

/// Trouble with the brokers is told to the caller when it lasts longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// A consumer's settings. Its group is never joined: the client only wants a name. The queue is small because a process has
/// a dozen of these; the back-off, because a full queue is the normal case of a replay.
const SETTINGS: [(&str, &str); 9] = [
    ("group.id", "aredvi-tail"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("queued.max.messages.kbytes", "4096"),
    ("fetch.max.bytes", "8388608"),
    ("fetch.queue.backoff.ms", "2"),
    ("fetch.error.backoff.ms", "50"),
    ("check.crcs", "true"),
];

/// How soon a fetch is answered. Each costs the client and the broker the same, whether it brings one record or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As soon as there is a record, so the longest wait costs no latency. Measured: twelve tails of all topics that wait
    /// for nothing take 0.6 cores of a broker at 10 ms, 0.2 at 100 ms.
    Quiet,
    /// When a good many are there, or after a short while: what comes by the thousand is not fetched one by one.
    Busy,
    /// As busy, where nobody waits for what this process reads: after twice that while.
    Unhurried,
}

impl Pace {
    const fn settings(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Quiet => [("fetch.min.bytes", "1"), ("fetch.wait.max.ms", "100")],
            Self::Busy => [("fetch.min.bytes", "262144"), ("fetch.wait.max.ms", "25")],
            Self::Unhurried => [("fetch.min.bytes", "262144"), ("fetch.wait.max.ms", "50")],
        }
    }
}

/// Reads some partitions of the cluster with a consumer of its own.
pub struct Reader {
    cluster: Cluster,
    offsets: Arc<Offsets>,
    positions: Positions,
    clock: Clock,
    pace: Pace,
    /// None when the last one cannot go on: the next call makes another, at the same positions.
    consumer: Option<Consumer>,
    /// Received, but not returned yet.
    held: Option<Stored>,
    trouble: Option<Trouble>,
}

struct Trouble {
    since: Instant,
    said: KafkaError,
}

impl Reader {
    /// Reads these partitions, each from its next offset, which the caller has checked.
    pub fn open(cluster: Cluster, offsets: Arc<Offsets>, positions: Positions, clock: Clock) -> Result<Self, ReadError> {
        let mut reader = Self::new(cluster, offsets, clock);
        reader.positions = positions;
        reader.assign()?;
        Ok(reader)
    }

    /// Reads nothing yet.
    pub fn new(cluster: Cluster, offsets: Arc<Offsets>, clock: Clock) -> Self {
        let (positions, pace) = (Positions::new(), Pace::Quiet);
        Self { cluster, offsets, positions, clock, pace, consumer: None, held: None, trouble: None }
    }

    /// How soon its fetches are answered.
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// Fetches at another pace from here on, with another consumer.
    pub fn keep_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.held = None; // The next consumer starts with it.
        if self.consumer.take().is_some() {
            // What fails here is tried again by the next call, which then tells it.
            if let Err(error) = self.assign() {
                tracing::debug!(%error, "no consumer of another pace yet");
            }
        }
    }

    /// Goes on with another consumer, at the same positions.
    pub fn renew(&mut self) {
        self.consumer = None;
        self.held = None; // The next consumer starts with it.
    }

    /// Where what it reads ends.
    pub async fn ends(&self) -> Result<Positions, ReadError> {
        self.offsets.ends(&self.positions).await
    }

    /// Reads these partitions too from now on, each from its next offset.
    pub fn follow(&mut self, more: &Positions) -> Result<(), ReadError> {
        for (partition, next) in more.iter() {
            self.positions.set(partition, next);
        }
        // Without a consumer the next call makes one for all.
        let Some(consumer) = self.consumer.as_ref().filter(|_| !more.is_empty()) else { return Ok(()) };
        consumer.follow(&self.cluster, more).map_err(|error| ReadError::Unavailable(Fault::new(error)))
    }

    /// Reads these partitions no longer.
    pub fn leave(&mut self, partitions: &[Partition]) -> Result<(), ReadError> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.positions.retain(|partition| !partitions.contains(&partition));
        self.held.take_if(|held| partitions.contains(&held.place.partition));
        if self.positions.is_empty() {
            self.consumer = None;
        }
        let Some(consumer) = &self.consumer else { return Ok(()) };
        consumer.leave(&self.cluster, partitions).map_err(|error| ReadError::Unavailable(Fault::new(error)))
    }

    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Between the first message and the return nothing is awaited, so that a dropped call loses none.
    pub async fn next(&mut self, limits: &BatchLimits) -> Result<Vec<Stored>, ReadError> {
        if self.consumer.is_none() {
            self.offsets.check(&self.positions).await?;
            self.assign()?;
        }
        let end = Instant::now() + limits.wait;
        loop {
            let first = match self.held.take() {
                Some(held) => Ok(Some(held)),
                None => {
                    let clock = self.clock.clone();
                    let Some(Consumer(Some(consumer))) = &self.consumer else { return Err(self.unavailable()) };
                    let left = end.saturating_duration_since(Instant::now());
                    let Ok(received) = clock.timeout(left, consumer.recv()).await else { return self.nothing_came().await };
                    received.map(|message| self.stored(&message))
                }
            };
            let batch = first.map(|first| self.fill(first, limits));
            match batch {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => return Ok(batch),
                Err(error) => self.note(error),
            }
            if self.consumer.is_none() {
                self.offsets.check(&self.positions).await?;
                return Err(self.unavailable());
            }
        }
    }

    /// Takes what has come already; a record that passes the limit is held for the next call.
    fn fill(&mut self, first: Option<Stored>, limits: &BatchLimits) -> Vec<Stored> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut next = first;
        loop {
            if let Some(stored) = next {
                bytes += record_bytes(&stored.record);
                if bytes > limits.bytes && !batch.is_empty() {
                    self.held = Some(stored);
                    break;
                }
                self.positions.include(stored.place);
                batch.push(stored);
            }
            if batch.len() >= limits.events.max(1) {
                break;
            }
            let Some(Consumer(Some(consumer))) = &self.consumer else { break };
            match ready(consumer) {
                None => break,
                Some(Ok(message)) => next = self.stored(&message),
                Some(Err(error)) => {
                    self.note(error);
                    break;
                }
            }
        }
        if !batch.is_empty() && self.consumer.is_some() {
            self.trouble = None;
        }
        batch
    }

    /// `None` for what was returned before or never asked for.
    fn stored(&self, message: &BorrowedMessage<'_>) -> Option<Stored> {
        let partition = self.cluster.partition(message.topic(), message.partition())?;
        let stored = message::stored(partition, message);
        self.positions.get(partition).filter(|next| stored.place.offset >= *next).map(|_| stored)
    }

    /// That nothing came means nothing while the brokers may be gone.
    async fn nothing_came(&mut self) -> Result<Vec<Stored>, ReadError> {
        if self.trouble.as_ref().is_some_and(|trouble| trouble.since.elapsed() >= PATIENCE) {
            self.offsets.check(&self.positions).await?;
            self.trouble = None;
        }
        Ok(Vec::new())
    }

    /// A consumer that lost all brokers must not fetch from one that is just starting: that broker knows the leaders of
    /// some partitions only, and librdkafka 2.12.1 then reads memory that it never wrote (`rdkafka_fetcher.c`: room for
    /// each partition whose leader is told, filled only where there is one) and ends the process. The next consumer is
    /// made when all partitions have answered.
    fn note(&mut self, error: KafkaError) {
        use RDKafkaErrorCode as Code;
        let lost = matches!(error, KafkaError::MessageConsumptionFatal(_))
            || matches!(error.rdkafka_error_code(), Some(Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::AllBrokersDown));
        tracing::debug!(%error, lost, "trouble while reading");
        if lost {
            self.renew();
        }
        let since = self.trouble.take().map_or_else(Instant::now, |trouble| trouble.since);
        self.trouble = Some(Trouble { since, said: error });
    }

    fn unavailable(&self) -> ReadError {
        ReadError::Unavailable(match &self.trouble {
            Some(trouble) => Fault::new(trouble.said.clone()),
            None => Fault::new("the consumer is gone"),
        })
    }

    fn assign(&mut self) -> Result<(), ReadError> {
        let unavailable = |error| ReadError::Unavailable(Fault::new(error));
        self.consumer = Some(Consumer::new(&self.cluster, &self.positions, self.pace).map_err(unavailable)?);
        Ok(())
    }
}

/// A consumer that is dropped aside.
struct Consumer(Option<StreamConsumer<Context>>);

impl Consumer {
    fn new(cluster: &Cluster, positions: &Positions, pace: Pace) -> KafkaResult<Self> {
        let mut config = cluster.config();
        for (name, value) in SETTINGS.into_iter().chain(pace.settings()) {
            config.set(name, value);
        }
        let consumer = Self(Some(StreamConsumer::from_config_and_context(&config, Context::default())?));
        if let Some(inner) = &consumer.0 {
            inner.assign(&list(cluster, positions)?)?;
        }
        Ok(consumer)
    }

    fn follow(&self, cluster: &Cluster, more: &Positions) -> KafkaResult<()> {
        self.0.as_ref().map_or(Ok(()), |inner| inner.incremental_assign(&list(cluster, more)?))
    }

    fn leave(&self, cluster: &Cluster, partitions: &[Partition]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            list.add_partition(&cluster.topic_name(partition.topic), number(partition));
        }
        self.0.as_ref().map_or(Ok(()), |inner| inner.incremental_unassign(&list))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        drop_aside(self.0.take());
    }
}

fn list(cluster: &Cluster, positions: &Positions) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, next) in positions.iter() {
        let offset = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
        list.add_partition(&cluster.topic_name(partition.topic), number(partition)).set_offset(offset)?;
    }
    Ok(list)
}

/// The next message if it is there already.
fn ready(consumer: &StreamConsumer<Context>) -> Option<KafkaResult<BorrowedMessage<'_>>> {
    match pin!(consumer.recv()).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(received) => Some(received),
        Poll::Pending => None,
    }
}
