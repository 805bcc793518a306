//! `kill -9` at random moments: what was acknowledged is there, once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aredvi_events::Clock;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::load::{Load, writers};
use crate::world::column::Column;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime};

/// Kills of one run, unless `AREDVI_SOAK` says more.
const KILLS: usize = 10;
/// Clients that write at once.
const WRITERS: usize = 4;
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
    on_runtime(killed(column, kills, SmallRng::seed_from_u64(seed)));
}

async fn killed(column: Column, kills: usize, mut random: SmallRng) {
    let site = Arc::new(Mutex::new(Site::start(&Setting::one(column))));
    let world = World::beside(&site).await;
    let (clock, load) = (Clock::default(), Load::default());
    let people = writers(&world, WRITERS).await;
    let killing = async {
        for _ in 0..kills {
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
    load.assert_pages(&people).await;
}
