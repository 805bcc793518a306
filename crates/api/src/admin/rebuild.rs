//! Making a view anew, switching, and going back. The work goes on here after the answer; `views` tells how far it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aredvi_projectors::runner::{Rebuild, RebuildError, Rebuilt, Stage};
use aredvi_projectors::view::View;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Operations;
use crate::extract::{Path, Query};
use crate::problem::Problem;

pub(super) fn routes() -> Router<Arc<Operations>> {
    Router::new()
        .route("/v1/admin/views/{name}/rebuild", post(rebuild))
        .route("/v1/admin/views/{name}/switch", post(switch))
        .route("/v1/admin/views/{name}/rollback", post(rollback))
        .route("/v1/admin/views/{name}/cancel", post(cancel))
}

/// The rebuilds and rollbacks of one process.
#[derive(Default)]
pub struct Works {
    latest: Mutex<BTreeMap<&'static str, Work>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The latest of a view since the process began.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Work {
    kind: &'static str,
    stage: &'static str,
    done: Option<u64>,
    total: Option<u64>,
    rows: Option<u64>,
    generation: Option<u32>,
    previous: Option<u32>,
    comparison: Option<String>,
    error: Option<String>,
}

impl Works {
    /// Interrupts what is in work, and waits until it has given back its leases. The same request goes on with it.
    pub async fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The latest of a view.
    pub(super) fn of(&self, view: &str) -> Option<Work> {
        self.latest().get(view).cloned()
    }

    /// Notes that something begins, unless the view has something in work.
    fn begin(&self, view: &'static str, kind: &'static str) -> Result<(), Problem> {
        let mut latest = self.latest();
        if latest.get(view).is_some_and(Work::goes_on) {
            let busy = Problem::new(StatusCode::CONFLICT, "in-work", "Something is in work on this view already.");
            return Err(busy.with_detail(format!("ask GET /v1/admin/views/{view} how far it is")));
        }
        latest.insert(view, Work::begun(kind));
        Ok(())
    }

    fn tell(&self, view: &'static str, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.latest().get_mut(view) {
            change(work);
        }
    }

    fn latest(&self) -> MutexGuard<'_, BTreeMap<&'static str, Work>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn begun(kind: &'static str) -> Self {
        Self {
            kind,
            stage: "beginning",
            done: None,
            total: None,
            rows: None,
            generation: None,
            previous: None,
            comparison: None,
            error: None,
        }
    }

    fn goes_on(&self) -> bool {
        !matches!(self.stage, "done" | "failed")
    }

    fn stands_at(&mut self, stage: Stage) {
        (self.stage, self.done, self.total, self.rows) = match stage {
            Stage::Filling { done, total } => ("filling", Some(done), Some(total), None),
            Stage::Comparing { rows } => ("comparing", None, None, Some(rows)),
            Stage::Switching => ("switching", None, None, None),
        };
    }

    fn came_to(&mut self, outcome: Result<Rebuilt, RebuildError>) {
        match outcome {
            Ok(rebuilt) => {
                self.stage = "done";
                self.generation = Some(rebuilt.generation);
                self.previous = rebuilt.previous;
                self.comparison = rebuilt.comparison.map(|comparison| comparison.to_string());
            }
            Err(error) => {
                tracing::warn!(kind = self.kind, error = %error, "it came to nothing");
                self.stage = "failed";
                self.error = Some(error.to_string());
            }
        }
    }
}

/// `?switch=`.
#[derive(Debug, Deserialize)]
struct Asked {
    switch: Option<bool>,
}

/// What is done to a view.
#[derive(Debug, Clone, Copy)]
enum Task {
    /// Fills a new generation and compares it.
    Prepare,
    /// Fills a new generation, compares it and lets it serve; `accept`: though its rows are others.
    Rebuild { accept: bool },
    /// Lets the previous generation serve again.
    Rollback,
}

/// `POST /v1/admin/views/{name}/rebuild`: fills a new generation from the log, compares it and lets it serve; or goes on
/// with one that was interrupted. With `?switch=false` the new one waits for the switch.
async fn rebuild(
    State(operations): State<Arc<Operations>>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<(StatusCode, Json<Work>), Problem> {
    let switch = asked.switch.unwrap_or(true);
    operations.begin(&name, if switch { Task::Rebuild { accept: false } } else { Task::Prepare })
}

/// `POST /v1/admin/views/{name}/switch`: lets the generation that was built serve, though its rows are others.
async fn switch(
    State(operations): State<Arc<Operations>>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Work>), Problem> {
    operations.begin(&name, Task::Rebuild { accept: true })
}

/// `POST /v1/admin/views/{name}/rollback`: lets the previous generation serve again.
async fn rollback(
    State(operations): State<Arc<Operations>>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Work>), Problem> {
    operations.begin(&name, Task::Rollback)
}

/// `POST /v1/admin/views/{name}/cancel`: gives up the generation that is being built.
async fn cancel(State(operations): State<Arc<Operations>>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let view = Arc::clone(&operations.view(&name)?.view);
    let cancelled = Rebuild::new(view, operations.deps.clone()).cancel().await;
    match cancelled {
        Ok(_) => Ok(StatusCode::ACCEPTED),
        Err(error @ RebuildError::None { .. }) => {
            let none = Problem::new(StatusCode::CONFLICT, "nothing-built", "No generation is being built.");
            Err(none.with_detail(error.to_string()))
        }
        Err(error) => Err(Problem::unavailable().with_detail(error.to_string())),
    }
}

impl Operations {
    fn begin(self: &Arc<Self>, name: &str, task: Task) -> Result<(StatusCode, Json<Work>), Problem> {
        let view = Arc::clone(&self.view(name)?.view);
        let name = view.name();
        let kind = match task {
            Task::Prepare => "preparation",
            Task::Rebuild { .. } => "rebuild",
            Task::Rollback => "rollback",
        };
        self.works.begin(name, kind)?;
        let operations = Arc::clone(self);
        self.works.tasks.spawn(async move { operations.work(view, task).await });
        Ok((StatusCode::ACCEPTED, Json(Work::begun(kind))))
    }

    async fn work(&self, view: Arc<dyn View>, task: Task) {
        let name = view.name();
        let rebuild = Rebuild::new(view, self.deps.clone());
        let tell = |stage| self.works.tell(name, |work| work.stands_at(stage));
        let outcome = match task {
            Task::Prepare => rebuild.prepare(&tell, &self.works.stop).await,
            Task::Rebuild { accept } => rebuild.rebuild(accept, &tell, &self.works.stop).await,
            Task::Rollback => rebuild.rollback().await,
        };
        self.works.tell(name, |work| work.came_to(outcome));
    }
}
