//! Whether a process can do what it is there for.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Operations;
use crate::problem::Problem;

/// Its views serve, and what it holds in memory has caught up with the log.
pub async fn ready(State(operations): State<Arc<Operations>>) -> Response {
    match operations.missing() {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(what) => Problem::unavailable().with_detail(what).into_response(),
    }
}

impl Operations {
    /// What it still waits for.
    fn missing(&self) -> Option<String> {
        let facts = self.facts.as_ref().is_none_or(|facts| facts.trusted(self.deps.mint.now_ms()));
        if !facts {
            return Some("the facts have not caught up with the log".to_owned());
        }
        let view = self.views.iter().find(|operated| operated.reader.db().is_err())?;
        Some(format!("`{}` does not serve", view.view.name()))
    }
}
