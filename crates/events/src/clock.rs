//! The only clock of the system.
//!
//! Everything that asks for the time or waits for it goes through a [`Clock`], so that a test can put a process
//! ahead or behind, and turn the waits themselves with tokio's paused time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::time::Instant;

/// A wall clock with a settable offset; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
    began: Option<Began>,
}

/// When a clock began that goes with tokio's time.
#[derive(Debug, Clone, Copy)]
struct Began {
    at: Instant,
    unix_ms: i64,
}

/// A wait that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct TimedOut;

impl Clock {
    /// The machine's clock moved by `offset_ms` milliseconds.
    pub fn with_offset(offset_ms: i64) -> Self {
        Self { offset_ms: Arc::new(AtomicI64::new(offset_ms)), began: None }
    }

    /// A clock that stands at `unix_ms` now and goes with tokio's time: who pauses that and turns it turns this as well.
    pub fn with_tokio_time(unix_ms: i64) -> Self {
        Self { offset_ms: Arc::default(), began: Some(Began { at: Instant::now(), unix_ms }) }
    }

    /// Moves the clock by `ms` milliseconds, backwards too.
    pub fn shift(&self, ms: i64) {
        self.offset_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Now, in Unix milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
    pub fn now_ms(&self) -> i64 {
        let now = match self.began {
            None => Utc::now().timestamp_millis(),
            Some(Began { at, unix_ms }) => {
                unix_ms.saturating_add(i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
        };
        now.saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Waits for `duration`.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Runs `work`, giving up on it after `limit`.
    ///
    /// # Errors
    /// [`TimedOut`] when `limit` passed first; `work` is dropped.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    pub async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, TimedOut> {
        tokio::time::timeout(limit, work).await.map_err(|_| TimedOut)
    }
}

/// RFC 3339 in UTC with milliseconds, as envelopes and answers carry times.
pub fn rfc3339(unix_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(unix_ms)
        .unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Unix milliseconds of an RFC 3339 time; `None` when it is none.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}
