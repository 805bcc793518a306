//! The journal as all others see it; it only chooses the engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aredvi_events::{JournalId, Mint, Place, Positions, Record, Topic};

use crate::embedded::Embedded;
use crate::error::{AppendError, CloseError, OpenError, ReadError};
use crate::followed::Followed;
use crate::kafka::{self, Kafka};
use crate::limits::append_bytes;
use crate::tail::Tail;
use crate::url::JournalUrl;

/// How a journal is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// Kafka: topics may have one replica only.
    pub single_broker: bool,
}

/// A journal; clones share it.
#[derive(Clone)]
pub struct Journal(Arc<Engine>);

enum Engine {
    Embedded(Embedded),
    Kafka(Box<Kafka>),
    #[cfg(feature = "simulation")]
    Simulated(Box<dyn crate::simulated::Log>),
}

impl Journal {
    /// Opens the journal at `url`. The embedded one is created at its first use.
    ///
    /// # Errors
    /// [`OpenError`], one line that says what to do.
    pub async fn open(url: &JournalUrl, options: OpenOptions, mint: &Mint) -> Result<Self, OpenError> {
        let engine = match url {
            JournalUrl::Embedded { path } => Engine::Embedded(Embedded::open(path, mint).await?),
            JournalUrl::Kafka { bootstrap, prefix } => {
                let cluster = kafka::cluster(bootstrap, prefix.as_deref());
                Engine::Kafka(Box::new(Kafka::open(cluster, options.single_broker, mint).await?))
            }
        };
        Ok(Self(Arc::new(engine)))
    }

    /// The journal that a simulation brings.
    #[cfg(feature = "simulation")]
    pub fn simulated(log: impl crate::simulated::Log + 'static) -> Self {
        Self(Arc::new(Engine::Simulated(Box::new(log))))
    }

    /// Which journal it is.
    pub fn id(&self) -> JournalId {
        match &*self.0 {
            Engine::Embedded(embedded) => embedded.id(),
            Engine::Kafka(kafka) => kafka.id(),
            #[cfg(feature = "simulation")]
            Engine::Simulated(log) => log.id(),
        }
    }

    /// Appends records, each to the partition of its key, in their order; `Ok` holds their places in the same order and
    /// means that all are durable. A record whose trace is exported carries this step of it on.
    ///
    /// It answers within [`APPEND_LIMIT`](crate::APPEND_LIMIT). Dropping the future does not take the records back.
    ///
    /// # Errors
    /// [`AppendError`], which says whether the records may be on the log.
    pub async fn append(&self, mut records: Vec<Record>) -> Result<Vec<Place>, AppendError> {
        let bytes = append_bytes(&records).ok_or(AppendError::TooLarge)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let began = Instant::now();
        let followed = Followed::begin(self.system(), &mut records);
        let appended = match &*self.0 {
            Engine::Embedded(embedded) => embedded.append(records, bytes).await,
            Engine::Kafka(kafka) => kafka.append(records).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(log) => log.append(records).await,
        };
        followed.end(appended.as_ref().ok());
        let outcome = if appended.is_ok() { "durable" } else { "failed" };
        metrics::histogram!("aredvi_journal_append_seconds", "outcome" => outcome).record(began.elapsed().as_secs_f64());
        appended
    }

    fn system(&self) -> &'static str {
        match &*self.0 {
            Engine::Embedded(_) => "sqlite",
            Engine::Kafka(_) => "kafka",
            #[cfg(feature = "simulation")]
            Engine::Simulated(_) => "simulated",
        }
    }

    /// People wait for what this process reads: where much comes, tails hear of it twice as soon as they would otherwise.
    pub fn hurry(&self) {
        match &*self.0 {
            Engine::Embedded(_) => {}
            Engine::Kafka(kafka) => kafka.hurry(),
            #[cfg(feature = "simulation")]
            Engine::Simulated(_) => {}
        }
    }

    /// Reads exactly the partitions that `from` names, each from its next offset on.
    ///
    /// # Errors
    /// [`ReadError::OutsideLog`] when the log does not hold a position: nothing ever resets by itself.
    pub async fn tail(&self, from: &Positions) -> Result<Tail, ReadError> {
        match &*self.0 {
            Engine::Embedded(embedded) => embedded.tail(from).map(Tail::embedded),
            Engine::Kafka(kafka) => kafka.tail(from).await.map(Tail::kafka),
            #[cfg(feature = "simulation")]
            Engine::Simulated(log) => log.tail(from).await.map(Tail::simulated),
        }
    }

    /// The next offset to be written, for every partition of `topics`.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the engine does not answer.
    pub async fn ends(&self, topics: &[Topic]) -> Result<Positions, ReadError> {
        match &*self.0 {
            Engine::Embedded(embedded) => Ok(embedded.ends(topics)),
            Engine::Kafka(kafka) => kafka.ends(topics).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(log) => log.ends(topics).await,
        }
    }

    /// The first offset that the log holds, for every partition of `topics`.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the engine does not answer.
    pub async fn starts(&self, topics: &[Topic]) -> Result<Positions, ReadError> {
        match &*self.0 {
            Engine::Embedded(embedded) => Ok(embedded.starts(topics)),
            Engine::Kafka(kafka) => kafka.starts(topics).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(log) => log.starts(topics).await,
        }
    }

    /// Shows `positions` to operators' tools as the offsets of a Kafka consumer group; nothing reads them back. The
    /// embedded journal has no such tools.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the engine does not take them.
    pub async fn publish_positions(&self, group: &str, positions: &Positions) -> Result<(), ReadError> {
        match &*self.0 {
            Engine::Embedded(_) => Ok(()),
            Engine::Kafka(kafka) => kafka.publish_positions(group, positions).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(_) => Ok(()),
        }
    }

    /// Finishes the appends in work and closes the journal for all clones; later appends fail as unavailable.
    ///
    /// # Errors
    /// [`CloseError::Deadline`] when they did not finish within `deadline`.
    #[tracing::instrument(name = "journal.close", skip_all)]
    pub async fn close(&self, deadline: Duration) -> Result<(), CloseError> {
        match &*self.0 {
            Engine::Embedded(embedded) => embedded.close(deadline).await,
            Engine::Kafka(kafka) => kafka.close(deadline).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(_) => Ok(()),
        }
    }
}
