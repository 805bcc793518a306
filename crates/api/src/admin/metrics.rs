//! What was counted, as Prometheus reads it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::Operations;

/// The media type of Prometheus' text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`.
pub(super) async fn metrics(State(operations): State<Arc<Operations>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], operations.metrics.render())
}
