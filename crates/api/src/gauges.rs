//! What operators see of the memory that the tail keeps.

use std::time::Duration;

use aredvi_events::Positions;

use crate::app::App;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);
/// Stories that the feed index holds.
const STORIES: &str = "aredvi_feed_index_stories";
/// How long ago the facts were last known to be at the log's end, in milliseconds.
const FACTS_BEHIND: &str = "aredvi_facts_behind_ms";
/// How long ago the tail last heard something new, in milliseconds; a quiet log is no fault.
const HEARD_AGE: &str = "aredvi_heard_age_ms";

/// Tells until it is dropped.
pub async fn keep(app: &App) {
    let mut last = (Positions::new(), app.mint.now_ms());
    loop {
        let (now, heard) = (app.mint.now_ms(), app.heard.positions());
        if heard != last.0 {
            last = (heard, now);
        }
        metrics::gauge!(STORIES).set(whole(i64::try_from(app.feed.len()).unwrap_or(i64::MAX)));
        metrics::gauge!(FACTS_BEHIND).set(whole(app.facts.behind_ms(now)));
        metrics::gauge!(HEARD_AGE).set(whole(now.saturating_sub(last.1)));
        app.mint.clock().sleep(EVERY).await;
    }
}

/// Gauges are floating-point: exact up to four thousand million, and no more is told.
fn whole(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
