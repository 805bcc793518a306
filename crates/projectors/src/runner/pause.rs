//! Growing pauses between tries while an engine fails.

use std::time::Duration;

use aredvi_events::Clock;
use tokio_util::sync::CancellationToken;

use super::limits::{FIRST_PAUSE, LONGEST_PAUSE};

/// The pauses of one piece of work.
pub(super) struct Pause {
    clock: Clock,
    next: Duration,
}

/// The process ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending;

impl Pause {
    /// The first one comes next.
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), next: FIRST_PAUSE }
    }

    /// The work went well: the first one comes next.
    pub const fn reset(&mut self) {
        self.next = FIRST_PAUSE;
    }

    /// Pauses, longer than the last time.
    pub async fn wait(&mut self, stop: &CancellationToken) -> Result<(), Ending> {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(LONGEST_PAUSE);
        sleep(&self.clock, pause, stop).await
    }
}

/// Waits, but not beyond the end of the process.
pub(super) async fn sleep(clock: &Clock, duration: Duration, stop: &CancellationToken) -> Result<(), Ending> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(Ending),
        () = clock.sleep(duration) => Ok(()),
    }
}
