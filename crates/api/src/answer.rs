//! Answers with their headers: how fresh they are, where a write stands, what to revalidate by.

use aredvi_events::{JournalId, Positions};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::headers::{LAG_MS, POSITION, STALE};
use crate::problem::Problem;

/// What most lists have room in, bytes: they are written without being moved.
const ROOM_FOR_A_LIST: usize = 24 * 1024;

/// What a reader is told of the age of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freshness {
    /// It may lack what the reader waits for.
    pub stale: bool,
    /// Behind the log, milliseconds.
    pub lag_ms: i64,
}

impl Freshness {
    /// Writes the headers.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert(LAG_MS, HeaderValue::from(self.lag_ms.max(0)));
        if self.stale {
            headers.insert(STALE, HeaderValue::from_static("true"));
        }
    }
}

/// An answer to a read of a list.
pub fn read<T: Serialize>(freshness: Freshness, body: T) -> Response {
    let mut json = Vec::with_capacity(ROOM_FOR_A_LIST);
    let mut response = match serde_json::to_writer(&mut json, &body) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            Problem::internal().into_response()
        }
    };
    freshness.write(response.headers_mut());
    response
}

/// An answer to a read of one resource: 304 when the reader has it.
pub fn read_one<T: Serialize>(freshness: Freshness, request: &HeaderMap, body: T) -> Response {
    let mut response = crate::etag::answer(request, &body);
    freshness.write(response.headers_mut());
    response
}

/// An answer to a write: the position, and the body unless it is empty.
pub fn written<T: Serialize>(status: StatusCode, journal: JournalId, positions: &Positions, body: T) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    position(&mut response, journal, positions);
    response
}

/// An answer to a write that has nothing to show.
pub fn done(status: StatusCode, journal: JournalId, positions: &Positions) -> Response {
    let mut response = status.into_response();
    position(&mut response, journal, positions);
    response
}

/// Says where the new resource is.
pub fn located(mut response: Response, location: &str) -> Response {
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn position(response: &mut Response, journal: JournalId, positions: &Positions) {
    if let Ok(token) = HeaderValue::from_str(&positions.encode(journal)) {
        response.headers_mut().insert(POSITION, token);
    }
}
