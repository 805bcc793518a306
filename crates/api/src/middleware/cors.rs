//! Which scripts of other origins may use the API.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::headers;

/// How long a browser remembers what is allowed.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3600);

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

const ACCEPTED: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    headers::IDEMPOTENCY_KEY,
    headers::LAST_EVENT_ID,
    headers::POSITION,
    headers::PREFER,
    headers::TRACEPARENT,
    headers::XSRF_TOKEN,
];

const EXPOSED: [HeaderName; 10] = [
    headers::POSITION,
    headers::STALE,
    headers::LAG_MS,
    headers::REQUEST_ID,
    headers::RATE_LIMIT,
    headers::RATE_REMAINING,
    headers::RATE_RESET,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
];

/// Allows these origins, with credentials. What is no origin is left out: a role refuses it at its start.
pub fn layer(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter(|origin| is_origin(origin)).filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods(METHODS)
        .allow_headers(ACCEPTED)
        .expose_headers(EXPOSED)
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Whether this is an origin as browsers send it: `scheme://host[:port]`, lowercase, no path (RFC 6454, section 6.2).
/// `*` is none: it does not go with credentials.
pub fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, authority)| {
        let plain = |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase() && !matches!(c, '/' | '?' | '#' | '@' | '*');
        !scheme.is_empty() && !authority.is_empty() && scheme.chars().chain(authority.chars()).all(plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_send_is_an_origin() {
        for text in ["https://example.org", "http://localhost:3000", "http://[::1]:8080", "app://x"] {
            assert!(is_origin(text), "{text}");
        }
        for text in ["*", "example.org", "https://example.org/", "https://Example.org", "https://*.example.org", "://x", "null"] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
