//! Conditional reads: an `ETag` of what is answered, and 304 to who has it (RFC 9110, sections 8.8.3 and 13.1.2).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// How many bytes of the body's SHA-256 name it.
const TAG_BYTES: usize = 16;

/// The strong tag of these bytes, with its quotes.
pub fn tag(body: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..TAG_BYTES]))
}

/// Answers `value` with its tag, or 304 when `If-None-Match` of the request names it. The answer is one viewer's own.
pub fn answer(request: &HeaderMap, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => answer_bytes(request, body, "private, no-cache"),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            Problem::internal().into_response()
        }
    }
}

/// The same for JSON that is written already.
pub fn answer_bytes(request: &HeaderMap, body: impl Into<bytes::Bytes>, cache_control: &'static str) -> Response {
    let body = body.into();
    let tag = tag(&body);
    let mut response = if matches(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    headers.append(header::VARY, HeaderValue::from_static("authorization, cookie"));
    response
}

/// Whether `If-None-Match` names `tag` or everything; tags are compared weakly.
fn matches(request: &HeaderMap, tag: &str) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.into_iter().any(|line| {
        // A tag may have a comma in it; ours never has, so that splitting inside a foreign one finds nothing of ours.
        line.trim() == "*" || line.split(',').map(str::trim).any(|held| held.strip_prefix("W/").unwrap_or(held) == tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lines: &[&str]) -> Response {
        let value = |line: &&str| (header::IF_NONE_MATCH, HeaderValue::from_str(line).expect("visible"));
        answer(&lines.iter().map(value).collect(), &serde_json::json!({"id": "7"}))
    }

    #[test]
    fn who_has_it_is_not_sent_it_again() {
        let first = asked(&[]);
        assert_eq!(first.status(), 200);
        let tag = first.headers()["etag"].to_str().expect("text").to_owned();
        let held = [tag.clone(), format!("W/{tag}"), format!("\"x,y\", {tag}"), "*".to_owned()];
        for line in &held {
            let second = asked(&[line]);
            assert_eq!((second.status().as_u16(), &second.headers()["etag"]), (304, &first.headers()["etag"]), "{line}");
            assert!(second.headers().get("content-type").is_none());
        }
        assert_eq!(asked(&["\"x\"", &tag]).status(), 304);
    }

    #[test]
    fn who_has_another_gets_it() {
        for line in ["\"x\"", "", "W/*", &tag(b"{}"), tag(br#"{"id":"7"}"#).trim_matches('"')] {
            assert_eq!(asked(&[line]).status(), 200, "{line}");
        }
    }
}
