//! What all parts of one run share: chance, the log, the trace, and the first broken promise.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aredvi_events::Clock;
use aredvi_events::hand::Hand;

use crate::chance::{Chance, Weather};
use crate::watch::Watch;

/// The time at which every run begins, Unix milliseconds.
pub const BEGIN_MS: i64 = 1_790_812_800_000;

/// Shared by all parts of one run.
pub struct Sky {
    pub chance: Chance,
    pub weather: Weather,
    /// The time that is right.
    pub clock: Clock,
    /// What turns the time.
    pub hand: Hand,
    pub watch: Watch,
    calm: AtomicBool,
    trace: Mutex<Vec<String>>,
    broken: Mutex<Option<String>>,
}

impl Sky {
    pub fn new(chance: Chance, watch: Watch) -> Arc<Self> {
        let weather = Weather::of(&chance);
        let hand = Hand::new(BEGIN_MS);
        Arc::new(Self {
            weather,
            chance,
            clock: hand.clock(0),
            hand,
            watch,
            calm: AtomicBool::new(true),
            trace: Mutex::default(),
            broken: Mutex::default(),
        })
    }

    /// Whether nothing goes wrong now.
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// From here on things go wrong, or do not.
    pub fn set_calm(&self, calm: bool) {
        self.note(if calm { "calm" } else { "storm" });
        self.calm.store(calm, Ordering::Relaxed);
    }

    /// Writes something into the trace.
    pub fn note(&self, line: impl AsRef<str>) {
        let at = self.hand.turned().as_millis();
        self.trace().push(format!("{at:>7} {}", line.as_ref()));
    }

    /// A promise is broken; the first one is kept.
    pub fn broke(&self, promise: String) {
        self.note(format!("BROKEN {promise}"));
        self.broken().get_or_insert(promise);
    }

    /// The first broken promise.
    pub fn broken(&self) -> MutexGuard<'_, Option<String>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened until now.
    pub fn trace(&self) -> MutexGuard<'_, Vec<String>> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
