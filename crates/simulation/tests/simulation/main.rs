//! The runner and the views in a play: several processes, a client and an operator, on a simulated log and database, where
//! everything that happens follows from one seed, so that whatever goes wrong can be seen again.
//!
//! What is real: the runner (workers, leases, the fenced transaction, parking, generations), the views, their SQL on
//! SQLite, the codec. What is played: time, the order of all steps, the log's delivery and its faults, the database's
//! faults, deaths and pauses between any two steps.

mod chance;
mod client;
mod community;
mod log;
mod operator;
mod play;
mod poison;
mod process;
mod promises;
mod reference;
mod sky;
mod tally;
mod troupe;
mod watch;

use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds are played; `AREDVI_SIM_SEEDS` says another number.
const SEEDS: u64 = 200;
/// How many of the last steps are shown of a run that failed; played alone, all are.
const SHOWN: usize = 60;
/// Plays a single seed.
const SEED: &str = "AREDVI_SIM_SEED";

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not `{text}`")))
}

#[test]
fn whatever_happens_in_between_the_views_are_what_the_log_says() {
    let seeds = match asked(SEED) {
        Some(seed) => seed..seed + 1,
        None => {
            let from = asked("AREDVI_SIM_FROM").unwrap_or(0);
            from..from + asked("AREDVI_SIM_SEEDS").unwrap_or(SEEDS)
        }
    };
    let (next, end) = (AtomicU64::new(seeds.start), seeds.end);
    let failed = std::thread::scope(|scope| {
        let player = || {
            let mut failed = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return failed;
                }
                let played = play::play(seed);
                if asked(SEED).is_some() {
                    eprintln!("{}", played.trace.join("\n"));
                }
                if let Some(promise) = played.broken {
                    let before = played.trace.len().saturating_sub(SHOWN);
                    eprintln!("seed {seed}: {promise}\n{}", played.trace[before..].join("\n"));
                    failed.push((seed, promise));
                }
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let players: Vec<_> = (0..cores).map(|_| scope.spawn(player)).collect();
        players.into_iter().flat_map(|player| player.join().expect("it plays to its end")).collect::<Vec<_>>()
    });
    let shown: Vec<String> = failed.iter().map(|(seed, promise)| format!("{SEED}={seed} plays it again: {promise}")).collect();
    assert!(failed.is_empty(), "{} seeds of {} failed:\n{}", failed.len(), end - seeds.start, shown.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_play() {
    for seed in [3, 1_000_003] {
        let (one, other) = (play::play(seed), play::play(seed));
        assert!(one.trace.len() > 500, "hardly anything happened: {} steps", one.trace.len());
        let differs = one.trace.iter().zip(&other.trace).position(|(one, other)| one != other);
        if let Some(at) = differs {
            panic!("seed {seed} was played differently from step {at} on: {} / {}", one.trace[at], other.trace[at]);
        }
        assert_eq!(one.trace.len(), other.trace.len());
    }
}
