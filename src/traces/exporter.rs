//! An exporter whose failures are told once, and counted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Counts the spans of an exporter, and tells when it begins to fail, and when that is over.
#[derive(Debug)]
pub struct Told<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E> Told<E> {
    /// Tells of this one.
    pub const fn new(exporter: E) -> Self {
        Self { exporter, failing: AtomicBool::new(false) }
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let sent = self.exporter.export(batch).await;
        let failed = sent.is_err();
        let was_failing = self.failing.swap(failed, Ordering::Relaxed);
        match &sent {
            Err(error) if !was_failing => tracing::warn!(%error, "traces are not taken: they are dropped until they are"),
            Ok(()) if was_failing => tracing::info!("traces are taken again"),
            Ok(()) | Err(_) => {}
        }
        let outcome = if failed { "dropped" } else { "sent" };
        metrics::counter!("aredvi_trace_spans_total", "outcome" => outcome).increment(spans);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
