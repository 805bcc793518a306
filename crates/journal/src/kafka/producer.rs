//! Appends through one idempotent producer.
//!
//! A producer that failed for good is replaced; what it had in work is answered as unknown. While no broker can be
//! reached nothing is handed to it, so that those writes are certainly not on the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aredvi_events::{Clock, Partition, Place, Record};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use tokio::time::Instant;

use super::cluster::{Cluster, Context, drop_aside};
use super::message;
use super::offsets::{Offsets, number};
use super::sending::Sending;
use crate::error::{AppendError, CloseError, Fault};
use crate::limits::{APPEND_LIMIT, MAX_APPEND_BYTES};

/// The most bytes (in KiB) and records in the producer's queue.
const QUEUE_KIB: usize = 2 * MAX_APPEND_BYTES / 1024;
const QUEUE_RECORDS: usize = 100_000;

/// How long a record is collected with others before it is sent, in milliseconds.
const LINGER_MS: usize = 4;

/// The producer gives a record up after this, in milliseconds: shortly before its appender stops waiting.
const DELIVERY_LIMIT_MS: usize = 1_500;

/// How long the outcome is waited for; with [`REACH_LIMIT`] within [`APPEND_LIMIT`].
const OUTCOME_LIMIT: Duration = Duration::from_millis(1_900);

/// How long the search for a broker may take, and for how long its failure is believed.
const REACH_LIMIT: Duration = Duration::from_millis(500);
const UNREACHED_FOR: Duration = Duration::from_millis(100);

/// A producer for which a partition has confirmed nothing for this long, though the brokers are there, is replaced: a
/// client that was told that a partition has no leader may never send to it again (librdkafka 2.12.1,
/// `rd_kafka_metadata_update_op` passes over such a partition).
const STUCK_AFTER: Duration = Duration::from_secs(6);

/// An append is handed over again this often when the producer turns out to have failed before.
const PRODUCERS: usize = 2;

/// Appends records to the cluster.
pub struct Appender {
    cluster: Cluster,
    offsets: Arc<Offsets>,
    clock: Clock,
    current: Mutex<Option<Arc<Producer>>>,
    /// When no broker could be reached last.
    unreached: tokio::sync::Mutex<Option<Instant>>,
}

impl Appender {
    pub fn new(cluster: Cluster, offsets: Arc<Offsets>, clock: Clock) -> Result<Self, Fault> {
        let producer = Producer::new(&cluster)?;
        let current = Mutex::new(Some(Arc::new(producer)));
        Ok(Self { cluster, offsets, clock, current, unreached: tokio::sync::Mutex::new(None) })
    }

    pub async fn append(&self, records: &[Record]) -> Result<Vec<Place>, AppendError> {
        let started = Instant::now();
        let mut refusal = None;
        for _ in 0..PRODUCERS {
            let producer = self.producer()?;
            self.find_broker(&producer).await?;
            let limit = OUTCOME_LIMIT.min(APPEND_LIMIT.saturating_sub(started.elapsed()));
            let result = producer.append(&self.cluster, records, &self.clock, limit).await;
            if result.is_err() && producer.has_failed() {
                self.replace(&producer);
                if let Err(AppendError::Unavailable(fault)) = result {
                    refusal = Some(fault);
                    continue;
                }
            }
            return result;
        }
        Err(AppendError::Unavailable(refusal.unwrap_or_else(closed)))
    }

    /// Sends what is queued and waits for the answers.
    pub async fn close(&self, deadline: Duration) -> Result<(), CloseError> {
        let Some(producer) = self.current().take() else { return Ok(()) };
        let flushed = tokio::task::spawn_blocking(move || producer.inner().map_or(Ok(()), |inner| inner.flush(deadline)));
        match flushed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut))) => Err(CloseError::Deadline),
            Ok(Err(error)) => Err(CloseError::Failed(Fault::new(error))),
            Err(died) => Err(CloseError::Failed(Fault::new(died))),
        }
    }

    fn producer(&self) -> Result<Arc<Producer>, AppendError> {
        self.current().clone().ok_or_else(|| AppendError::Unavailable(closed()))
    }

    /// Puts a new producer in the place of a failed one, unless somebody has done so or the journal is closed.
    fn replace(&self, failed: &Arc<Producer>) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|producer| Arc::ptr_eq(producer, failed)) {
            match Producer::new(&self.cluster) {
                Ok(producer) => {
                    let reason = failed.failure().unwrap_or_default();
                    tracing::warn!(reason, "the Kafka producer failed for good and was replaced");
                    *current = Some(Arc::new(producer));
                }
                Err(error) => tracing::error!(%error, "the Kafka producer failed for good and cannot be replaced yet"),
            }
        }
    }

    /// Looks for a broker when all were lost; those who wait share one search.
    async fn find_broker(&self, producer: &Producer) -> Result<(), AppendError> {
        if !producer.context.is_down() {
            return Ok(());
        }
        let search = async {
            let mut unreached = self.unreached.lock().await;
            if !producer.context.is_down() {
                return Ok(());
            }
            if unreached.is_some_and(|at| at.elapsed() < UNREACHED_FOR) {
                return Err(Fault::new(NoBroker));
            }
            let reached = self.offsets.reach(REACH_LIMIT).await;
            match &reached {
                Ok(()) => producer.context.found_up(),
                Err(_) => *unreached = Some(Instant::now()),
            }
            reached
        };
        let found = self.clock.timeout(APPEND_LIMIT / 2, search).await;
        found.unwrap_or_else(|late| Err(Fault::new(late))).map_err(AppendError::Unavailable)
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Arc<Producer>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.current().take();
    }
}

