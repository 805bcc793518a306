//! The only clock of the system.
//!
//! Everything that asks for the time or waits for it goes through a [`Clock`], so that a test can put a process
//! ahead or behind, or turn time itself by [hand](Hand).

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::time::Instant;

use crate::hand::Hand;

/// A wall clock with a settable offset; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
    hand: Option<Hand>,
}

/// From where [`Clock::since`] counts.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A wait that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct TimedOut;

impl Clock {
    /// The machine's clock moved by `offset_ms` milliseconds.
    pub fn with_offset(offset_ms: i64) -> Self {
        Self { offset_ms: Arc::new(AtomicI64::new(offset_ms)), hand: None }
    }

    /// A clock that stands still unless its hand is turned, moved by `offset_ms` milliseconds.
    pub(crate) fn of_hand(hand: &Hand, offset_ms: i64) -> Self {
        Self { offset_ms: Arc::new(AtomicI64::new(offset_ms)), hand: Some(hand.clone()) }
    }

    /// Moves the clock by `ms` milliseconds, backwards too.
    pub fn shift(&self, ms: i64) {
        self.offset_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Now, in Unix milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
    pub fn now_ms(&self) -> i64 {
        let now = self.hand.as_ref().map_or_else(|| Utc::now().timestamp_millis(), Hand::now_ms);
        now.saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// How long something has lasted, from one of these to another: it never goes back, whatever the wall clock does.
    pub fn since(&self) -> Duration {
        self.hand.as_ref().map_or_else(|| BEGAN.elapsed(), Hand::turned)
    }

    /// Waits for `duration`.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    pub async fn sleep(&self, duration: Duration) {
        match &self.hand {
            None => tokio::time::sleep(duration).await,
            Some(hand) => hand.alarm(duration).await,
        }
    }

    /// Runs `work`, giving up on it after `limit`.
    ///
    /// # Errors
    /// [`TimedOut`] when `limit` passed first; `work` is dropped.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    pub async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, TimedOut> {
        match &self.hand {
            None => tokio::time::timeout(limit, work).await.map_err(|_| TimedOut),
            Some(hand) => hand.timeout(limit, work).await.ok_or(TimedOut),
        }
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
