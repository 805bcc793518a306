//! The journal on a Kafka cluster.
//!
//! Appends go through one idempotent producer, replaced when it fails for good; tails near the end share one consumer
//! with assigned partitions, a tail that has far to go has its own. There are no consumer groups, no transactions, and no offset is ever reset or stored.

mod cluster;
mod groups;
mod live;
mod message;
mod offsets;
mod producer;
mod reader;
mod sending;
pub mod settings;
mod tail;
#[cfg(test)]
mod tests;
pub mod topics;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Clock, JournalId, Mint, Place, Positions, Record, Topic};

use crate::error::{AppendError, CloseError, OpenError, ReadError};
use cluster::Cluster;
use groups::Groups;
use live::Live;
use offsets::{Edge, Offsets};
use producer::Appender;
use reader::Reader;
pub use tail::Tail;

/// An open journal on Kafka.
pub struct Kafka {
    id: JournalId,
    clock: Clock,
    cluster: Cluster,
    offsets: Arc<Offsets>,
    appender: Appender,
    live: Arc<Live>,
    groups: Groups,
}

impl Kafka {
    /// Checks the topics and reads which journal it is.
    pub async fn open(cluster: Cluster, single_broker: bool, mint: &Mint) -> Result<Self, OpenError> {
        let clock = mint.clock().clone();
        topics::check_on(&cluster, single_broker).await?;
        let unreachable = |source| OpenError::Unreachable { bootstrap: cluster.bootstrap().to_owned(), source };
        let offsets = Arc::new(Offsets::new(&cluster, clock.clone()).map_err(unreachable)?);
        let id = topics::read_id(&cluster, &offsets, &clock).await?;
        let appender = Appender::new(cluster.clone(), offsets.clone(), clock.clone()).map_err(unreachable)?;
        let reader = Reader::new(cluster.clone(), offsets.clone(), clock.clone());
        let live = Arc::new(Live::new(reader, clock.clone()));
        let groups = Groups::new(cluster.clone());
        Ok(Self { id, clock, cluster, offsets, appender, live, groups })
    }

    pub fn id(&self) -> JournalId {
        self.id
    }

    pub async fn append(&self, records: Vec<Record>) -> Result<Vec<Place>, AppendError> {
        self.appender.append(&records).await
    }

    pub fn hurry(&self) {
        self.live.hurry();
    }

    pub async fn tail(&self, from: &Positions) -> Result<Tail, ReadError> {
        Tail::open(self.cluster.clone(), self.offsets.clone(), self.live.clone(), from.clone(), self.clock.clone()).await
    }

    pub async fn ends(&self, topics: &[Topic]) -> Result<Positions, ReadError> {
        self.offsets.of_topics(Edge::End, topics).await.map_err(ReadError::Unavailable)
    }

    pub async fn starts(&self, topics: &[Topic]) -> Result<Positions, ReadError> {
        self.offsets.of_topics(Edge::Start, topics).await.map_err(ReadError::Unavailable)
    }

    pub async fn publish_positions(&self, group: &str, positions: &Positions) -> Result<(), ReadError> {
        self.groups.publish(group, positions).await.map_err(ReadError::Unavailable)
    }

    pub async fn close(&self, deadline: Duration) -> Result<(), CloseError> {
        self.appender.close(deadline).await
    }
}

/// The cluster and the topics' prefix of a URL.
pub fn cluster(bootstrap: &str, prefix: Option<&str>) -> Cluster {
    Cluster::new(bootstrap, prefix)
}
