//! Spans on their way to an exporter that keeps them in memory.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOW_MS: i64 = 1_790_000_000_000;

#[test]
fn each_step_follows_from_the_one_before_and_old_events_are_left_alone() {
    let kept = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("aredvi"));
    assert_eq!(sampled(|| Some(CALLER)), None, "nothing is exported yet");
    exported();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let request = tracing::info_span!("api", otel.kind = "server");
        let place = begin(&request, Trace::parse(CALLER)).expect("a place");
        let append = Step::after(place, tracing::info_span!(parent: None, "append", otel.kind = "producer"));
        let event = append.traceparent();
        assert_eq!(sampled_event(Some(&event), NOW_MS - FOLLOWED_MS - 1, NOW_MS), None);
        let heard = sampled_event(Some(&event), NOW_MS, NOW_MS).expect("it is young");
        drop(Step::after(heard, tracing::info_span!(parent: None, "project", otel.kind = "consumer")));
    });
    assert_eq!(sampled(|| Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")), None);
    let spans = kept.get_finished_spans().expect("spans");
    let named = |name: &str| spans.iter().find(|span| span.name == name).expect("a span");
    let (api, append, project) = (named("api"), named("append"), named("project"));
    assert_eq!(api.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(append.parent_span_id, api.span_context.span_id());
    assert_eq!(project.parent_span_id, append.span_context.span_id());
    assert!(spans.iter().all(|span| span.span_context.trace_id().to_string() == "4bf92f3577b34da6a3ce929d0e0e4736"));
}
