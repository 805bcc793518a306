//! What every client of the cluster has in common: its address, its settings, the names of the topics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aredvi_events::{Partition, Topic};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::limits::MAX_RECORD_BYTES;

/// A cluster and the prefix of our topics there; clones are cheap.
#[derive(Debug, Clone)]
pub struct Cluster {
    bootstrap: Arc<str>,
    prefix: Option<Arc<str>>,
}

/// The settings of every client. A connection that is gone is tried again quickly, and one that has fallen silent counts
/// as gone after a few seconds instead of a minute.
const SETTINGS: [(&str, &str); 8] = [
    ("client.id", "aredvi"),
    ("socket.timeout.ms", "5000"),
    ("socket.connection.setup.timeout.ms", "3000"),
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "500"),
    ("retry.backoff.ms", "50"),
    ("enable.metrics.push", "false"),
];

impl Cluster {
    pub fn new(bootstrap: &str, prefix: Option<&str>) -> Self {
        Self { bootstrap: bootstrap.into(), prefix: prefix.map(Arc::from) }
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The URL of the journal here.
    pub fn url(&self) -> String {
        self.prefix()
            .map_or_else(|| format!("kafka://{}", self.bootstrap), |prefix| format!("kafka://{}/{prefix}", self.bootstrap))
    }

    /// The settings that all clients share.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &*self.bootstrap).set("message.max.bytes", MAX_RECORD_BYTES.to_string());
        for (name, value) in SETTINGS {
            config.set(name, value);
        }
        config
    }

    /// The name of `topic` in this cluster.
    pub fn topic_name(&self, topic: Topic) -> String {
        self.prefix().map_or_else(|| topic.name().to_owned(), |prefix| format!("{prefix}.{topic}"))
    }

    /// The partition that a topic's name and a number stand for; `None` when it is not ours.
    pub fn partition(&self, topic_name: &str, number: i32) -> Option<Partition> {
        let name = match self.prefix() {
            None => topic_name,
            Some(prefix) => topic_name.strip_prefix(prefix)?.strip_prefix('.')?,
        };
        Some(Partition { topic: name.parse().ok()?, number: u32::try_from(number).ok()? })
    }
}

/// What a client says by itself: its log goes to ours, and that no broker answers is remembered.
#[derive(Debug, Clone, Default)]
pub struct Context {
    down: Arc<AtomicBool>,
}

impl Context {
    /// Whether all brokers were lost since the last [`Context::found_up`].
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }

    pub fn found_up(&self) {
        self.down.store(false, Ordering::Release);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", level = ?level, facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.down.store(true, Ordering::Release);
        }
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ConsumerContext for Context {}

/// Drops a client on a thread of its own: that can take long, and hangs when the cluster is in trouble.
pub fn drop_aside<T: Send + 'static>(client: T) {
    let spawned = std::thread::Builder::new().name("kafka-drop".to_owned()).spawn(move || drop(client));
    if let Err(error) = spawned {
        tracing::warn!(%error, "a Kafka client was dropped in place");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_carry_the_prefix_and_are_known_by_it() {
        let cluster = Cluster::new("h:9092", Some("eu.test"));
        assert_eq!(cluster.topic_name(Topic::Media), "eu.test.media");
        assert_eq!(cluster.partition("eu.test.media", 3), Some(Partition { topic: Topic::Media, number: 3 }));
        assert_eq!(cluster.partition("media", 3), None);
        assert_eq!(cluster.partition("eu.test.other", 3), None);
        assert_eq!(Cluster::new("h:9092", None).partition("media", 0), Some(Partition { topic: Topic::Media, number: 0 }));
    }
}
