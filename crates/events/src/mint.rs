//! Mints ids, event ids and random bytes for one process.
//!
//! Two processes never mint the same id because each holds a worker number by a lease, and mints only below the
//! `until` that the lease has committed; the clock is only a hint. The lease itself is kept by whoever owns the
//! `control` schema.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::clock::Clock;
use crate::id::{Id, SEQUENCE_BITS};
use crate::topic::Topic;

/// What [`Mint::gathered_id`] mints within so many milliseconds comes to the same partition.
const GATHERED_MS: i64 = 16;
/// So many numbers are tried for an id of the partition whose turn it is. One of 24 is.
const MOST_TRIED: u16 = 512;
/// So many ids has a millisecond.
const SEQUENCES: u16 = 1 << SEQUENCE_BITS;

/// A worker number and the span of time it may mint in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// 0 ..= 1023.
    pub worker: u16,
    /// Minting starts here whatever the clock says, Unix milliseconds.
    pub from_ms: i64,
    /// Nothing is minted at or past this, Unix milliseconds.
    pub until_ms: i64,
}

/// There is no lease, or minting has reached its end: the process must not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no worker lease to mint ids under")]
pub struct NoLease;

/// The source of ids and of randomness; clones share it.
#[derive(Clone)]
pub struct Mint {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    rng: StdRng,
    lease: Option<Lease>,
    last_ms: i64,
    sequence: u16,
}

impl Mint {
    /// A mint without a lease, its randomness from the operating system.
    pub fn new(clock: Clock) -> Self {
        Self::with_rng(clock, rand::make_rng())
    }

    /// A mint whose randomness follows from `seed`; for tests.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self::with_rng(clock, StdRng::seed_from_u64(seed))
    }

    fn with_rng(clock: Clock, rng: StdRng) -> Self {
        Self { clock, state: Arc::new(Mutex::new(State { rng, lease: None, last_ms: i64::MIN, sequence: 0 })) }
    }

    /// The clock it mints by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Now, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Takes up a lease. One for the same worker only extends `until`; another worker starts at its `from`.
    pub fn hold(&self, lease: Lease) {
        let mut state = self.state();
        match &mut state.lease {
            Some(held) if held.worker == lease.worker => held.until_ms = held.until_ms.max(lease.until_ms),
            _ => {
                state.last_ms = lease.from_ms.saturating_sub(1);
                state.sequence = 0;
                state.lease = Some(lease);
            }
        }
    }

    /// Gives the lease up; nothing is minted until the next.
    pub fn release(&self) {
        self.state().lease = None;
    }

    /// The next id.
    ///
    /// # Errors
    /// [`NoLease`] without a lease or at its end.
    pub fn id(&self) -> Result<Id, NoLease> {
        self.mint(|_, _, _| 0)
    }

    /// The next id for something that events of `topic` are keyed by, such that what is minted within a short while comes
    /// to one partition, and each partition has its turn: what is appended together then stands in one batch, where it
    /// would be a batch, a request to the broker and a position in every view each.
    ///
    /// # Errors
    /// As [`Mint::id`].
    pub fn gathered_id(&self, topic: Topic) -> Result<Id, NoLease> {
        self.mint(|ms, worker, sequence| {
            // Processes take turns apart from each other.
            let turn = (ms.div_euclid(GATHERED_MS) + i64::from(worker)).rem_euclid(i64::from(topic.partitions()));
            let is_its_turn = |skip: &u16| {
                let id = Id::assemble(ms, worker, sequence + skip);
                id.is_some_and(|id| i64::from(topic.partition(&id.to_string())) == turn)
            };
            (0..MOST_TRIED.min(SEQUENCES - sequence)).find(is_its_turn).unwrap_or(0)
        })
    }

    /// The next id after as many numbers as `skip` says of what would be the next: its milliseconds, worker and sequence.
    /// It must leave one of that millisecond.
    fn mint(&self, skip: impl FnOnce(i64, u16, u16) -> u16) -> Result<Id, NoLease> {
        let now = self.clock.now_ms();
        let mut state = self.state();
        let lease = state.lease.ok_or(NoLease)?;
        let (ms, sequence) = if now > state.last_ms {
            (now, 0)
        } else if state.sequence + 1 < SEQUENCES && state.last_ms >= lease.from_ms {
            (state.last_ms, state.sequence + 1)
        } else {
            (state.last_ms + 1, 0)
        };
        // What is refused leaves no trace: a clock that was ahead for a moment must not end minting until its time comes.
        if ms >= lease.until_ms {
            return Err(NoLease);
        }
        let sequence = sequence + skip(ms, lease.worker, sequence);
        (state.last_ms, state.sequence) = (ms, sequence);
        Id::assemble(ms, lease.worker, sequence).ok_or(NoLease)
    }

    /// A new event's id: UUIDv7 of the clock (RFC 9562, section 5.7).
    pub fn event_id(&self) -> Uuid {
        let ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &self.random()).into_uuid()
    }

    /// Random bytes fit for keys, nonces and tokens.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.state().rng.fill_bytes(&mut bytes);
        bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of an event that follows from another: UUIDv5 of the cause and what it is for (RFC 9562, section 5.5).
