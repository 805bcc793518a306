//! Shows positions to operators' tools, as offsets of consumer groups that nobody joins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aredvi_events::Positions;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::cluster::{Cluster, Context, drop_aside};
use super::offsets::number;
use crate::error::Fault;

/// The most groups of one process.
const MAX_GROUPS: usize = 64;

/// A client for each group: its name is a setting of the client.
pub struct Groups {
    cluster: Cluster,
    clients: Mutex<BTreeMap<String, Arc<Client>>>,
}

struct Client {
    inner: Option<BaseConsumer<Context>>,
    /// Held during a commit; who comes meanwhile goes away, newer positions follow anyway.
    busy: Mutex<()>,
}

impl Groups {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, clients: Mutex::default() }
    }

    /// Commits the offsets, or nothing when the group's last commit is still in work.
    pub async fn publish(&self, group: &str, positions: &Positions) -> Result<(), Fault> {
        if positions.is_empty() {
            return Ok(());
        }
        let client = self.client(group)?;
        let offsets = self.offsets(positions)?;
        let (answer, answered) = tokio::sync::oneshot::channel();
        // On a thread of its own: without a coordinator it takes long, and would hold up the end of the runtime.
        let commit = move || {
            let _ = answer.send(client.commit(&offsets)); // Nobody may wait for it any more.
        };
        std::thread::Builder::new().name("kafka-positions".to_owned()).spawn(commit).map_err(Fault::new)?;
        answered.await.map_err(Fault::new)?
    }

    fn client(&self, group: &str) -> Result<Arc<Client>, Fault> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(group) {
            return Ok(client.clone());
        }
        if clients.len() >= MAX_GROUPS {
            return Err(Fault::new("too many groups"));
        }
        let mut config = self.cluster.config();
        config.set("group.id", group).set("enable.auto.commit", "false");
        let inner = BaseConsumer::from_config_and_context(&config, Context::default()).map_err(Fault::new)?;
        let client = Arc::new(Client { inner: Some(inner), busy: Mutex::new(()) });
        clients.insert(group.to_owned(), client.clone());
        Ok(client)
    }

    fn offsets(&self, positions: &Positions) -> Result<TopicPartitionList, Fault> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (partition, next) in positions.iter() {
            let offset = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
            let mut element = list.add_partition(&self.cluster.topic_name(partition.topic), number(partition));
            element.set_offset(offset).map_err(Fault::new)?;
        }
        Ok(list)
    }
}

impl Client {
    fn commit(&self, offsets: &TopicPartitionList) -> Result<(), Fault> {
        let Ok(_held) = self.busy.try_lock() else { return Ok(()) };
        let Some(inner) = &self.inner else { return Ok(()) };
        inner.poll(std::time::Duration::ZERO); // Takes a notice that nobody else takes.
        inner.commit(offsets, CommitMode::Sync).map_err(Fault::new)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop_aside(self.inner.take());
    }
}
