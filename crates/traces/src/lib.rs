//! The trace of a post: it travels in `traceparent`, with the request, with each event and with what follows from that,
//! and each step of the way is a span that goes on from it.
//!
//! A span that says its kind (`otel.kind`) is exported, all others are for the log alone. A span holds ids, names of
//! routes, topics and views, and numbers; never a name, an address, a token or a text. Where spans are exported to, and
//! which traces are sampled, is the binary's business.

mod trace;

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

pub use trace::Trace;

/// The header that a trace travels in: of requests and answers, and of records on the log.
pub const TRACEPARENT: &str = "traceparent";
/// How long after an event its trace is gone on with, in milliseconds: what a rebuild or an import reads again later is no
/// part of it any more.
pub const FOLLOWED_MS: i64 = 10 * 60 * 1_000;
/// The most records of one append, and of one batch, whose traces are gone on with.
pub const MAX_FOLLOWED: usize = 64;

static EXPORTED: AtomicBool = AtomicBool::new(false);

/// Says that spans are exported from now on: before, nothing goes on with a trace.
pub fn exported() {
    EXPORTED.store(true, Ordering::Relaxed);
}

/// The trace to go on with, when spans are exported and it is sampled; `traceparent` is asked for only then.
pub fn sampled<'a>(traceparent: impl FnOnce() -> Option<&'a str>) -> Option<Trace> {
    if !EXPORTED.load(Ordering::Relaxed) {
        return None;
    }
    traceparent().and_then(Trace::parse).filter(Trace::is_sampled)
}

/// Whether the trace of an event of `time_ms` is still gone on with, Unix milliseconds.
pub const fn is_young(time_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(time_ms) <= FOLLOWED_MS
}

/// [`sampled`], of an event that [is young](is_young).
pub fn sampled_event(traceparent: Option<&str>, time_ms: i64, now_ms: i64) -> Option<Trace> {
    sampled(|| traceparent).filter(|_| is_young(time_ms, now_ms))
}

/// Makes `span` the first of this process in a trace, its caller's if there is one; where it stands then, when spans are
/// exported. Whether the trace is sampled is decided here.
pub fn begin(span: &Span, caller: Option<Trace>) -> Option<Trace> {
    if !EXPORTED.load(Ordering::Relaxed) {
        return None;
    }
    if let Some(caller) = caller {
        // It fails when the span is not exported: then it is nowhere.
        let _ = span.set_parent(remote(caller));
    }
    place_of(span)
}

/// A step on the way of a trace, until it is dropped.
#[derive(Debug)]
pub struct Step {
    span: Span,
    place: Trace,
}

impl Step {
    /// Makes `span` a step that follows from where `trace` stands.
    pub fn after(trace: Trace, span: Span) -> Self {
        let _ = span.set_parent(remote(trace));
        let place = place_of(&span).unwrap_or(trace);
        Self { span, place }
    }

    /// What the events that follow from this step carry.
    pub fn traceparent(&self) -> String {
        self.place.traceparent()
    }

    /// Its span, to record more fields, or to work in.
    pub const fn span(&self) -> &Span {
        &self.span
    }

    /// Says that it came to nothing.
    pub fn failed(&self) {
        self.span.record("otel.status_code", "ERROR");
    }
}

fn remote(trace: Trace) -> Context {
    let (ids, span, flags) = trace.parts();
    Context::new().with_remote_span_context(SpanContext::new(ids, span, flags, true, TraceState::NONE))
}

fn place_of(span: &Span) -> Option<Trace> {
    let context = span.context();
    let place = context.span();
    let place = place.span_context();
    place.is_valid().then(|| Trace::from_parts(place.trace_id(), place.span_id(), place.trace_flags()))
}

#[cfg(test)]
mod tests;
