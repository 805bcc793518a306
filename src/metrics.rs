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

/// Starts to count, once in a process.
///
/// # Errors
/// When somebody counts already.
pub fn start() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(DURATION_BUCKETS).context("no buckets for durations")?;
    builder.install_recorder().context("cannot count what happens")
}

/// Keeps the memory of what was counted bounded.
pub async fn keep(handle: PrometheusHandle, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    while stop.run_until_cancelled(clock.sleep(UPKEEP_EVERY)).await.is_some() {
        handle.run_upkeep();
    }
    Ok(())
}
