//! Server-sent events (HTML Living Standard, section 9.2): frames of JSON, each with an opaque id, and a comment while
//! nothing happens.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde::Serialize;

use crate::cursor::MAX_CURSOR_CHARS;
use crate::headers;

/// How often a comment shows that the stream is alive.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client waits before it connects again.
pub const RECONNECT: Duration = Duration::from_secs(2);

/// What a stream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A new story.
    Story,
    /// A story's object, comment or counts changed.
    StoryChanged,
    /// A story is gone or not visible any more.
    StoryRemoved,
    /// A new notification.
    Notification,
    /// Another number of unread notifications.
    NotificationCount,
    /// What was missed cannot be told: fetch again.
    Reset,
}

impl Name {
    /// As it stands in `event:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Story => "story",
            Self::StoryChanged => "story_changed",
            Self::StoryRemoved => "story_removed",
            Self::Notification => "notification",
            Self::NotificationCount => "notification_count",
            Self::Reset => "reset",
        }
    }
}

/// One frame. `id` must be base64url, as [`Cursors`](crate::cursor::Cursors) make it; another is left out.
///
/// # Errors
/// When `data` cannot be written as JSON.
pub fn frame(name: Name, id: &str, data: &impl Serialize) -> Result<Event, serde_json::Error> {
    let frame = Event::default().event(name.as_str()).data(serde_json::to_string(data)?);
    Ok(if usable(id) { frame.id(id) } else { frame })
}

/// The first frame: how long to wait before connecting again, and the id to resume from if nothing else comes.
pub fn opening(id: &str) -> Event {
    let opening = Event::default().retry(RECONNECT);
    if usable(id) { opening.id(id) } else { opening }
}

/// Answers a stream of frames, which proxies must neither keep nor change.
pub fn answer(frames: impl Stream<Item = Event> + Send + 'static) -> Response {
    kept_alive(frames, KEEP_ALIVE)
}

fn kept_alive(frames: impl Stream<Item = Event> + Send + 'static, interval: Duration) -> Response {
    let frames = futures_util::StreamExt::map(frames, Ok::<_, Infallible>);
    let mut response = Sse::new(frames).keep_alive(KeepAlive::new().interval(interval)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The id of the last event that the client has, if it says one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEventId(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.headers.get(headers::LAST_EVENT_ID).and_then(|id| id.to_str().ok());
        Ok(Self(id.filter(|id| !id.is_empty()).map(str::to_owned)))
    }
}

/// A line break in an id would end the frame.
fn usable(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_CURSOR_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn streamed(frames: Vec<Event>) -> (Response<()>, String) {
        let (parts, body) = answer(futures_util::stream::iter(frames)).into_parts();
        let bytes = body.collect().await.expect("body").to_bytes();
        (Response::from_parts(parts, ()), String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn frames_are_written_as_event_data_and_id() {
        let story = frame(Name::Story, "AbC-_9", &serde_json::json!({"body": "a\nb"})).expect("json");
        let (response, body) = streamed(vec![opening("AbC"), story]).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert_eq!(body, "retry: 2000\nid: AbC\n\nevent: story\ndata: {\"body\":\"a\\nb\"}\nid: AbC-_9\n\n");
    }

    #[tokio::test]
    async fn an_id_cannot_break_out_of_its_frame() {
        let reset = frame(Name::Reset, "x\n\ndata: forged", &serde_json::json!({})).expect("json");
        assert_eq!(streamed(vec![reset]).await.1, "event: reset\ndata: {}\n\n");
    }

    #[tokio::test]
    async fn a_quiet_stream_shows_that_it_is_alive() {
        let mut body = kept_alive(futures_util::stream::pending(), Duration::from_millis(1)).into_body();
        let comment = body.frame().await.expect("a frame").expect("no error").into_data().expect("data");
        assert_eq!(comment.as_ref(), b":\n\n");
    }
}
