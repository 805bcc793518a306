//! One append on its way: what was handed to the producer and what came of it.

use std::collections::VecDeque;

use aredvi_events::{Partition, Place};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::future_producer::DeliveryFuture;

use crate::error::{AppendError, Fault};

/// One append in work.
#[derive(Default)]
pub struct Sending {
    handed_over: usize,
    open: VecDeque<(Partition, DeliveryFuture)>,
    places: Vec<Place>,
    /// Not on the log for certain.
    refused: Option<KafkaError>,
    unknown: Option<KafkaError>,
    /// Whose records were not confirmed in time.
    late: Vec<Partition>,
}

impl Sending {
    /// A record was queued.
    pub fn handed_over(&mut self, partition: Partition, delivery: DeliveryFuture) {
        self.handed_over += 1;
        self.open.push_back((partition, delivery));
    }

    /// A record was not even queued.
    pub fn not_queued(&mut self, error: KafkaError) {
        self.refused = Some(error);
    }

    /// Whether nothing can be on the log.
    pub fn is_empty(&self) -> bool {
        self.handed_over == 0
    }

    /// Waits for the oldest record's outcome; `false` when there is none.
    pub async fn confirm_next(&mut self) -> bool {
        let Some((partition, delivery)) = self.open.front_mut() else { return false };
        let partition = *partition;
        let outcome = std::pin::Pin::new(delivery).await;
        self.open.pop_front();
        match outcome {
            Ok(Ok(delivered)) => match u64::try_from(delivered.offset) {
                Ok(offset) => self.places.push(Place { partition, offset }),
                Err(_) => self.unknown = Some(KafkaError::Canceled),
            },
            Ok(Err((error, _))) if is_certain(&error) => self.refused = Some(error),
            Ok(Err((error, _))) => {
                if error == KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut) {
                    self.late.push(partition);
                }
                self.unknown = Some(error);
            }
            Err(_) => self.unknown = Some(KafkaError::Canceled),
        }
        true
    }

    /// Waits for every record's outcome.
    pub async fn confirm_all(&mut self) {
        while self.confirm_next().await {}
    }

    /// The partitions that confirmed records, and those that did not in time.
    pub fn answered(&self) -> (impl Iterator<Item = Partition> + '_, &[Partition]) {
        (self.places.iter().map(|place| place.partition), &self.late)
    }

    /// What came of it. An append of several records may be on the log in part: that is unknown too.
    pub fn result(self) -> Result<Vec<Place>, AppendError> {
        match (self.unknown, self.refused) {
            (None, None) => Ok(self.places),
            (None, Some(error)) if self.places.is_empty() => Err(match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => AppendError::TooLarge,
                _ => AppendError::Unavailable(Fault::new(error)),
            }),
            (Some(error), _) | (None, Some(error)) => Err(AppendError::Unknown(Fault::new(error))),
        }
    }
}

/// Whether a record with this error cannot be on the log, an earlier attempt of the client included: the broker would have
/// refused each of them.
fn is_certain(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let KafkaError::MessageProduction(code) = error else { return false };
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidRecord
            | Code::InvalidTopic
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::PolicyViolation
    )
}
