//! JSON bodies.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::problem::{FieldError, Problem};

/// The most bytes of a JSON body.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The most characters of a deserialiser's words that are passed on.
const MAX_DETAIL_CHARS: usize = 200;

/// A JSON body, read or answered. Unknown fields are ignored.
///
/// # Errors
/// 415 for another content type, 413 over [`MAX_BODY_BYTES`], 400 when it is no JSON, 422 with a pointer when a part has
/// the wrong type.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = body(request).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The bytes of a JSON body, for those who also hash them.
///
/// # Errors
/// 415, 413, 400 as [`Json`].
pub async fn body(request: Request) -> Result<bytes::Bytes, Problem> {
    body_within(MAX_BODY_BYTES, request).await
}

/// The bytes of a JSON body of another bound.
///
/// # Errors
/// As [`body`].
pub async fn body_within(max_bytes: usize, request: Request) -> Result<bytes::Bytes, Problem> {
    if !says_json(request.headers()) {
        return Err(Problem::unsupported_media_type());
    }
    if declared_length(request.headers()).is_some_and(|length| length > max_bytes as u64) {
        return Err(Problem::payload_too_large());
    }
    whole_within(max_bytes, request.into_body()).await
}

/// All bytes of a body.
///
/// # Errors
/// 413 over [`MAX_BODY_BYTES`], 400 when it ends early.
pub async fn whole(body: Body) -> Result<bytes::Bytes, Problem> {
    whole_within(MAX_BODY_BYTES, body).await
}

async fn whole_within(max_bytes: usize, body: Body) -> Result<bytes::Bytes, Problem> {
    to_bytes(body, max_bytes).await.map_err(|error| {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if error.is::<http_body_util::LengthLimitError>() {
                return Problem::payload_too_large();
            }
            cause = error.source();
        }
        Problem::incomplete_body()
    })
}

/// Reads a JSON text.
///
/// # Errors
/// 400 when it is no JSON, 422 with a pointer when a part has the wrong type.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A derived struct would take an array for its fields in order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|_| Problem::malformed_json())?;
        return Err(FieldError::new("", "wrong-type", "expected an object").into());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| refusal(error.path(), error.inner()))?;
    deserializer.end().map_err(|_| Problem::malformed_json())?;
    Ok(value)
}

fn refusal(path: &Path, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::malformed_json();
    }
    let words = error.to_string();
    let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
    let mut pointer = pointer(path);
    if let Some(field) = words.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        push_segment(&mut pointer, field);
        return FieldError::new(pointer, "missing", "is required").into();
    }
    // The words in front quote what was sent, which may be long or secret.
    let detail: String = match words.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => words.chars().take(MAX_DETAIL_CHARS).collect(),
    };
    FieldError::new(pointer, "wrong-type", detail).into()
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => push_segment(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_segment(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}

/// `application/json` or `application/*+json`, whatever parameters follow.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Note {
        body: String,
        #[serde(default)]
        tags: Vec<Tag>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Tag {
        #[serde(rename = "a/b")]
        name: u8,
    }

    async fn sent(content_type: &str, body: impl Into<Body>) -> Result<Note, Problem> {
        let request = Request::post("/").header("content-type", content_type).body(body.into()).expect("request");
        Json::from_request(request, &()).await.map(|Json(note)| note)
    }

    fn fault(result: Result<Note, Problem>) -> (u16, String, &'static str, String) {
        let problem = result.expect_err("refused");
        let error = problem.errors.first().cloned().expect("a field");
        (problem.status.as_u16(), error.pointer.into_owned(), error.code, error.detail.into_owned())
    }

    #[tokio::test]
    async fn unknown_fields_are_ignored() {
        let note = sent("application/json; charset=utf-8", r#"{"body":"hi","colour":7}"#).await;
        assert_eq!(note, Ok(Note { body: "hi".to_owned(), tags: Vec::new() }));
        assert!(sent("application/merge-patch+json", r#"{"body":"hi"}"#).await.is_ok());
    }

    #[tokio::test]
    async fn a_wrong_type_is_pointed_at() {
        let wrong = |pointer: &str, detail: &str| (422, pointer.to_owned(), "wrong-type", detail.to_owned());
        assert_eq!(fault(sent("application/json", r#"{"body":7}"#).await), wrong("/body", "expected a string"));
        let nested = sent("application/json", r#"{"body":"","tags":[{"a/b":1},{"a/b":"secret, expected x"}]}"#).await;
        assert_eq!(fault(nested), wrong("/tags/1/a~1b", "expected u8"));
        assert_eq!(fault(sent("application/json", "[").await.or(sent("application/json", "[]").await)).1, "");
        let missing = (422, "/body".to_owned(), "missing", "is required".to_owned());
        assert_eq!(fault(sent("application/json", "{}").await), missing);
    }

    #[tokio::test]
    async fn what_is_no_json_is_malformed() {
        for body in ["", "{", "{}x", "\u{1}", "{\"body\":\"\u{0}\"}"] {
            let problem = sent("application/json", body).await.expect_err("refused");
            // A document that is whole but lacks a field is told the field before what follows it.
            let expected = if body == "{}x" { "invalid" } else { "malformed-json" };
            assert_eq!(problem.code, expected, "{body}");
        }
        assert_eq!(sent("application/json", r#"{"body":"a"} {}"#).await, Err(Problem::malformed_json()));
        assert_eq!(sent("application/json", vec![b'"', 0xff, b'"']).await.map_err(|p| p.status.as_u16()), Err(400));
        let deep = format!("{{\"body\":\"\",\"x\":{}", "[".repeat(100_000));
        assert_eq!(sent("application/json", deep).await, Err(Problem::malformed_json()));
    }

    #[tokio::test]
    async fn another_type_or_none_is_unsupported() {
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "json", ""] {
            assert_eq!(sent(content_type, "{}").await, Err(Problem::unsupported_media_type()), "{content_type}");
        }
        let request = Request::post("/").body(Body::from("{}")).expect("request");
        assert_eq!(Json::<Note>::from_request(request, &()).await.err(), Some(Problem::unsupported_media_type()));
    }

    #[tokio::test]
    async fn a_body_over_the_bound_is_refused_whether_declared_or_not() {
        let large = " ".repeat(MAX_BODY_BYTES + 1);
        assert_eq!(sent("application/json", large.clone()).await, Err(Problem::payload_too_large()));
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(large)]);
        assert_eq!(sent("application/json", Body::from_stream(pieces)).await, Err(Problem::payload_too_large()));
        let broken = futures_util::stream::iter([Err::<String, _>(std::io::Error::other("gone"))]);
        assert_eq!(sent("application/json", Body::from_stream(broken)).await, Err(Problem::incomplete_body()));
    }
}
