//! Traces on their way out: spans that say their kind are sent to a receiver of OTLP, when there is one.
//!
//! A request never waits for it: what does not fit into the queue, or is not taken, is dropped.

mod exporter;
mod sampler;

use std::time::Duration;

use anyhow::Context as _;
use aredvi_events::Mint;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{self, OtlpEndpoint};
use crate::logging::Asked;
use exporter::Told;
use sampler::Chosen;

/// Spans that wait to be sent; further ones are dropped.
const MAX_QUEUED: usize = 4_096;
/// Spans sent at once.
const MAX_SENT_AT_ONCE: usize = 512;
/// How long a span waits for others before it is sent.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// How long the receiver may take to answer.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take at the end of the process.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);
/// Attributes, events and links of one span, each.
const MAX_PARTS: u32 = 64;
/// The field that makes a span one that is exported.
const KIND: &str = "otel.kind";

/// Where the traces of this process go.
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Traces of a process in its role; nothing is sent where no receiver is set. Call it outside of the runtime.
    ///
    /// # Errors
    /// When nothing could ever be sent.
    pub fn open(settings: Option<(&'static str, &config::Traces)>) -> anyhow::Result<Self> {
        let Some((role, config::Traces { otlp_endpoint: Some(endpoint), trace_sample: share })) = settings else {
            return Ok(Self(None));
        };
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_QUEUED)
            .with_max_export_batch_size(MAX_SENT_AT_ONCE)
            .with_scheduled_delay(SEND_EVERY)
            .build();
        let processor = BatchSpanProcessor::builder(Told::new(exporter(endpoint)?)).with_batch_config(batches).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(Chosen::new(share.0))
            .with_max_attributes_per_span(MAX_PARTS)
            .with_max_events_per_span(MAX_PARTS)
            .with_max_links_per_span(MAX_PARTS)
            .with_resource(resource(role)?)
            .build();
        Ok(Self(Some(provider)))
    }

    /// What hears of spans; it hears of those alone that say their kind, and of warnings within them.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let provider = self.0.as_ref()?;
        aredvi_traces::exported();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("aredvi"))
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(Asked(filter_fn(is_exported).with_max_level_hint(LevelFilter::INFO))))
    }

    /// Sends what is left, within [`FLUSH_LIMIT`]. Call it outside of the runtime, before that ends.
    pub fn close(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown_with_timeout(FLUSH_LIMIT)
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

fn is_exported(of: &Metadata<'_>) -> bool {
    let ours = of.target().starts_with("aredvi");
    ours && if of.is_span() { of.fields().field(KIND).is_some() } else { *of.level() <= Level::WARN }
}

fn exporter(endpoint: &OtlpEndpoint) -> anyhow::Result<SpanExporter> {
    let builder = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let builder = builder.with_endpoint(&endpoint.0).with_timeout(SEND_LIMIT);
    builder.build().context("traces cannot be sent")
}

/// Who sends; `OTEL_RESOURCE_ATTRIBUTES` may say more.
fn resource(role: &'static str) -> anyhow::Result<Resource> {
    let instance = Mint::new(config::clock()?).event_id().to_string();
    Ok(Resource::builder()
        .with_service_name("aredvi")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance),
            KeyValue::new("aredvi.role", role),
        ])
        .build())
}
