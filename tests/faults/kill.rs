//! `kill -9` at random moments: what was acknowledged is there, once.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aredvi_events::Clock;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::load::{Load, Outcome, writers};
use crate::world::column::Column;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime};

/// Kills of one run, unless `AREDVI_SOAK` says more.
const KILLS: usize = 10;
/// Clients that write at once.
const WRITERS: usize = 4;
/// Notes that each gets acknowledged at most before a kill that waits for some.
const MOST_NOTES: usize = 10;
/// A file that a line is added to for each run.
const REPORT: &str = "AREDVI_SOAK_REPORT";
/// The longest a process lives before it is killed.
const LONGEST_LIFE_MS: u64 = 1_500;

#[test]
fn embedded_nothing_acknowledged_is_lost_or_doubled() {
    check(Column::Embedded);
}

#[test]
fn production_nothing_acknowledged_is_lost_or_doubled() {
    check(Column::Production);
}

fn check(column: Column) {
    if !column.can_run() {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("AREDVI_TEST_SEED").unwrap_or_else(|| rand::rng().random());
    let kills = number("AREDVI_SOAK").and_then(|kills| usize::try_from(kills).ok()).unwrap_or(KILLS);
    eprintln!("{column}: {kills} kills, AREDVI_TEST_SEED={seed}");
    let began = Instant::now();
    on_runtime(killed(column, kills, SmallRng::seed_from_u64(seed), |outcome| {
        let seconds = began.elapsed().as_secs();
        report(&format!("{column}: {kills} kills in {seconds} s, {outcome}; AREDVI_TEST_SEED={seed}"));
    }));
}

async fn killed(column: Column, kills: usize, mut random: SmallRng, report: impl FnOnce(Outcome)) {
    let site = Arc::new(Mutex::new(Site::start(&Setting::one(column))));
    let world = World::beside(&site).await;
    let (clock, load) = (Clock::default(), Load::default());
    let people = writers(&world, WRITERS).await;
    let killing = async {
        for _ in 0..kills {
            // Half of them once it works for its clients again, the others whatever it is about.
            if random.random_bool(0.5) {
                load.progress(&people, random.random_range(1..=MOST_NOTES)).await;
            }
            clock.sleep(Duration::from_millis(random.random_range(50..LONGEST_LIFE_MS))).await;
            let site = Arc::clone(&site);
            let again = tokio::task::spawn_blocking(move || {
                let mut site = site.lock().expect("the site");
                site.kill(0);
                site.restart(0);
            });
            again.await.expect("it starts again");
        }
    };
    load.beside(&people, killing).await;
    world.settle().await;
    // Said before it is judged: a run that lost something is worth as much.
    report(load.outcome(&people).await);
    load.assert_pages(&people).await;
}

fn report(line: &str) {
    eprintln!("{line}");
    if let Some(file) = std::env::var_os(REPORT) {
        let mut file = std::fs::File::options().create(true).append(true).open(file).expect("the report");
        writeln!(file, "{line}").expect("a line of the report");
    }
}
