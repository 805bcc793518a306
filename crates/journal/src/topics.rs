//! The topics of a journal on Kafka: `aredvi topics create` and `aredvi topics check`. The embedded journal makes its
//! own when it is first opened.

use aredvi_events::{JournalId, Mint};

use crate::error::Fault;
use crate::journal::{Journal, OpenOptions};
use crate::kafka;
use crate::url::JournalUrl;

/// How many brokers hold a record, unless it is said that there is one broker only.
pub const REPLICAS: i32 = kafka::settings::REPLICAS;

/// What every topic is set to on Kafka, name and value.
pub fn settings() -> Vec<(&'static str, String)> {
    kafka::settings::fixed().into()
}

/// Why topics were not created, or do not fit.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// No broker answers.
    #[error("cannot reach Kafka at {bootstrap}")]
    Unreachable {
        /// Its address.
        bootstrap: String,
        /// Why.
        source: Fault,
    },
    /// Topics are missing or not as they must be: one line each, with the command that helps.
    #[error("{0}")]
    Unfit(String),
    /// The cluster refused a topic.
    #[error("Kafka refused the topic `{topic}`")]
    Refused {
        /// The topic.
        topic: String,
        /// Why.
        source: Fault,
    },
    /// The record that names the journal could not be written.
    #[error("the journal could not be named")]
    Unnamed {
        /// Why.
        source: Fault,
    },
    /// The embedded journal could not be opened.
    #[error(transparent)]
    Embedded(Box<crate::OpenError>),
}

/// Creates the topics that are missing and the record that names the journal, and checks the others; it may be repeated.
///
/// # Errors
/// [`TopicsError`], one line for each topic that does not fit.
pub async fn create(url: &JournalUrl, single_broker: bool, mint: &Mint) -> Result<JournalId, TopicsError> {
    match url {
        JournalUrl::Kafka { bootstrap, prefix } => {
            kafka::topics::create_on(&kafka::cluster(bootstrap, prefix.as_deref()), single_broker, mint).await
        }
        JournalUrl::Embedded { .. } => match Journal::open(url, OpenOptions { single_broker }, mint).await {
            Ok(journal) => Ok(journal.id()),
            Err(error) => Err(TopicsError::Embedded(Box::new(error))),
        },
    }
}

/// Checks the topics; [`Journal::open`] does so too.
///
/// # Errors
/// [`TopicsError`], one line for each topic that does not fit.
pub async fn check(url: &JournalUrl, single_broker: bool) -> Result<(), TopicsError> {
    match url {
        JournalUrl::Kafka { bootstrap, prefix } => {
            kafka::topics::check_on(&kafka::cluster(bootstrap, prefix.as_deref()), single_broker).await
        }
        JournalUrl::Embedded { .. } => Ok(()),
    }
}

/// Deletes a journal on Kafka that has a prefix, for tests that leave nothing behind; all others stay.
///
/// # Errors
/// [`TopicsError`] when the cluster does not do it.
#[doc(hidden)]
pub async fn delete_prefixed(url: &JournalUrl) -> Result<(), TopicsError> {
    match url {
        JournalUrl::Kafka { bootstrap, prefix: Some(prefix) } => {
            kafka::topics::delete_on(&kafka::cluster(bootstrap, Some(prefix))).await
        }
        JournalUrl::Kafka { prefix: None, .. } | JournalUrl::Embedded { .. } => Ok(()),
    }
}
