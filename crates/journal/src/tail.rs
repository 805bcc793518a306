//! Reading the log in order.

use std::time::Duration;

use aredvi_events::{Positions, Stored};

use crate::embedded;
use crate::error::ReadError;
use crate::kafka;

/// How much one call of [`Tail::next`] returns at most, and how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most events.
    pub events: usize,
    /// The most bytes of records; a single larger one is returned all the same.
    pub bytes: usize,
    /// How long to wait for the first event.
    pub wait: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { events: 1_000, bytes: 4 * 1024 * 1024, wait: Duration::from_secs(1) }
    }
}

/// Reads some partitions, each in its order, from given positions on.
pub struct Tail(Engine);

enum Engine {
    Embedded(embedded::Tail),
    Kafka(Box<kafka::Tail>),
    #[cfg(feature = "simulation")]
    Simulated(Box<dyn crate::simulated::LogTail>),
}

impl Tail {
    pub(crate) fn embedded(tail: embedded::Tail) -> Self {
        Self(Engine::Embedded(tail))
    }

    pub(crate) fn kafka(tail: kafka::Tail) -> Self {
        Self(Engine::Kafka(Box::new(tail)))
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(tail: Box<dyn crate::simulated::LogTail>) -> Self {
        Self(Engine::Simulated(tail))
    }

    /// The next events: as soon as there is one, all that are there, within `limits`; none when `limits.wait` passed.
    ///
    /// Dropping the future loses nothing: what was not returned is returned by the next call.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the engine does not answer: the tail keeps its place and can be called again.
    /// [`ReadError::OutsideLog`] when the log no longer holds the position.
    pub async fn next(&mut self, limits: &BatchLimits) -> Result<Vec<Stored>, ReadError> {
        match &mut self.0 {
            Engine::Embedded(tail) => tail.next(limits).await,
            Engine::Kafka(tail) => tail.next(limits).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(tail) => tail.next(limits).await,
        }
    }

    /// How far has been returned.
    pub fn positions(&self) -> &Positions {
        match &self.0 {
            Engine::Embedded(tail) => tail.positions(),
            Engine::Kafka(tail) => tail.positions(),
            #[cfg(feature = "simulation")]
            Engine::Simulated(tail) => tail.positions(),
        }
    }
}
