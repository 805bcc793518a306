//! Home pages of 20: with few, many and very many leaders; as many as can be answered, and at a rate beside posts.

use std::sync::Arc;

use crate::cli::Home;
use crate::load::{self, Asks, Open};
use crate::raw::bare;
use crate::report::Section;
use crate::reports::posts::posts;
use crate::site::{MIX, Site};

/// The numbers of leaders that are compared.
const LEADERS: [usize; 3] = [40, 400, 4_000];
/// People whose pages are read in turn for each.
const READERS: usize = 200;
/// Connections of the closed loop.
const CONNECTIONS: usize = 32;
/// What is read.
const PAGE: &str = "/v1/feed?limit=20";

/// Measures.
///
/// # Errors
/// When something could not be measured.
pub async fn run(site: &mut Site, settings: &Home) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "home",
        &[
            "`GET /v1/feed?limit=20` in the names of 200 people with about 40, 400 and 4,000 leaders; every page is hydrated.",
            "Alone: a closed loop of 32 connections. Raw: a handler of the same HTTP server in a process of its own that answers a \
             constant body of the same size, by the same loop.",
            "Beside posts: both are open loops with Poisson arrivals; latency counts from when the request was due.",
            MIX,
        ],
    );
    let address = site.column.api()?;
    let middle = readers(site, LEADERS[1]);
    for run in 0..settings.runs.runs {
        for leaders in LEADERS {
            let readers = readers(site, leaders);
            let held = average(site, &readers);
            let body = site.sample(&site.people.get(readers[0], PAGE)).await?;
            let what = format!("about {leaders} leaders ({held:.0}), alone");
            let costs = site.column.costs();
            let outcome = load::closed(&site.clock, address, CONNECTIONS, settings.runs.seconds, pages(site, readers)).await;
            if leaders == LEADERS[1] {
                section.aim(format!("{what}: pages"), "/s", "≥ 8,000 /s", outcome.rate());
            }
            section.load(&what, &outcome);
            #[expect(clippy::cast_precision_loss, reason = "a page is small")]
            section.add(format!("{what}: bytes of a page"), "", body.len() as f64);
            if leaders == LEADERS[1] {
                section.costs(&what, &costs.so_far());
                let raw = bare::measure(&site.clock, &site.dir, body.len(), CONNECTIONS, settings.runs.seconds).await?;
                section.add("raw: a handler that does nothing", "/s", raw.rate());
            }
        }
        let (rate, beside) = (settings.rate, settings.posts);
        let what = format!("about {} leaders, {rate:.0}/s beside {beside:.0} posts/s", LEADERS[1]);
        let costs = site.column.costs();
        let reading = load::open(&site.clock, address, Open::new(rate, settings.runs.seconds), pages(site, middle.clone()));
        let (read, posted) = tokio::join!(reading, posts(site, Open::new(beside, settings.runs.seconds), 2_000 + u64::from(run)));
        section.aim(format!("{what}: p99 of pages"), "ms", "< 10 ms", read.ms(99.0));
        section.load(&format!("{what}: pages"), &read);
        section.load(&format!("{what}: posts"), &posted?);
        section.costs(&what, &costs.so_far());
    }
    Ok(section)
}

fn readers(site: &Site, leaders: usize) -> Vec<usize> {
    let community = &site.people.community;
    let people = READERS.min(community.people() / 10).max(1);
    community.people_with_leaders(leaders, people)
}

/// Pages of these people in turn.
fn pages(site: &Site, readers: Vec<usize>) -> Arc<dyn load::Work> {
    let people = Arc::clone(&site.people);
    let turn = move |n: u64| readers[usize::try_from(n).unwrap_or(0) % readers.len()];
    Arc::new(Asks { request: move |n| people.get(turn(n), PAGE), status: 200 })
}

/// Pages of everybody in turn.
pub fn pages_of_all(site: &Site) -> Arc<dyn load::Work> {
    pages(site, (0..site.people.community.people()).collect())
}

#[expect(clippy::cast_precision_loss, reason = "numbers of people are far below 2^53")]
fn average(site: &Site, people: &[usize]) -> f64 {
    let all: usize = people.iter().map(|&person| site.people.community.leader_count(person)).sum();
    all as f64 / people.len().max(1) as f64
}
