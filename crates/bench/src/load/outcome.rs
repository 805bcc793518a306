//! What came of some load: latencies, and failures by what they were.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

/// The longest latency that is told apart, in microseconds: longer ones count as this.
const LONGEST_US: u64 = 120_000_000;
/// Significant digits of a latency.
const DIGITS: u8 = 3;

/// Seconds of a load that are told apart: of a longer one the rest counts as the last of them.
const MOST_SECONDS: usize = 4 * 60 * 60;

/// Collects; shared by all connections.
pub struct Recorder {
    began: Instant,
    outcome: Mutex<Outcome>,
}

/// What came of some load.
#[derive(Clone)]
pub struct Outcome {
    latencies: Histogram<u64>,
    /// Of each second since the beginning the slowest answer to what was due in it, in milliseconds: a stall is told from
    /// what is slow all the time.
    pub slowest_ms: Vec<f64>,
    /// By status, or by what kept an answer away.
    pub failures: BTreeMap<String, u64>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Recorder {
    /// Nothing yet.
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the crate documents as valid")]
        let latencies = Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("valid bounds");
        let outcome = Outcome { latencies, slowest_ms: Vec::new(), failures: BTreeMap::new(), seconds: 0.0 };
        Self { began: Instant::now(), outcome: Mutex::new(outcome) }
    }

    /// A success, a moment ago.
    pub fn took(&self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_US);
        let due = self.began.elapsed().saturating_sub(latency).as_secs();
        let second = usize::try_from(due).unwrap_or(MOST_SECONDS).min(MOST_SECONDS - 1);
        let ms = latency.as_secs_f64() * 1_000.0;
        let mut outcome = self.lock();
        outcome.latencies.saturating_record(us);
        if outcome.slowest_ms.len() <= second {
            outcome.slowest_ms.resize(second + 1, 0.0);
        }
        outcome.slowest_ms[second] = outcome.slowest_ms[second].max(ms);
    }

    /// A failure.
    pub fn failed(&self, what: &str) {
        let mut outcome = self.lock();
        match outcome.failures.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(outcome.failures.insert(what.to_owned(), 1)),
        }
    }

    /// What was collected, in this time.
    pub fn outcome(&self, took: Duration) -> Outcome {
        Outcome { seconds: took.as_secs_f64(), ..self.lock().clone() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    /// Successes.
    pub fn count(&self) -> u64 {
        self.latencies.len()
    }

    /// Failures of every kind.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Successes a second.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.seconds.max(1e-9)
    }

    /// A percentile of the successes, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "microseconds are far below 2^53")]
    pub fn ms(&self, percentile: f64) -> f64 {
        self.latencies.value_at_percentile(percentile) as f64 / 1_000.0
    }

    /// Seconds in which something was due that took longer than this.
    pub fn seconds_slower_than(&self, ms: f64) -> usize {
        self.slowest_ms.iter().filter(|&&slowest| slowest > ms).count()
    }
}
