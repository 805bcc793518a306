//! The laws: a view is a function of the log, however that was batched, interleaved, repeated or begun again.

use std::collections::{BTreeMap, VecDeque};

use aredvi_events::envelope::Placed;
use aredvi_events::{Partition, Place};
use aredvi_projectors::view::{Derived, View};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::engines;
use crate::log::Log;
use crate::world::World;

/// Logs tried on the embedded engine, and on a server, where each costs more.
pub(crate) const CASES: [u32; 2] = [48, 12];

/// How a log reaches a view.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Which event is appended again, and after which; taken modulo the log's length.
    again: Vec<(usize, usize)>,
    /// Lengths of batches, over and over.
    batches: Vec<usize>,
    /// Before which of these batches another is undone, as by a restart, over and over.
    undone: Vec<bool>,
    /// Which partition comes next, over and over.
    order: Vec<usize>,
}

pub(crate) fn delivery() -> impl Strategy<Value = Delivery> {
    let again = prop::collection::vec((any::<usize>(), any::<usize>()), 0..8);
    let batches = prop::collection::vec(1_usize..12, 1..6);
    let undone = prop::collection::vec(any::<bool>(), 1..6);
    let order = prop::collection::vec(0_usize..24, 1..40);
    (again, batches, undone, order).prop_map(|(again, batches, undone, order)| Delivery { again, batches, undone, order })
}

/// Holds `view` to the laws, over logs that `write` makes of what `strategy` gives.
pub fn hold<S: Strategy>(view: &dyn View, strategy: S, write: impl Fn(&S::Value) -> Log) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let given = (strategy, delivery());
    for (engine, cases) in engines::engines().into_iter().zip(CASES) {
        let world = runtime.block_on(World::open(view, &engine.url));
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&given, |(what, delivery)| {
                let log = write(&what).placed;
                runtime.block_on(async {
                    world.clear().await;
                    for event in &log {
                        world.apply(std::slice::from_ref(event)).await;
                    }
                    let one_by_one = world.rows().await;
                    world.clear_and_remember().await;
                    world.apply(&log).await;
                    prop_assert_eq!(&world.rows().await, &one_by_one, "a replay differs");
                    world.clear_and_remember().await;
                    deliver(&world, &log, &delivery).await;
                    prop_assert_eq!(&world.rows().await, &one_by_one, "another delivery differs");
                    Ok(())
                })
            })
            .expect("the laws hold");
        runtime.block_on(world.db.close());
    }
}

impl Delivery {
    /// The log as it comes, some of it appended again.
    pub(crate) fn of(&self, log: &[Placed]) -> Vec<Placed> {
        interleaved(repeated(log, &self.again), &self.order)
    }
}

/// Applies the log as it comes, from where it was undone in batches of other lengths; what follows from it.
pub(crate) async fn deliver(world: &World<'_>, log: &[Placed], delivery: &Delivery) -> Vec<Derived> {
    let mut derived = Vec::new();
    let mut rest = &delivery.of(log)[..];
    let mut lengths = delivery.batches.iter().copied().cycle();
    for &undone in delivery.undone.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let mut batch = || rest.split_at(lengths.next().map_or(rest.len(), |length| length.min(rest.len())));
        if undone {
            world.fail(batch().0).await;
        }
        let (batch, later) = batch();
        derived.extend(world.apply(batch).await);
        rest = later;
    }
    derived
}

/// The log with some events appended once more, later, at offsets that nothing stood at.
fn repeated(log: &[Placed], again: &[(usize, usize)]) -> Vec<Placed> {
    let mut log = log.to_vec();
    for &(which, after) in again {
        if log.is_empty() {
            break;
        }
        let which = which % log.len();
        let after = which + after % (log.len() - which);
        let partition = log[which].place.partition;
        let last = log[..=after].iter().rev().find(|placed| placed.place.partition == partition);
        let Some(offset) = last.map(|placed| placed.place.offset + 1) else { continue };
        // Two repeats at one place would share an offset.
        if log.iter().any(|placed| placed.place == Place { partition, offset }) {
            continue;
        }
        let event = log[which].event.clone();
        log.insert(after + 1, Placed { place: Place { partition, offset }, event });
    }
    log
}

/// The log with its partitions in another order, each in its own.
fn interleaved(log: Vec<Placed>, order: &[usize]) -> Vec<Placed> {
    let mut partitions = BTreeMap::<Partition, VecDeque<Placed>>::new();
    for placed in log {
        partitions.entry(placed.place.partition).or_default().push_back(placed);
    }
    let mut mixed = Vec::new();
    for turn in order.iter().cycle() {
        let Some(&partition) = partitions.keys().nth(turn % partitions.len().max(1)) else { break };
        let queue = partitions.entry(partition).or_default();
        mixed.extend(queue.pop_front());
        if queue.is_empty() {
            partitions.remove(&partition);
        }
    }
    mixed
}