/// All connections are lost.
#[derive(Debug, thiserror::Error)]
#[error("no broker can be reached")]
struct NoBroker;

/// The outcome was not told in time.
#[derive(Debug, thiserror::Error)]
#[error("the brokers did not confirm the records in time")]
struct Unconfirmed;

fn closed() -> Fault {
    Fault::new("the journal is closed")
}

struct Producer {
    context: Context,
    /// The partitions that have confirmed nothing since the first record which they did not confirm in time.
    silent: Mutex<BTreeMap<Partition, Instant>>,
    /// Always there, but for the moment of being dropped.
    inner: Option<FutureProducer<Context>>,
}

impl Producer {
    fn new(cluster: &Cluster) -> Result<Self, Fault> {
        let mut config = cluster.config();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", LINGER_MS.to_string())
            .set("message.timeout.ms", DELIVERY_LIMIT_MS.to_string())
            .set("queue.buffering.max.messages", QUEUE_RECORDS.to_string())
            .set("queue.buffering.max.kbytes", QUEUE_KIB.to_string());
        let context = Context::default();
        let inner = FutureProducer::from_config_and_context(&config, context.clone()).map_err(Fault::new)?;
        Ok(Self { context, silent: Mutex::default(), inner: Some(inner) })
    }

    fn inner(&self) -> Option<&FutureProducer<Context>> {
        self.inner.as_ref()
    }

    /// Whether it will never send again, to some partition at least.
    fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    fn failure(&self) -> Option<String> {
        let fatal = self.inner().and_then(|inner| inner.client().fatal_error()).map(|(_, reason)| reason);
        fatal.or_else(|| self.stuck().map(|partition| format!("{partition} confirms nothing")))
    }

    fn stuck(&self) -> Option<Partition> {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.iter().find(|(_, since)| since.elapsed() >= STUCK_AFTER).map(|(&partition, _)| partition)
    }

    fn note(&self, sending: &Sending) {
        let (confirmed, late) = sending.answered();
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        for &partition in late {
            silent.entry(partition).or_insert_with(Instant::now);
        }
        for partition in confirmed {
            silent.remove(&partition);
        }
    }

    async fn append(
        &self,
        cluster: &Cluster,
        records: &[Record],
        clock: &Clock,
        limit: Duration,
    ) -> Result<Vec<Place>, AppendError> {
        let mut sending = Sending::default();
        let done = clock.timeout(limit, self.send(cluster, records, &mut sending)).await;
        self.note(&sending);
        match done {
            Ok(()) => sending.result(),
            Err(_) if sending.is_empty() => Err(AppendError::Unavailable(Fault::new(Unconfirmed))),
            Err(_) => Err(AppendError::Unknown(Fault::new(Unconfirmed))),
        }
    }

    async fn send(&self, cluster: &Cluster, records: &[Record], sending: &mut Sending) {
        for record in records {
            let partition = Partition::of(record.topic, &record.key);
            let topic = cluster.topic_name(record.topic);
            while let Err(error) = self.hand_over(&topic, partition, record, sending) {
                let full = error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
                if !full || !sending.confirm_next().await {
                    sending.not_queued(error);
                    return sending.confirm_all().await;
                }
            }
        }
        sending.confirm_all().await;
    }

    fn hand_over(&self, topic: &str, partition: Partition, record: &Record, sending: &mut Sending) -> Result<(), KafkaError> {
        let inner = self.inner().ok_or(KafkaError::Canceled)?;
        let message = FutureRecord::to(topic)
            .partition(number(partition))
            .key(&record.key)
            .payload(&record.value)
            .headers(message::headers(record));
        let delivery = inner.send_result(message).map_err(|(error, _)| error)?;
        sending.handed_over(partition, delivery);
        Ok(())
    }
}

impl Drop for Producer {
    /// It waits for its thread and for what is in work.
    fn drop(&mut self) {
        drop_aside(self.inner.take());
    }
}
