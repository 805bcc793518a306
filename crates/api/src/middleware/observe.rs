//! What is told of a request to operators: a span, a trace, its duration. Never a token, an address or a body.

use std::sync::Arc;
use std::time::Instant;

use aredvi_traces::Trace;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::Shell;
use super::trace;
use crate::headers;

/// The histogram of the seconds until an answer begins, by `method`, `route` and `status`; its count is the requests'.
pub const DURATION: &str = "aredvi_http_request_duration_seconds";
/// What stands for the route of a path that is none.
const NO_ROUTE: &str = "none";

/// Runs the rest within a span and a trace, and measures it.
pub async fn observe(State(shell): State<Arc<Shell>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let caller = trace::caller(request.headers());
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let span = tracing::info_span!(
        "api",
        otel.name = %format_args!("api.{method} {route}"),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        trace_id = tracing::field::Empty,
    );
    let trace = aredvi_traces::begin(&span, caller).unwrap_or_else(|| Trace::begun(caller, shell.mint.random()));
    span.record("trace_id", trace.trace_id());
    let mut response = trace::around(trace, next.run(request).instrument(span.clone())).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    let seconds = began.elapsed().as_secs_f64();
    span.in_scope(|| tracing::debug!(http.response.status_code = status.as_u16(), seconds, "answered"));
    metrics::histogram!(DURATION, "method" => method, "route" => route.to_owned(), "status" => status.as_str().to_owned())
        .record(seconds);
    for (name, value) in [(headers::TRACEPARENT, trace.traceparent()), (headers::REQUEST_ID, trace.trace_id())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// One of a bounded number of names, whatever clients invent.
fn method(method: &Method) -> &'static str {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.iter().position(|known| known == method).map_or("OTHER", |at| names[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_share_a_name() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        assert_eq!(method(&Method::OPTIONS), "OPTIONS");
        assert_eq!(method(&Method::from_bytes(b"BREW").expect("a token")), "OTHER");
    }
}
