//! Creates and checks the topics of a journal on Kafka.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Clock, JournalId, Mint, Partition, Positions, Topic};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;
use tokio::time::Instant;

use super::cluster::{Cluster, Context, drop_aside};
use super::offsets::{Edge, Offsets};
use super::producer::Appender;
use super::reader::Reader;
use super::settings::{Found, IN_SYNC, Replication, fixed, unfit};
use crate::created;
use crate::error::{Fault, OpenError};
use crate::tail::BatchLimits;
use crate::topics::TopicsError;

/// How long the cluster may take to answer one question about its topics.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How long created topics may take to be known everywhere, and how often they are looked for.
const CREATE_LIMIT: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the first record may take to come.
const FIRST_RECORD_LIMIT: Duration = Duration::from_secs(5);

/// Creates what is missing, the record that names the journal included.
pub async fn create_on(cluster: &Cluster, single_broker: bool, mint: &Mint) -> Result<JournalId, TopicsError> {
    let clock = mint.clock();
    let admin = Admin::new(cluster)?;
    let missing: Vec<Topic> = admin.describe().await?.into_iter().filter(|(_, found)| found.is_none()).map(|(t, _)| t).collect();
    let failed = |source| TopicsError::Unnamed { source };
    let offsets = Arc::new(Offsets::new(cluster, clock.clone()).map_err(failed)?);
    if !missing.is_empty() {
        admin.create(&missing, Replication::wanted(single_broker)).await?;
        admin.await_all(clock).await?;
        await_leaders(&offsets).await.map_err(failed)?;
    }
    admin.check(single_broker).await?;
    let record = created::record(mint).map_err(failed)?;
    let appender = Appender::new(cluster.clone(), offsets.clone(), clock.clone()).map_err(failed)?;
    let start = Instant::now();
    // Another creator may be first, and a try that was not confirmed may come through after all.
    while !is_named(&offsets).await.map_err(failed)? {
        match appender.append(std::slice::from_ref(&record)).await {
            Err(error) if start.elapsed() > CREATE_LIMIT => return Err(failed(Fault::new(error))),
            Err(error) => tracing::debug!(%error, "the journal is not named yet"),
            Ok(_) => break,
        }
    }
    read_id(cluster, &offsets, clock).await.map_err(|error| failed(Fault::new(error)))
}

/// Refuses topics that are not as they must be.
pub async fn check_on(cluster: &Cluster, single_broker: bool) -> Result<(), TopicsError> {
    Admin::new(cluster)?.check(single_broker).await
}

/// Deletes the topics.
pub async fn delete_on(cluster: &Cluster) -> Result<(), TopicsError> {
    Admin::new(cluster)?.delete().await
}

/// Reads the record that names the journal: the first one of `identity`.
pub async fn read_id(cluster: &Cluster, offsets: &Arc<Offsets>, clock: &Clock) -> Result<JournalId, OpenError> {
    let unreachable = |source| OpenError::Unreachable { bootstrap: cluster.bootstrap().to_owned(), source };
    let unnamed = || OpenError::Unnamed { topic: cluster.topic_name(Topic::Identity) };
    if !is_named(offsets).await.map_err(unreachable)? {
        return Err(unnamed());
    }
    let from: Positions = [(created::identity(), 0)].into_iter().collect();
    let opened = Reader::open(cluster.clone(), offsets.clone(), from, clock.clone());
    let mut reader = opened.map_err(|error| unreachable(Fault::new(error)))?;
    let limits = BatchLimits { events: 1, bytes: 1, wait: FIRST_RECORD_LIMIT };
    let batch = reader.next(&limits).await.map_err(|error| unreachable(Fault::new(error)))?;
    let first = batch.first().ok_or_else(|| unreachable(Fault::new("the first record did not come in time")))?;
    created::journal_id(&first.record).ok_or_else(unnamed)
}

/// A broker may be named as the leader of a new partition some time before it knows so itself.
async fn await_leaders(offsets: &Offsets) -> Result<(), Fault> {
    let start = Instant::now();
    loop {
        match offsets.of_topics(Edge::End, &Topic::ALL).await {
            Ok(_) => return Ok(()),
            Err(fault) if start.elapsed() > CREATE_LIMIT => return Err(fault),
            Err(fault) => tracing::debug!(%fault, "the new topics do not answer yet"),
        }
    }
}

async fn is_named(offsets: &Offsets) -> Result<bool, Fault> {
    let identity: Vec<Partition> = vec![created::identity()];
    Ok(offsets.of(Edge::End, identity).await?.next(created::identity()) > 0)
}

/// Asks and changes the cluster's topics.
struct Admin {
    cluster: Cluster,
    client: Option<Arc<AdminClient<Context>>>,
}

impl Admin {
    fn new(cluster: &Cluster) -> Result<Self, TopicsError> {
        let client = AdminClient::from_config_and_context(&cluster.config(), Context::default());
        match client {
            Ok(client) => Ok(Self { cluster: cluster.clone(), client: Some(Arc::new(client)) }),
            Err(error) => Err(unreachable(cluster, error)),
        }
    }

    fn client(&self) -> Result<Arc<AdminClient<Context>>, TopicsError> {
        self.client.clone().ok_or_else(|| unreachable(&self.cluster, "the client is closed"))
    }

