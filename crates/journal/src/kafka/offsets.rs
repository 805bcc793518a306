//! Asks where partitions start and end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Clock, Partition, Positions, Topic};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::cluster::{Cluster, Context, drop_aside};
use crate::error::{Fault, ReadError};

/// How long the cluster may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// How long after a failed answer it is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// How long after it was asked who leads it is asked for again: meanwhile a cluster in trouble is asked for offsets alone.
const LEADERS_AGAIN: Duration = Duration::from_millis(500);

/// The most notices of the client that are taken from its queue before each question.
const NOTICES: usize = 1_000;

/// Which end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Start,
    End,
}

/// A client that only asks.
pub struct Offsets {
    cluster: Cluster,
    clock: Clock,
    client: Option<Arc<BaseConsumer<Context>>>,
}

/// The answer lacks a partition or holds no offset for it.
#[derive(Debug, thiserror::Error)]
#[error("the cluster names no offset for {0}")]
struct NoOffset(Partition);

impl Offsets {
    pub fn new(cluster: &Cluster, clock: Clock) -> Result<Self, Fault> {
        let client = BaseConsumer::from_config_and_context(&cluster.config(), Context::default()).map_err(Fault::new)?;
        Ok(Self { cluster: cluster.clone(), clock, client: Some(Arc::new(client)) })
    }

    pub async fn of_topics(&self, edge: Edge, topics: &[Topic]) -> Result<Positions, Fault> {
        self.of(edge, Partition::all(topics)).await
    }

    /// One request to each broker that leads some of `partitions`, repeated while a leader moves or is not known yet. Before
    /// a repetition it is asked anew who leads: a client that was told of a partition without a leader believes it until
    /// its memory expires, for a quarter of an hour (librdkafka 2.12.1, `rd_kafka_topic_partition_list_get_leaders`).
    pub async fn of(&self, edge: Edge, partitions: Vec<Partition>) -> Result<Positions, Fault> {
        if partitions.is_empty() {
            return Ok(Positions::new());
        }
        let partitions: Arc<[Partition]> = partitions.into();
        let topics: Arc<[Topic]> = partitions.iter().map(|of| of.topic).collect::<BTreeSet<_>>().into_iter().collect();
        let end = Instant::now() + ANSWER_LIMIT;
        let mut failed = false;
        let mut leaders_asked = None::<Instant>;
        loop {
            let (cluster, partitions, topics) = (self.cluster.clone(), partitions.clone(), topics.clone());
            let asks_leaders = failed && leaders_asked.is_none_or(|at| at.elapsed() >= LEADERS_AGAIN);
            if asks_leaders {
                leaders_asked = Some(Instant::now());
            }
            let question = move |client: &BaseConsumer<Context>| {
                let left = || end.saturating_duration_since(Instant::now());
                for topic in topics.iter().filter(|_| asks_leaders) {
                    client.fetch_metadata(Some(&cluster.topic_name(*topic)), left()).map_err(Fault::new)?;
                }
                let asked = list(&cluster, &partitions, edge).map_err(Fault::new)?;
                let answer = client.offsets_for_times(asked, left()).map_err(Fault::new)?;
                read(&cluster, &partitions, &answer)
            };
            match self.ask(question).await {
                Err(fault) if Instant::now() + ASK_AGAIN < end => {
                    tracing::debug!(%fault, "asking for offsets again");
                    self.clock.sleep(ASK_AGAIN).await;
                    failed = true;
                }
                answer => return answer,
            }
        }
    }

    /// Whether a broker answers within `limit`.
    pub async fn reach(&self, limit: Duration) -> Result<(), Fault> {
        let topic = self.cluster.topic_name(Topic::Identity);
        self.ask(move |client| client.fetch_metadata(Some(&topic), limit).map(drop).map_err(Fault::new)).await
    }

    /// Where the partitions of `positions` end.
    pub async fn ends(&self, positions: &Positions) -> Result<Positions, ReadError> {
        let partitions = positions.iter().map(|(partition, _)| partition).collect();
        self.of(Edge::End, partitions).await.map_err(ReadError::Unavailable)
    }

    /// Refuses positions that the log does not hold; where their partitions end.
    pub async fn check(&self, positions: &Positions) -> Result<Positions, ReadError> {
        let partitions: Vec<Partition> = positions.iter().map(|(partition, _)| partition).collect();
        let starts = self.of(Edge::Start, partitions).await.map_err(ReadError::Unavailable)?;
        let ends = self.ends(positions).await?;
        for (partition, position) in positions.iter() {
            let (start, end) = (starts.next(partition), ends.next(partition));
            if !(start..=end).contains(&position) {
                return Err(ReadError::OutsideLog { partition, position, start, end });
            }
        }
        Ok(ends)
    }

    #[cfg(test)]
    pub fn client(&self) -> Arc<BaseConsumer<Context>> {
        self.client.clone().expect("not closed")
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&BaseConsumer<Context>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let Some(client) = self.client.clone() else { return Err(Fault::new("the client is closed")) };
        let asked = tokio::task::spawn_blocking(move || {
            // Nobody else takes them, and a cluster in trouble makes many.
            let notices = std::iter::from_fn(|| client.poll(Duration::ZERO)).take(NOTICES).count();
            tracing::trace!(notices, "took the notices of the client");
            question(&client)
        });
        asked.await.map_err(Fault::new)?
    }
}

impl Drop for Offsets {
    fn drop(&mut self) {
        drop_aside(self.client.take());
    }
}

/// The offsets are asked for by time, where these two logical offsets stand for the start and the end
/// (Kafka protocol, `ListOffsets`: -2 and -1).
fn list(cluster: &Cluster, partitions: &[Partition], edge: Edge) -> Result<TopicPartitionList, KafkaError> {
    let offset = match edge {
        Edge::Start => Offset::Beginning,
        Edge::End => Offset::End,
    };
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&cluster.topic_name(partition.topic), number(*partition)).set_offset(offset)?;
    }
    Ok(list)
}

fn read(cluster: &Cluster, asked: &[Partition], answer: &TopicPartitionList) -> Result<Positions, Fault> {
    let mut positions = Positions::new();
    for element in answer.elements() {
        element.error().map_err(Fault::new)?;
        if let (Some(partition), Offset::Offset(offset)) =
            (cluster.partition(element.topic(), element.partition()), element.offset())
        {
            positions.set(partition, u64::try_from(offset).map_err(Fault::new)?);
        }
    }
    match asked.iter().find(|partition| positions.get(**partition).is_none()) {
        None => Ok(positions),
        Some(missing) => Err(Fault::new(NoOffset(*missing))),
    }
}

/// A partition's number as Kafka's client takes it.
pub fn number(partition: Partition) -> i32 {
    i32::try_from(partition.number).unwrap_or(i32::MAX)
}
