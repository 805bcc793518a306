//! The names of our own headers.

use axum::http::HeaderName;

/// Where a write stands, and what a read must include: a token of positions.
pub const POSITION: HeaderName = HeaderName::from_static("aredvi-position");
/// `true`: not everything that was asked for is included yet.
pub const STALE: HeaderName = HeaderName::from_static("aredvi-stale");
/// How far the views behind an answer are behind the log, milliseconds.
pub const LAG_MS: HeaderName = HeaderName::from_static("aredvi-lag-ms");
/// The request's trace id, to be quoted in a report.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The trace that the request is part of (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static(aredvi_traces::TRACEPARENT);
/// How many requests are allowed within a window.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
/// How many more are allowed now.
pub const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// Seconds until the window ends.
pub const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
/// The key under which a write may be repeated.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What the client prefers (RFC 7240).
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The last event of a stream that the client has.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Repeats the readable cookie of the same name.
pub const XSRF_TOKEN: HeaderName = HeaderName::from_static("x-xsrf-token");
