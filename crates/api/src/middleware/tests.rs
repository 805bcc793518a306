//! The shell around a few routes, over HTTP without a socket.

use std::time::Duration;

use aredvi_events::{Clock, Mint};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use serde_json::Value;
use std::net::SocketAddr;
use tower::ServiceExt;

use super::{Shell, around, trace};
use crate::extract::ClientAddress;

async fn panics() -> StatusCode {
    panic!("on purpose")
}

async fn never() -> StatusCode {
    std::future::pending().await
}

fn router() -> Router {
    let routes = Router::new()
        .route("/things", get(|| async { "things" }).post(|| async { StatusCode::NO_CONTENT }))
        .route("/trace", get(|| async { trace::current().map(|trace| trace.traceparent()).unwrap_or_default() }))
        .route("/address", get(|ClientAddress(address): ClientAddress| async move { address.to_string() }))
        .route("/never", post(never).get(never))
        .route("/panics", get(panics));
    let shell = Shell {
        mint: Mint::seeded(Clock::default(), 1),
        trusted_proxies: "10.0.0.0/8".parse().expect("a network"),
        own_origins: vec!["https://example.org".to_owned()],
        cors_origins: vec!["https://app.example.org".to_owned()],
        https: true,
        request_limit: Duration::from_millis(200),
    };
    around(routes, shell)
}

async fn sent(method: &str, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer: SocketAddr = "10.0.0.1:4711".parse().expect("an address");
    let request = request.extension(ConnectInfo(peer)).body(Body::empty()).expect("request");
    let (parts, body) = router().oneshot(request).await.expect("infallible").into_parts();
    let body = body.collect().await.expect("body").to_bytes();
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

fn code(body: &str) -> String {
    serde_json::from_str::<Value>(body).expect("json")["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let (status, headers, body) = sent("GET", "/nothing", &[]).await;
    assert_eq!((status.as_u16(), code(&body).as_str()), (404, "not-found"));
    assert_eq!(headers["content-type"], "application/problem+json");
    let (status, headers, body) = sent("DELETE", "/things", &[]).await;
    assert_eq!((status.as_u16(), code(&body).as_str()), (405, "method-not-allowed"));
    assert_eq!(headers["allow"], "GET,HEAD,POST");
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing_but_its_trace() {
    let (status, headers, body) = sent("GET", "/panics", &[]).await;
    assert_eq!((status.as_u16(), code(&body).as_str()), (500, "internal"));
    assert!(!body.contains("on purpose"));
    let problem: Value = serde_json::from_str(&body).expect("json");
    assert_eq!(problem["trace_id"].as_str(), headers["x-request-id"].to_str().ok());
}

#[tokio::test]
async fn a_trace_goes_through_the_handler_and_back() {
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let (_, headers, body) = sent("GET", "/trace", &[("traceparent", caller)]).await;
    assert!(body.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && body != caller, "{body}");
    assert_eq!(headers["traceparent"], body);
    assert_eq!(headers["x-request-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let (one, other) = (sent("GET", "/trace", &[]).await.2, sent("GET", "/trace", &[]).await.2);
    assert_eq!(one.len(), 55);
    assert_eq!(one, other, "seeded");
}

#[tokio::test]
async fn the_address_is_seen_through_a_trusted_proxy() {
    assert_eq!(sent("GET", "/address", &[("x-forwarded-for", "203.0.113.9")]).await.2, "203.0.113.9");
    assert_eq!(sent("GET", "/address", &[]).await.2, "10.0.0.1");
}

#[tokio::test]
async fn a_write_by_cookie_from_elsewhere_is_refused() {
    let cookie = ("cookie", "aredvi_session=ar1_x; XSRF-TOKEN=t");
    let (status, _, body) = sent("POST", "/things", &[cookie, ("origin", "https://evil.example")]).await;
    assert_eq!((status.as_u16(), code(&body).as_str()), (403, "cross-site"));
    assert_eq!(sent("POST", "/things", &[cookie, ("origin", "https://example.org")]).await.0, 204);
    assert_eq!(sent("POST", "/things", &[cookie, ("x-xsrf-token", "t")]).await.0, 204);
}

#[tokio::test]
async fn configured_origins_may_use_the_api_with_credentials() {
    let preflight = [
        ("origin", "https://app.example.org"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "aredvi-position"),
    ];
    let (status, headers, _) = sent("OPTIONS", "/things", &preflight).await;
    assert_eq!(status, 200);
    assert_eq!(headers["access-control-allow-origin"], "https://app.example.org");
    assert_eq!(headers["access-control-allow-credentials"], "true");
    assert!(headers["access-control-allow-methods"].to_str().expect("text").contains("PUT"));
    let (_, headers, _) = sent("GET", "/nothing", &[("origin", "https://app.example.org")]).await;
    let exposed = headers["access-control-expose-headers"].to_str().expect("text");
    for name in ["aredvi-position", "aredvi-stale", "aredvi-lag-ms", "etag", "location", "ratelimit-remaining"] {
        assert!(exposed.contains(name), "{name}");
    }
    let (_, headers, _) = sent("GET", "/things", &[("origin", "https://evil.example")]).await;
    assert!(headers.get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do() {
    for path in ["/things", "/nothing"] {
        let (_, headers, _) = sent("GET", path, &[]).await;
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["strict-transport-security"], "max-age=31536000");
        assert!(headers["content-security-policy"].to_str().expect("text").starts_with("default-src 'none'"));
    }
}

#[tokio::test]
async fn a_handler_that_never_ends_is_given_up() {
    let (status, headers, body) = sent("POST", "/never", &[]).await;
    assert_eq!((status.as_u16(), code(&body).as_str()), (503, "outcome-unknown"));
    assert_eq!(headers["retry-after"], "1");
    assert_eq!(code(&sent("GET", "/never", &[]).await.2), "unavailable");
}