pub fn derived_id(cause: Uuid, purpose: &str) -> Uuid {
    Uuid::new_v5(&cause, purpose.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::id::{EPOCH_MS, FIRST_MINTED};

    fn mint() -> Mint {
        Mint::seeded(Clock::default(), 1)
    }

    #[test]
    fn nothing_is_minted_without_a_lease_or_past_it() {
        let mint = mint();
        assert_eq!(mint.id(), Err(NoLease));
        let now = mint.now_ms();
        mint.hold(Lease { worker: 3, from_ms: now + 60_000, until_ms: now + 60_001 });
        let minted = std::iter::from_fn(|| mint.id().ok()).take(10_000).count();
        assert_eq!(minted, usize::from(SEQUENCES));
        assert_eq!(mint.id(), Err(NoLease));
    }

    #[test]
    fn ids_grow_and_never_repeat_when_the_clock_goes_back() {
        let mint = mint();
        mint.hold(Lease { worker: 3, from_ms: EPOCH_MS, until_ms: i64::MAX });
        let before = mint.id().expect("lease");
        mint.clock().shift(-5_000);
        let after: Vec<Id> = (0..9_000).map(|_| mint.id().expect("lease")).collect();
        assert!(before < after[0]);
        assert!(after.is_sorted_by(|a, b| a < b));
        assert!(before.get() >= FIRST_MINTED);
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_ends_nothing() {
        let mint = mint();
        let now = mint.now_ms();
        mint.hold(Lease { worker: 3, from_ms: now, until_ms: now + 600_000 });
        mint.clock().shift(3_600_000);
        assert_eq!(mint.id(), Err(NoLease));
        mint.clock().shift(-3_600_000);
        assert!(mint.id().expect("a lease").minted_ms() < now + 600_000);
    }

    #[test]
    fn a_new_holder_starts_where_the_old_lease_ended() {
        let mint = mint();
        let from_ms = mint.now_ms() + 600_000;
        mint.hold(Lease { worker: 7, from_ms, until_ms: from_ms + 600_000 });
        assert_eq!(mint.id().expect("lease").minted_ms(), from_ms);
    }

    #[test]
    fn ids_that_are_gathered_come_to_one_partition_at_a_time_and_to_all_in_turn() {
        let clock = Clock::default();
        let mint = Mint::seeded(clock.clone(), 1);
        mint.hold(Lease { worker: 3, from_ms: EPOCH_MS, until_ms: i64::MAX });
        let mut batches = BTreeMap::<i64, Vec<u32>>::new();
        let mut ids = Vec::new();
        for _ in 0..24 {
            for _ in 0..50 {
                let id = mint.gathered_id(Topic::Media).expect("a lease");
                batches.entry(id.minted_ms().div_euclid(GATHERED_MS)).or_default().push(Topic::Media.partition(&id.to_string()));
                ids.push(id);
                // Others are minted between them.
                ids.push(mint.id().expect("a lease"));
            }
            clock.shift(GATHERED_MS);
        }
        assert!(ids.is_sorted_by(|a, b| a < b));
        for partitions in batches.values() {
            assert!(partitions.iter().all(|partition| *partition == partitions[0]), "{partitions:?}");
        }
        assert!(batches.len() >= 24, "{}", batches.len());
        let turns: Vec<(i64, i64)> = batches.iter().map(|(turn, partitions)| (*turn, i64::from(partitions[0]))).collect();
        for pair in turns.windows(2) {
            let [(turn, partition), (later, next)] = [pair[0], pair[1]];
            assert_eq!((next - partition).rem_euclid(24), (later - turn).rem_euclid(24), "each after the other");
        }
    }

    #[test]
    fn more_ids_than_can_be_gathered_are_minted_all_the_same() {
        let mint = mint();
        let now = mint.now_ms() + 60_000;
        mint.hold(Lease { worker: 3, from_ms: now, until_ms: now + 2 });
        let ids: Vec<Id> = std::iter::from_fn(|| mint.gathered_id(Topic::Media).ok()).take(20_000).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!((100..2 * usize::from(SEQUENCES)).contains(&ids.len()), "{}", ids.len());
        assert!(ids.last().is_some_and(|id| id.minted_ms() == now + 1));
    }

    #[test]
    fn event_ids_are_version_7_and_derived_ones_are_stable() {
        let id = mint().event_id();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(derived_id(id, "person.registered"), derived_id(id, "person.registered"));
        assert_ne!(derived_id(id, "person.registered"), derived_id(id, "registration.refused"));
    }
}
