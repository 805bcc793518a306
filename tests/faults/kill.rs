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
/// After how many minutes it is enough, however many kills there were.
const MINUTES: &str = "AREDVI_SOAK_MINUTES";
/// Kills after which it is said how far it is.
const SAID_EVERY: usize = 10;
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
    let (began, longest) = (Instant::now(), number(MINUTES).map(|minutes| Duration::from_secs(60 * minutes)));
    let plan = Plan { kills, until: longest.map(|longest| began + longest) };
    on_runtime(killed(column, plan, SmallRng::seed_from_u64(seed), |done, outcome| {
        let seconds = began.elapsed().as_secs();
        report(&format!("{column}: {done} kills in {seconds} s, {outcome}; AREDVI_TEST_SEED={seed}"));
    }));
}

/// How often, and up to when.
struct Plan {
    kills: usize,
    until: Option<Instant>,
}

async fn killed(column: Column, plan: Plan, mut random: SmallRng, report: impl FnOnce(usize, Outcome)) {
    let site = Arc::new(Mutex::new(Site::start(&Setting::one(column))));
    let world = World::beside(&site).await;
    let (clock, load) = (Clock::default(), Load::default());
    let people = writers(&world, WRITERS).await;
    let killing = async {
        let mut done = 0;
        while done < plan.kills && plan.until.is_none_or(|until| Instant::now() < until) {
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
            done += 1;
            if done % SAID_EVERY == 0 {
                eprintln!("{column}: {done} of {} kills, {} writes acknowledged", plan.kills, load.acknowledged());
            }
        }
        done
    };
    let done = load.beside(&people, killing).await;
    world.settle().await;
    // Said before it is judged: a run that lost something is worth as much.
    report(done, load.outcome(&people).await);
    load.assert_pages(&people).await;
}

fn report(line: &str) {
    eprintln!("{line}");
    if let Some(file) = std::env::var_os(REPORT) {
        let mut file = std::fs::File::options().create(true).append(true).open(file).expect("the report");
        writeln!(file, "{line}").expect("a line of the report");
    }
}
