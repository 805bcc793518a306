//! Problems that no handler tells: unknown paths, wrong methods, panics.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use super::Problem;

/// The fallback of the router.
pub async fn not_found() -> Problem {
    Problem::not_found()
}

/// The fallback of every path that knows other methods; the router adds `Allow`.
pub async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}

/// The answer to a request whose handler panicked. What it panicked with is not told.
pub fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}
