//! The operators' API: health, metrics, views and their generations, parked events, people, service tokens, seals.
//!
//! Whoever reaches it may do everything: it knows no sign-in, and stands on listeners of its own, never on the public one.
//! Opening seals alone asks for a service token, so that a proxy may let other programs at that one path.

mod health;
pub mod metrics;
pub mod parked;
pub mod people;
pub mod rebuild;
pub mod seals;
pub mod settled;
pub mod tokens;
pub mod views;
pub mod webhooks;

use std::sync::Arc;

use aredvi_projectors::facts::Facts;
use aredvi_projectors::runner::{Deps, ViewReader};
use aredvi_projectors::sessions::Sessions;
use aredvi_projectors::view::View;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;

use crate::problem::{self, Problem};
use crate::serve::healthy;
use rebuild::Works;
use settled::Follows;

/// What operators may ask of one process.
pub struct Operations {
    /// Where its REST API is reached; `None` when it has none.
    pub url: Option<String>,
    /// The engines behind the views.
    pub deps: Deps,
    /// Every view that a runner keeps, here or elsewhere.
    pub views: Vec<Operated>,
    /// The view that is kept in the cache.
    pub sessions: Sessions,
    /// All others that read the log: this process's own tail, the planner, the key keeper.
    pub others: Vec<Arc<dyn Follows>>,
    /// What visibility asks, where this process holds it.
    pub facts: Option<Arc<Facts>>,
    /// What is done to views.
    pub works: Works,
    /// What was counted.
    pub metrics: PrometheusHandle,
}

/// A view under an operator's hands.
pub struct Operated {
    /// The view.
    pub view: Arc<dyn View>,
    /// Reads the generation that serves.
    pub reader: ViewReader,
}

/// Which server this is.
#[derive(Debug, Serialize)]
struct Server {
    version: &'static str,
    journal: String,
    url: Option<String>,
}

impl Operations {
    /// The view of a name.
    ///
    /// # Errors
    /// 404.
    fn view(&self, name: &str) -> Result<&Operated, Problem> {
        let found = self.views.iter().find(|operated| operated.view.name() == name);
        found.ok_or_else(|| Problem::not_found().with_detail(format!("no view is called `{}`", name.escape_debug())))
    }
}

/// The routes that every process has.
pub fn routes(operations: Arc<Operations>) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/v1/admin/server", get(server))
        .route("/v1/admin/settled", get(settled::settled))
        .merge(views::routes())
        .merge(rebuild::routes())
        .merge(parked::routes())
        .merge(tokens::routes())
        .merge(seals::routes())
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(operations)
}

async fn server(State(operations): State<Arc<Operations>>) -> Json<Server> {
    Json(Server {
        version: env!("CARGO_PKG_VERSION"),
        journal: operations.deps.journal.id().to_string(),
        url: operations.url.clone(),
    })
}
