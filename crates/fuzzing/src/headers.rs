//! What a request says in its headers: who sends it, from where, under which key, in which trace.
//!
//! The first byte chooses the peer; then a line for each header, `NAME: VALUE`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aredvi_api::extract::idempotency::MAX_KEY_CHARS;
use aredvi_api::extract::prefer::MAX_WAIT;
use aredvi_api::extract::{Credential, IdempotencyKey, TrustedProxies, Wait, xsrf};
use aredvi_api::middleware::trace;
use aredvi_traces::Trace;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

/// Only those who are trusted are believed; what is taken is within its bounds.
pub fn target(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let headers = read(rest);
    addresses(first, &headers);
    if let Some(credential) = Credential::of(&headers) {
        let other = Credential { token: "another".to_owned(), by: credential.by };
        assert_eq!(format!("{credential:?}"), format!("{other:?}"), "a token is not shown");
    }
    let _ = xsrf::check(&Method::POST, &headers, &[]);
    assert!(xsrf::check(&Method::GET, &headers, &[]).is_ok());
    if let Ok(Some(key)) = IdempotencyKey::of(&headers) {
        assert!((1..=MAX_KEY_CHARS).contains(&key.as_str().len()));
    }
    assert!(Wait::of(&headers).0 <= MAX_WAIT);
    let trace = Trace::begun(trace::caller(&headers), [9; 24]);
    assert_eq!(Trace::parse(&trace.traceparent()), Some(trace), "a trace is sent on as it is");
}

fn addresses(first: u8, headers: &HeaderMap) {
    let peer = if first.is_multiple_of(2) {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, first))
    } else {
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(first)))
    };
    assert_eq!(TrustedProxies::default().client(peer, headers), peer, "nobody is trusted");
    let trusted: TrustedProxies = "10.0.0.0/8, fd00::/8, 192.168.1.1".parse().expect("networks");
    let client = trusted.client(peer, headers);
    if headers.is_empty() {
        assert_eq!(client, peer);
    }
    assert_eq!(client, client.to_canonical());
}

fn read(bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|&byte| byte == b'\n').take(32) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let value = line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]);
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}
