//! The bounds of the runner.

use std::time::Duration;

use aredvi_journal::BatchLimits;

use crate::control::State;

/// How long a partition belongs to a worker that says nothing.
pub const LEASE: Duration = Duration::from_secs(5);
/// A worker renews all of its leases this often, and says that it lives.
pub const RENEW_EVERY: Duration = Duration::from_secs(2);
/// A worker looks this often who else works, and takes or gives its fair share.
pub const ROUND: Duration = Duration::from_secs(1);
/// The runner rereads this often which generations there are.
pub const REREAD: Duration = Duration::from_secs(1);
/// How long the one who makes, compares or drops a generation's tables may say nothing.
pub const BIRTH_LEASE: Duration = Duration::from_secs(30);
/// A rebuild looks this often how far things are.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A rebuild begins to compare when the new generation is at most this many events behind the serving one.
pub const CLOSE: u64 = 10_000;
/// A rebuild puts workers of its own to a generation that had none for this long.
pub const WORKERLESS: Duration = Duration::from_secs(3);
/// A rollback waits at most this long for its target to catch up.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Rows of a table that are compared at once.
pub const COMPARED_ROWS: usize = 5_000;
/// The runner looks this often for generations whose time of grace is over, or whose rebuild died.
pub const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// A generation whose rebuild died is given up this long after its lease ran out: until then the rebuild may be gone on
/// with.
pub const ABANDONED_FOR: Duration = Duration::from_secs(10 * 60);
/// The schema of a generation is dropped at the latest this long after the generation was given up, so that every
/// process has noticed.
pub const FORSAKEN_FOR: Duration = Duration::from_secs(10);
/// A worker that was not seen for this long is forgotten.
pub const FORGET_WORKER: Duration = Duration::from_secs(60);
/// The first pause after an engine failed; each further one is twice as long.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause after an engine failed.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A view that stopped is tried again after this: what stopped it may have been mended.
pub const STOPPED_FOR: Duration = Duration::from_secs(10);
/// A worker that makes more small transactions a second than [`BUSY_COMMITS`] leaves this between the beginnings of two, at
/// least: what comes meanwhile goes into one. Nobody who writes now and then waits for it.
pub const PACE: Duration = Duration::from_millis(50);
/// It leaves so many times what the last one took, where the database has more to do than it can: fewer and larger ones cost
/// less in all.
pub const PACE_BY_LAST: u32 = 3;
/// And this at most.
pub const LONGEST_PACE: Duration = Duration::from_millis(150);
/// See [`PACE`].
pub const BUSY_COMMITS: u32 = 12;
/// A transaction of at least so many events is none of the small ones.
pub const LARGE_BATCH: usize = 500;
/// Fewer events than this are not worth remembering what they wrote.
pub const WORTH_REMEMBERING: u64 = 20_000;
/// Keys that an event writes, about.
pub const KEYS_PER_EVENT: u64 = 2;
/// Positions are shown to operators' tools this often.
pub const PUBLISH_EVERY: Duration = Duration::from_secs(5);
/// Records that a generation may hold parked; when they are more, the view stops.
pub const MAX_PARKED: u64 = 10_000;
/// Parked records of one key that a retry or a drop applies in one transaction; the rest follows in the next.
pub const MAX_RELEASED: usize = 1_000;
/// Bytes of derived events that are appended at once.
pub const MAX_DERIVED_BYTES: usize = 8 * 1024 * 1024;
/// Who waits for a position asks the view's schema this often.
pub const POLL_EVERY: Duration = Duration::from_millis(5);
/// Bytes of a reason that is kept.
pub const MAX_REASON_BYTES: usize = 500;

/// What an operator may choose.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Workers of each generation in this process; `None`: one for a generation that serves, since several make more
    /// transactions of fewer events, and one a core for one that is being built.
    pub workers: Option<usize>,
    /// How much one transaction takes.
    pub batch: BatchLimits,
    /// How long a generation stays after another took its place.
    pub grace: Duration,
    /// And how long when a later one has served since, so that no rollback leads to it: what it has left to do is done
    /// by then.
    pub superseded_grace: Duration,
    /// [`MAX_PARKED`], lower in tests.
    pub max_parked: u64,
    /// A worker that has at least so many events before it, from the beginning of its partitions on, remembers which keys
    /// it has written until there, and looks for no row of another key; [`WORTH_REMEMBERING`], lower in tests.
    pub remember_from: u64,
    /// [`SWEEP_EVERY`], shorter in tests.
    pub sweep_every: Duration,
    /// This is the only process, as on embedded engines: leases found at its start are those of one that died, and need
    /// not run out.
    pub alone: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: None,
            batch: BatchLimits { events: 4_000, bytes: 8 * 1024 * 1024, wait: Duration::from_millis(500) },
            grace: Duration::from_secs(24 * 60 * 60),
            superseded_grace: Duration::from_secs(10 * 60),
            max_parked: MAX_PARKED,
            remember_from: WORTH_REMEMBERING,
            sweep_every: SWEEP_EVERY,
            alone: false,
        }
    }
}

impl Limits {
    /// Workers of a generation that reads `partitions`, in this state when they begin.
    pub(super) fn workers(&self, partitions: usize, state: State) -> usize {
        let default = || match state {
            State::Building => std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            State::Serving | State::Previous | State::Dropped => 1,
        };
        self.workers.unwrap_or_else(default).clamp(1, partitions.max(1))
    }
}
