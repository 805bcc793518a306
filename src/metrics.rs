//! Counting: the recorder that `metrics` writes to, and the handle that renders it.

use std::time::Duration;

use anyhow::Context as _;
use aredvi_events::Clock;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// Upper bounds of the buckets of durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often what was recorded is put into the buckets, so that it does not pile up while nobody asks.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Everything that is counted, and what it says.
const DESCRIBED: &[(&str, Kind, &str)] = &[
    ("aredvi_http_request_duration_seconds", Kind::Histogram, "Seconds until an answer began, by method, route and status."),
    ("aredvi_journal_append_seconds", Kind::Histogram, "Seconds until an append was durable, or failed."),
    ("aredvi_projector_events_total", Kind::Counter, "Events applied, by view."),
    ("aredvi_projector_batches_total", Kind::Counter, "Transactions committed, by view."),
    (
        "aredvi_projector_transaction_seconds",
        Kind::Histogram,
        "Seconds that transactions take, by view and by whether their generation serves.",
    ),
    ("aredvi_projector_parked_total", Kind::Counter, "Records put aside, by view."),
    ("aredvi_projector_refused_total", Kind::Counter, "Requests that could not be read and were refused by rule, by view."),
    ("aredvi_projector_parked_keys", Kind::Gauge, "Keys that records are put aside of now, by view and generation."),
    ("aredvi_projector_lag_events", Kind::Gauge, "Records of the log that are not applied yet, by view and generation."),
    (
        "aredvi_projector_lag_ms",
        Kind::Gauge,
        "How long ago a view is known to have had all that stood on the log, in milliseconds.",
    ),
    ("aredvi_projector_stopped", Kind::Gauge, "1 when a view cannot go on without an operator, by view."),
    ("aredvi_db_reads_total", Kind::Counter, "Queries that were not answered from memory."),
    ("aredvi_cards_asked_total", Kind::Counter, "Cards that were not in memory and asked for in Redis, by what came of it."),
    ("aredvi_feed_index_stories", Kind::Gauge, "Stories that the feed index holds in memory."),
    (
        "aredvi_facts_behind_ms",
        Kind::Gauge,
        "How long ago what visibility asks was known to be at the log's end, in milliseconds.",
    ),
    (
        "aredvi_heard_age_ms",
        Kind::Gauge,
        "How long ago something new was heard from the log, in milliseconds; quiet is no fault.",
    ),
    ("aredvi_trace_spans_total", Kind::Counter, "Spans of traces, by what became of them."),
    ("aredvi_seals_opened_total", Kind::Counter, "Seals that other consumers had opened, by outcome."),
    ("aredvi_streams_open", Kind::Gauge, "Live streams that are open."),
    ("aredvi_deliveries_total", Kind::Counter, "What came of letters, by channel and outcome."),
    (
        "aredvi_ledger_oldest_ms",
        Kind::Gauge,
        "How long ago that happened which the oldest letter still to be sent tells, in milliseconds.",
    ),
    ("aredvi_webhook_deliveries_total", Kind::Counter, "What came of events sent to webhooks, by outcome."),
    ("aredvi_webhooks_lag_events", Kind::Gauge, "Records of the log that are not read for webhooks yet."),
    ("aredvi_webhooks_oldest_ms", Kind::Gauge, "For how long the oldest event waits for an enabled webhook, in milliseconds."),
    ("aredvi_webhooks_disabled", Kind::Gauge, "Webhooks that were disabled because of what their receivers did."),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Starts to count, once in a process.
///
/// # Errors
/// When somebody counts already.
pub fn start() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(DURATION_BUCKETS).context("no buckets for durations")?;
    let handle = builder.install_recorder().context("cannot count what happens")?;
    for &(name, kind, says) in DESCRIBED {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, says),
            Kind::Gauge => metrics::describe_gauge!(name, says),
            Kind::Histogram => metrics::describe_histogram!(name, says),
        }
    }
    Ok(handle)
}

/// Keeps the memory of what was counted bounded.
pub async fn keep(handle: PrometheusHandle, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    while stop.run_until_cancelled(clock.sleep(UPKEEP_EVERY)).await.is_some() {
        handle.run_upkeep();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every name of ours in a text, without what the exporter adds to a histogram's.
    fn named(text: &str) -> BTreeSet<&str> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let ours = words.filter(|word| word.starts_with("aredvi_"));
        ours.map(|word| ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)).collect()
    }

    #[test]
    fn the_dashboard_and_the_alerts_ask_for_what_is_counted() {
        let known: BTreeSet<&str> = DESCRIBED.iter().map(|(name, ..)| *name).collect();
        let dashboard = named(include_str!("../deploy/grafana/aredvi.json"));
        let alerts = named(include_str!("../deploy/prometheus/alerts.yaml"));
        assert!(dashboard.is_subset(&known), "{:?}", dashboard.difference(&known));
        assert!(alerts.is_subset(&known) && !alerts.is_empty(), "{:?}", alerts.difference(&known));
        assert_eq!(dashboard, known, "the dashboard shows everything");
    }

    #[test]
    fn who_is_on_call_hears_of_lag_of_what_is_put_aside_or_refused_and_of_late_letters() {
        let alerts = include_str!("../deploy/prometheus/alerts.yaml");
        for (alert, expr) in [
            ("AredviViewLags", "max by (view) (aredvi_projector_lag_ms) >"),
            ("AredviViewStopped", "max by (view) (aredvi_projector_stopped) >"),
            ("AredviParked", "max by (view) (aredvi_projector_parked_keys) >"),
            ("AredviRefused", "sum by (view) (increase(aredvi_projector_refused_total[1h])) >"),
            ("AredviWritesFail", "sum(rate(aredvi_journal_append_seconds_count{outcome=\"failed\"}"),
            ("AredviLettersLate", "max(aredvi_ledger_oldest_ms) >"),
            ("AredviNotifierMissing", "absent(aredvi_ledger_oldest_ms)"),
        ] {
            let (_, rest) = alerts.split_once(&format!("- alert: {alert}\n")).expect("the alert");
            let this = rest.split("- alert:").next().expect("its lines");
            assert!(this.contains(expr), "{alert}: {this}");
        }
    }

    #[test]
    fn a_view_that_nobody_keeps_is_missed() {
        // `sessions` has no database of its own, and `webhooks` is no view.
        let views = crate::config::VIEWS.len();
        let alerts = include_str!("../deploy/prometheus/alerts.yaml");
        assert!(alerts.contains(&format!("(aredvi_projector_lag_ms)) or vector(0)) < {views}")));
    }
}
