//! The route: `GET /trending`, as anybody may ask who is not signed in.

use std::sync::Arc;

use aredvi_events::Clock;
use aredvi_projectors::facts::Facts;
use aredvi_projectors::runner::ViewReader;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::queries;

/// What an answer is made of.
pub struct Shown {
    /// Reads the generation of the view that serves, also while another one is built.
    pub reader: ViewReader,
    /// What visibility asks.
    pub facts: Arc<Facts>,
    /// What "these days" is counted back from.
    pub clock: Clock,
}

/// `{"items": ["river", "lake"]}`, the most used first.
#[derive(Debug, Serialize)]
struct Answer {
    items: Vec<String>,
}

/// The routes of this view.
pub fn routes(shown: Arc<Shown>) -> Router {
    Router::new().route("/trending", get(trending)).with_state(shown)
}

async fn trending(State(shown): State<Arc<Shown>>) -> Result<Json<Answer>, StatusCode> {
    // No generation serves yet, or the database is away: the same to whoever asks.
    let db = shown.reader.db().map_err(|error| unavailable(&error))?;
    let items = queries::trending(&db, &shown.facts, None, shown.clock.now_ms()).await.map_err(|error| unavailable(&error))?;
    Ok(Json(Answer { items }))
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> StatusCode {
    tracing::warn!(error, "trending hashtags cannot be told");
    StatusCode::SERVICE_UNAVAILABLE
}
