//! Everything that is left to chance in a run: one source, made of the seed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// The source. Who asks first gets the next number, and who asks first follows from the numbers before.
pub struct Chance(Mutex<StdRng>);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// A number below `end`.
    pub fn below(&self, end: u64) -> u64 {
        self.rng().random_range(0..end.max(1))
    }

    /// One of some.
    pub fn one_of<'a, T>(&self, of: &'a [T]) -> &'a T {
        let count = u64::try_from(of.len()).expect("few");
        &of[usize::try_from(self.below(count)).expect("few")]
    }

    /// Whether something happens that happens `of_100_000` times in 100,000.
    pub fn comes(&self, of_100_000: u64) -> bool {
        self.below(100_000) < of_100_000
    }

    /// Between nothing and `longest`, in milliseconds.
    pub fn span(&self, longest: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(longest.as_millis()).expect("short") + 1))
    }

    /// Puts some into another order.
    pub fn shuffle<T>(&self, what: &mut [T]) {
        what.shuffle(&mut *self.rng());
    }

    fn rng(&self) -> MutexGuard<'_, StdRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often what goes wrong in one run, in 100,000 steps; some runs have much of one thing and nothing of another.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// A step waits a little.
    pub waits: u64,
    /// How long at most.
    pub longest_wait: Duration,
    /// A connection is gone before a statement.
    pub fails: u64,
    /// A connection is gone after a statement, and before its answer.
    pub unanswered: u64,
    /// A process stands still.
    pub freezes: u64,
    /// A process is killed.
    pub kills: u64,
    /// An append is refused.
    pub refused: u64,
    /// An append's outcome is unknown.
    pub unknown: u64,
    /// A read fails.
    pub unread: u64,
}

/// How long a process stands still at most: longer than its leases.
pub const LONGEST_FREEZE: Duration = Duration::from_secs(9);

impl Weather {
    pub fn of(chance: &Chance) -> Self {
        let often = |most: u64| if chance.comes(30_000) { 0 } else { chance.below(most) };
        Self {
            waits: often(60_000),
            longest_wait: Duration::from_millis(1 + often(60)),
            fails: often(1_500),
            unanswered: often(1_500),
            freezes: often(250),
            kills: often(250),
            refused: often(10_000),
            unknown: often(20_000),
            unread: often(5_000),
        }
    }
}
