//! Bells: the notification page and the count, alone, beside what Redis does at most.

use std::sync::Arc;

use crate::cli::Bell;
use crate::load::{self, Asks};
use crate::raw::redis;
use crate::report::Section;
use crate::site::Site;

/// Connections of the closed loop.
const CONNECTIONS: usize = 32;
/// GETs on their way at once in Redis's pipeline.
const DEPTH: usize = 100;
/// People whose bells are read in turn.
const READERS: usize = 1_000;

/// Measures.
///
/// # Errors
/// When something could not be measured.
pub async fn run(site: &mut Site, settings: &Bell) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "bell",
        &[
            "`GET /v1/notifications?limit=20` and `GET /v1/notifications/count` in the names of 1,000 people in turn, closed loops of 32 \
             connections, nothing else going on.",
            "Raw: GETs of one value as long as the page, 100 in a pipeline on one connection.",
        ],
    );
    let address = site.column.api()?;
    let readers = READERS.min(site.people.community.people());
    for _ in 0..settings.runs.runs {
        let mut bytes = 0;
        for (what, path, target) in
            [("page", "/v1/notifications?limit=20", "≥ 8,000 /s"), ("count", "/v1/notifications/count", "≥ 15,000 /s")]
        {
            bytes = bytes.max(site.sample(&site.people.get(0, path)).await?.len());
            let people = Arc::clone(&site.people);
            let turn = move |n: u64| usize::try_from(n).unwrap_or(0) % readers;
            let work = Arc::new(Asks { request: move |n| people.get(turn(n), path), status: 200 });
            let costs = site.column.costs();
            let outcome = load::closed(&site.clock, address, CONNECTIONS, settings.runs.seconds, work).await;
            section.aim(format!("{what}s"), "/s", target, outcome.rate());
            section.load(what, &outcome);
            section.costs(what, &costs.so_far());
        }
        let [_, _, (_, cache)] = site.engines.addresses();
        let key = format!("{}:raw", site.engines.prefix);
        let raw = redis::pipelined_gets(&cache, &key, bytes, DEPTH, settings.runs.seconds).await?;
        section.add("raw: Redis, pipelined GETs", "/s", raw);
    }
    Ok(section)
}
