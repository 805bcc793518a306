//! `kill -9` at random moments: what was acknowledged is there, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aredvi_events::Clock;
use futures_util::future::join_all;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::load::write;
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
    let site = Arc::new(std::sync::Mutex::new(Site::start(&Setting::one(column))));
    let world = World::beside(&site).await;
    let (clock, stop) = (Clock::default(), Arc::new(AtomicBool::new(false)));
    let mut people = Vec::new();
    for _ in 0..WRITERS {
        people.push(world.sign_up("Ana").await);
    }
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
        stop.store(true, Ordering::Relaxed);
    };
    let writing = people.iter().map(|person| write(person.clone(), &person.username, Arc::clone(&stop)));
    let (written, ()) = tokio::join!(join_all(writing), killing);
    world.settle().await;
    for (person, acknowledged) in people.iter().zip(written) {
        let stories = person.all(&format!("/v1/actors/{}/stories", person.id), 100).await;
        let stand: Vec<(String, String)> = stories
            .iter()
            .map(|story| &story["object"])
            .map(|note| {
                (note["id"].as_str().unwrap_or_default().to_owned(), note["body"].as_str().unwrap_or_default().to_owned())
            })
            .rev()
            .collect();
        assert_eq!(stand, acknowledged);
        assert!(!acknowledged.is_empty());
    }
}