    async fn check(&self, single_broker: bool) -> Result<(), TopicsError> {
        let found = self.describe().await?;
        let all: Vec<_> = found
            .iter()
            .flat_map(|(topic, found)| unfit(&self.cluster, *topic, single_broker, found.as_ref()))
            .map(|unfit| unfit.to_string())
            .collect();
        if all.is_empty() { Ok(()) } else { Err(TopicsError::Unfit(all.join("\n"))) }
    }

    /// Each topic as it is; `None` for one that is missing.
    async fn describe(&self) -> Result<BTreeMap<Topic, Option<Found>>, TopicsError> {
        let mut topics = self.partitions().await?;
        let there: Vec<String> =
            topics.iter().filter(|(_, found)| found.is_some()).map(|(t, _)| self.cluster.topic_name(*t)).collect();
        let asked: Vec<_> = there.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        if asked.is_empty() {
            return Ok(topics);
        }
        let described = self.client()?.describe_configs(&asked, &options()).await;
        for resource in described.map_err(|error| unreachable(&self.cluster, error))? {
            let resource = resource.map_err(|error| unreachable(&self.cluster, error))?;
            let OwnedResourceSpecifier::Topic(name) = &resource.specifier else { continue };
            let partition = self.cluster.partition(name, 0);
            if let Some(Some(found)) = partition.and_then(|partition| topics.get_mut(&partition.topic)) {
                let settings = resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?)));
                found.settings = settings.collect();
            }
        }
        Ok(topics)
    }

    /// Partitions and replicas, as a broker knows them.
    async fn partitions(&self) -> Result<BTreeMap<Topic, Option<Found>>, TopicsError> {
        let (client, cluster) = (self.client()?, self.cluster.clone());
        let ask = move || Topic::ALL.into_iter().map(|topic| Ok((topic, found(&client, &cluster, topic)?))).collect();
        tokio::task::spawn_blocking(ask).await.map_err(|died| unreachable(&self.cluster, died))?
    }

    async fn create(&self, topics: &[Topic], replication: Replication) -> Result<(), TopicsError> {
        let fixed = fixed();
        let in_sync = replication.in_sync.to_string();
        let names: Vec<String> = topics.iter().map(|topic| self.cluster.topic_name(*topic)).collect();
        let new: Vec<NewTopic<'_>> = topics
            .iter()
            .zip(&names)
            .map(|(topic, name)| {
                let partitions = i32::try_from(topic.partitions()).unwrap_or(i32::MAX);
                let new = NewTopic::new(name, partitions, TopicReplication::Fixed(replication.replicas)).set(IN_SYNC, &in_sync);
                fixed.iter().fold(new, |new, (setting, value)| new.set(setting, value))
            })
            .collect();
        let created = self.client()?.create_topics(&new, &options()).await;
        for result in created.map_err(|error| unreachable(&self.cluster, error))? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(TopicsError::Refused { topic, source: Fault::new(code) }),
            }
        }
        Ok(())
    }

    /// Waits until every topic has its partitions and each of those a leader.
    async fn await_all(&self, clock: &Clock) -> Result<(), TopicsError> {
        let start = Instant::now();
        loop {
            let topics = self.partitions().await?;
            let missing = topics.iter().find(|(_, found)| found.as_ref().is_none_or(|found| !found.led));
            match missing {
                None => return Ok(()),
                Some((topic, _)) if start.elapsed() > CREATE_LIMIT => {
                    let topic = self.cluster.topic_name(*topic);
                    return Err(TopicsError::Refused { topic, source: Fault::new("it did not appear in time") });
                }
                Some(_) => clock.sleep(LOOK_EVERY).await,
            }
        }
    }

    async fn delete(&self) -> Result<(), TopicsError> {
        let names: Vec<String> = Topic::ALL.iter().map(|topic| self.cluster.topic_name(*topic)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let deleted = self.client()?.delete_topics(&names, &options()).await;
        for result in deleted.map_err(|error| unreachable(&self.cluster, error))? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((topic, code)) => return Err(TopicsError::Refused { topic, source: Fault::new(code) }),
            }
        }
        Ok(())
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop_aside(self.client.take());
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_LIMIT)).operation_timeout(Some(ANSWER_LIMIT))
}

fn found(client: &AdminClient<Context>, cluster: &Cluster, topic: Topic) -> Result<Option<Found>, TopicsError> {
    let name = cluster.topic_name(topic);
    let metadata = client.inner().fetch_metadata(Some(&name), ANSWER_LIMIT).map_err(|error| unreachable(cluster, error))?;
    let described = metadata.topics().iter().find(|described| described.name() == name);
    Ok(described.filter(|described| !described.partitions().is_empty()).map(|described| {
        let partitions = described.partitions();
        let fewest = partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
        Found {
            partitions: partitions.len(),
            replicas: i32::try_from(fewest).unwrap_or(i32::MAX),
            led: partitions.iter().all(|partition| partition.leader() >= 0),
            settings: Vec::new(),
        }
    }))
}

fn unreachable(cluster: &Cluster, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TopicsError {
    TopicsError::Unreachable { bootstrap: cluster.bootstrap().to_owned(), source: Fault::new(source) }
}
