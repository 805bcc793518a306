//! Rebuilds of the two feeds from the log, alone and beside posts and pages, and what the database takes at most.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::time::Instant;

use super::posts::posts;
use crate::cli::Rebuild;
use crate::column::ask;
use crate::load::http::post;
use crate::load::{Connection, Open};
use crate::raw::sql::{self, Table};
use crate::report::Section;
use crate::site::Site;

/// The views and the table that most of their rows stand in.
const VIEWS: [(&str, Table); 2] = [
    ("story_feed", Table { name: "stories", order: "made_topic, made_part, made_offset" }),
    ("notification_feed", Table { name: "notifications", order: "last_part, raised_offset" }),
];
/// How often it is asked how far the rebuild is: what the times are exact to.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long one rebuild may take.
const REBUILD_LIMIT: Duration = Duration::from_secs(4 * 60 * 60);
/// The load beside a rebuild.
const POSTS: f64 = 200.0;
const PAGES: f64 = 500.0;

/// How long the stages of one rebuild took.
struct Took {
    fill: Duration,
    all: Duration,
    events: u64,
}

/// Measures.
///
/// # Errors
/// When a rebuild fails.
pub async fn run(site: &mut Site, settings: &Rebuild) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "rebuild",
        &[
            "`POST /v1/admin/views/VIEW/rebuild` while the old generation serves. `row-writing` is rows of the view's main table over the \
             time until the new generation was as far as the old one; comparing the two and switching is in `until it serves` only.",
            "Raw: the same rows in the same order into an empty table of the same columns, keys and indexes, on one connection of the \
             database's own client: INSERT of 1,000 rows a statement, and LOAD DATA.",
        ],
    );
    let asked_for = |view: &str| settings.views.iter().any(|asked| asked == view);
    let views: Vec<(&str, Table)> = VIEWS.into_iter().filter(|(view, _)| asked_for(view)).collect();
    for &(view, table) in &views {
        for _ in 0..settings.runs {
            let took = rebuild(site, view).await?;
            let rows = sql::count(&site.engines.sql()?, &serving(site, view).await?, table.name).await?;
            tell(&mut section, view, &took, rows);
        }
        raw(site, &mut section, view, table, settings.raw_rows).await?;
    }
    if settings.beside {
        for (view, _) in views {
            beside(site, &mut section, view).await?;
        }
    }
    Ok(section)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn tell(section: &mut Section, view: &str, took: &Took, rows: u64) {
    let fill = took.fill.as_secs_f64().max(1e-3);
    section.aim(format!("{view}: row-writing events"), "/s", "≥ 100,000 /s", rows as f64 / fill);
    section.add(format!("{view}: events read"), "/s", took.events as f64 / fill);
    section.add(format!("{view}: rows"), "", rows as f64);
    section.add(format!("{view}: until it serves"), "s", took.all.as_secs_f64());
}

/// What the database takes at most, on a copy of the main table's first rows.
async fn raw(site: &Site, section: &mut Section, view: &str, table: Table, rows: u64) -> anyhow::Result<()> {
    let server = site.engines.sql()?;
    if !sql::has_client().await {
        section.note("Raw was not measured: the database's client `mariadb` is not installed.".to_owned());
        return Ok(());
    }
    let measured = sql::measure(&server, &serving(site, view).await?, table, rows, &site.dir.0.join("raw.tsv")).await?;
    section.note(format!("Raw takes the first {rows} rows at most."));
    section.add(format!("{view}: raw INSERT×1000"), "rows/s", measured.insert);
    section.add(format!("{view}: raw LOAD DATA"), "rows/s", measured.load_data);
    Ok(())
}

/// Rebuilds a view while people post and read.
async fn beside(site: &mut Site, section: &mut Section, view: &str) -> anyhow::Result<()> {
    // As long as the last rebuild took, at least: the load must not end before the rebuild.
    let rebuilt = section.figures.iter().find(|figure| figure.what == format!("{view}: until it serves"));
    let seconds = rebuilt.and_then(|figure| figure.runs.last().copied()).unwrap_or(1.0).max(1.0) * 2.0;
    let address = site.column.api()?;
    let work = crate::reports::home::pages_of_all(site);
    let pages = crate::load::open(&site.clock, address, Open::new(PAGES, seconds), work);
    let (took, read, posted) = tokio::join!(rebuild(site, view), pages, posts(site, Open::new(POSTS, seconds), 5_000));
    let took = took?;
    let what = format!("{view} beside {POSTS:.0} posts/s and {PAGES:.0} pages/s");
    section.add(format!("{what}: until it serves"), "s", took.all.as_secs_f64());
    section.aim(format!("{what}: p99 of pages"), "ms", "< 50 ms", read.ms(99.0));
    section.load(&format!("{what}: pages"), &read);
    section.load(&format!("{what}: posts"), &posted?);
    section.note(format!("Beside a rebuild the load goes on for twice the time of a rebuild alone ({view}: {seconds:.0} s)."));
    Ok(())
}

/// Asks for a rebuild and waits for its end.
async fn rebuild(site: &Site, view: &str) -> anyhow::Result<Took> {
    let admin = site.column.admin("projector")?;
    let began = Instant::now();
    let mut connection = Connection::open(admin).await?;
    let asked = connection.exchange(&post(&format!("/v1/admin/views/{view}/rebuild"), None, "{}")).await?;
    anyhow::ensure!(asked.status == 202, "a rebuild was answered with {}: {}", asked.status, String::from_utf8_lossy(asked.body));
    let (mut fill, mut events) = (None, 0);
    loop {
        let (_, body) = ask(admin, &format!("/v1/admin/views/{view}")).await?;
        let state: Value = serde_json::from_slice(&body)?;
        let work = &state["work"];
        match work["stage"].as_str().unwrap_or_default() {
            "beginning" => {}
            "filling" => events = work["total"].as_u64().unwrap_or(events),
            "failed" => bail!("the rebuild of {view} failed: {}", work["error"]),
            "done" => {
                let all = began.elapsed();
                return Ok(Took { fill: fill.unwrap_or(all), all, events });
            }
            _ => {
                fill.get_or_insert(began.elapsed());
            }
        }
        if began.elapsed() > REBUILD_LIMIT {
            bail!("the rebuild of {view} takes longer than {REBUILD_LIMIT:?}");
        }
        site.clock.sleep(LOOK_EVERY).await;
    }
}

/// The name of the database of the generation that serves, without the prefix.
async fn serving(site: &Site, view: &str) -> anyhow::Result<String> {
    let (_, body) = ask(site.column.admin("projector")?, &format!("/v1/admin/views/{view}")).await?;
    let state: Value = serde_json::from_slice(&body)?;
    let generations = state["generations"].as_array();
    let serving = generations.into_iter().flatten().find(|generation| generation["state"] == "serving");
    let n = serving.and_then(|serving| serving["n"].as_u64()).context("no generation serves")?;
    Ok(aredvi_projectors::runner::generation_schema(view, u32::try_from(n)?))
}
