//! Posts accepted: at a given rate for a given time, the highest rate that holds, and the broker's own limit beside them.

use std::time::Duration;

use crate::cli::Posts;
use crate::load::{self, Arrivals, Open, Outcome};
use crate::raw::kafka;
use crate::report::Section;
use crate::site::{MIX, Mix, Site};

/// How long views may take to be done with a run's posts.
const SETTLE_LIMIT: Duration = Duration::from_secs(1_200);
/// The search begins at this share of the rate that was asked for, and goes up by steps of this factor.
const SEARCH_FROM: f64 = 0.25;
const SEARCH_STEP: f64 = 1.5;
/// Steps up, and halvings of the last one.
const MOST_STEPS: u32 = 12;
const HALVINGS: u32 = 3;
/// A rate holds when nothing fails and the slowest hundredth is answered within this.
const SLOWEST_MS: f64 = 1_000.0;
/// What a post's record has, in bytes: key, headers and value.
const RECORD_BYTES: usize = 900;
/// Records of Kafka's own benchmark.
const RAW_RECORDS: u64 = 300_000;

/// Measures.
///
/// # Errors
/// When something could not be measured.
pub async fn run(site: &mut Site, settings: &Posts) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "posts",
        &[
            MIX,
            "Open loop; latency counts from when a post was due. A 201 means that the event is on the log.",
            "`behind at the end` is how many events the slowest view had not applied when the last post was answered; `caught up` is \
             how long all views took from then on.",
        ],
    );
    let mut open = Open::new(settings.rate, settings.runs.seconds);
    if settings.even {
        open.arrivals = Arrivals::Even;
        section.note("Arrivals at even distances.".to_owned());
    }
    for run in 0..settings.runs.runs {
        let costs = site.column.costs();
        let outcome = posts(site, open, u64::from(run) + 1).await?;
        let costs = costs.so_far();
        let behind = site.column.lags().await?.into_iter().max_by_key(|lag| lag.events);
        let settled = site.column.settle(SETTLE_LIMIT).await?;
        let at = format!("at {:.0}/s", settings.rate);
        section.aim(format!("{at}: accepted"), "/s", "3,500 /s for 10 minutes", outcome.rate());
        section.load(&at, &outcome);
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        section.add(format!("{at}: behind at the end"), "events", behind.map_or(0.0, |lag| lag.events as f64));
        section.add(format!("{at}: caught up"), "s", settled.seconds);
        if let Some(last) = settled.last {
            section.note(format!("The last view to catch up in run {} was {last}.", run + 1));
        }
        section.costs(&at, &costs);
    }
    if settings.search_seconds > 0.0 {
        let highest = search(site, settings).await?;
        section.add("highest rate that holds", "/s", highest);
        section.note(format!(
            "A rate holds for {:.0} s when nothing fails and the slowest hundredth is answered within {SLOWEST_MS:.0} ms of when it was due.",
            settings.search_seconds,
        ));
    }
    let [(_, bootstrap), ..] = site.engines.addresses();
    if site.kafka_libs.is_dir() {
        let raw =
            kafka::producer_performance(&site.kafka_libs, &bootstrap, &site.engines.prefix, RECORD_BYTES, RAW_RECORDS).await?;
        section.add("raw: Kafka's ProducerPerformance", "/s", raw);
        section.note(format!(
            "Raw is `ProducerPerformance` with records of {RECORD_BYTES} bytes, acks=all, idempotent, 24 partitions."
        ));
    } else {
        section.note("Raw was not measured: --kafka-libs names no directory.".to_owned());
    }
    Ok(section)
}

/// Posts at a rate.
pub async fn posts(site: &Site, open: Open, run: u64) -> anyhow::Result<Outcome> {
    let seed = run.wrapping_mul(1_000_003).wrapping_add(open.rate.to_bits());
    Ok(load::open(&site.clock, site.column.api()?, open, Mix::new(&site.people, seed)).await)
}

/// Goes up until a rate does not hold, then halves the last step.
async fn search(site: &mut Site, settings: &Posts) -> anyhow::Result<f64> {
    let (mut holds, mut fails) = (0.0, f64::INFINITY);
    let mut rate = settings.rate * SEARCH_FROM;
    for step in 0..MOST_STEPS + HALVINGS {
        let outcome = posts(site, Open::new(rate, settings.search_seconds), 1_000 + u64::from(step)).await?;
        site.column.settle(SETTLE_LIMIT).await?;
        // A backlog shows in how late the answers are.
        let held = outcome.failed() == 0 && outcome.ms(99.0) <= SLOWEST_MS;
        eprintln!("posts at {rate:.0}/s: {:.0}/s, p99 {:.1} ms, {} failed", outcome.rate(), outcome.ms(99.0), outcome.failed());
        if held {
            holds = rate
        } else {
            fails = rate
        }
        if fails.is_infinite() {
            rate *= SEARCH_STEP;
        } else if fails - holds < fails * 0.05 {
            break;
        } else {
            rate = f64::midpoint(holds, fails);
        }
    }
    Ok(holds)
}
