//! Views and their generations: how far they are, what stopped them, and making them anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use aredvi_events::{Positions, Topic};
use aredvi_projectors::control::{Generation, State as Stage};
use aredvi_projectors::db::{Db, DbError, Durability, PoolSizes};
use aredvi_projectors::runner::{Report, Status, read_positions};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::rebuild::Work;
use super::{Operated, Operations};
use crate::extract::Path;
use crate::problem::Problem;
use crate::shapes::Time;

/// Connections to look at a generation that does not serve.
const LOOK: PoolSizes = PoolSizes { write: 1, read: 1 };

pub(super) fn routes() -> Router<Arc<Operations>> {
    Router::new().route("/v1/admin/views", get(list)).route("/v1/admin/views/{name}", get(show))
}

#[derive(Debug, Serialize)]
struct Views {
    items: Vec<ViewState>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct ViewState {
    name: &'static str,
    /// Of this program; generations of another are kept by another.
    schema_version: Option<u32>,
    topics: Vec<&'static str>,
    generations: Vec<GenerationState>,
    /// The latest rebuild or rollback that this process was asked for.
    work: Option<Work>,
}

#[derive(Debug, Serialize)]
struct GenerationState {
    n: Option<u32>,
    state: &'static str,
    schema_version: Option<u32>,
    since: Option<Time>,
    /// `running`, `waiting` for an engine, or `stopped` until an operator helps; `not here` when at most another process works on it.
    status: &'static str,
    reason: Option<String>,
    /// By `topic/partition`, the next offset to apply.
    positions: BTreeMap<String, u64>,
    lag: Option<LagState>,
    /// How much of the log, as it is now, is applied: 0 to 1.
    progress: Option<f64>,
}

#[derive(Debug, Serialize)]
struct LagState {
    events: u64,
    ms: Option<i64>,
}

/// `GET /v1/admin/views`.
async fn list(State(operations): State<Arc<Operations>>) -> Result<Json<Views>, Problem> {
    let log = Log::look(&operations).await?;
    let mut items = Vec::new();
    for operated in &operations.views {
        items.push(operations.state_of(operated, &log).await?);
    }
    items.push(operations.state_of_sessions(&log).await);
    Ok(Json(Views { items, next: None }))
}

/// `GET /v1/admin/views/{name}`.
async fn show(State(operations): State<Arc<Operations>>, Path(name): Path<String>) -> Result<Json<ViewState>, Problem> {
    let log = Log::look(&operations).await?;
    if name == aredvi_projectors::sessions::VIEW {
        return Ok(Json(operations.state_of_sessions(&log).await));
    }
    Ok(Json(operations.state_of(operations.view(&name)?, &log).await?))
}

/// The log's first and next offsets.
struct Log {
    starts: Positions,
    ends: Positions,
}

impl Log {
    async fn look(operations: &Operations) -> Result<Self, Problem> {
        let journal = &operations.deps.journal;
        let looked = tokio::try_join!(journal.starts(&Topic::ALL), journal.ends(&Topic::ALL));
        let (starts, ends) = looked.map_err(|error| Problem::unavailable().with_detail(error.to_string()))?;
        Ok(Self { starts, ends })
    }

    /// Offsets between `positions` and the end on these topics, at most as many events.
    fn behind(&self, positions: &Positions, topics: &[Topic]) -> u64 {
        self.ends.only(topics).iter().map(|(partition, end)| end.saturating_sub(positions.next(partition))).sum()
    }

    /// How much of these topics is behind `positions`.
    fn progress(&self, positions: &Positions, topics: &[Topic]) -> f64 {
        let ends = self.ends.only(topics);
        let all: u64 = ends.iter().map(|(partition, end)| end.saturating_sub(self.starts.next(partition))).sum();
        if all == 0 {
            return 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share of events is shown in per cent")]
        let left = self.behind(positions, topics) as f64 / all as f64;
        (1.0 - left).clamp(0.0, 1.0)
    }
}

impl Operations {
    async fn state_of(&self, operated: &Operated, log: &Log) -> Result<ViewState, Problem> {
        let view = &operated.view;
        let reports = self.deps.progress.of(view.name());
        let mut generations = Vec::new();
        for generation in self.deps.control.generations(view.name()).await.map_err(unavailable)? {
            let report = reports.iter().find(|report| report.generation == generation.n);
            generations.push(self.generation(operated, &generation, report, log).await?);
        }
        let topics = view.topics().iter().map(|topic| topic.name()).collect();
        let work = self.works.of(view.name());
        Ok(ViewState { name: view.name(), schema_version: Some(view.schema_version()), topics, generations, work })
    }

    async fn generation(
        &self,
        operated: &Operated,
        generation: &Generation,
        report: Option<&Report>,
        log: &Log,
    ) -> Result<GenerationState, Problem> {
        let topics = operated.view.topics();
        let positions = self.positions_of(operated, generation).await.map_err(unavailable)?;
        let (status, reason) = match report.map(|report| &report.status) {
            None => ("not here", None),
            Some(Status::Running) => ("running", None),
            Some(Status::Waiting(reason)) => ("waiting", Some(reason.clone())),
            Some(Status::Stopped(reason)) => ("stopped", Some(reason.clone())),
        };
        let serving = generation.state == Stage::Serving;
        let ms = if serving { Some(operated.reader.lag().ms) } else { report.map(|report| report.lag_ms) };
        Ok(GenerationState {
            n: Some(generation.n),
            state: generation.state.name(),
            schema_version: Some(generation.version),
            since: Some(Time(generation.since_ms)),
            status,
            reason,
            lag: positions.as_ref().map(|positions| LagState { events: log.behind(positions, topics), ms }),
            progress: positions.as_ref().map(|positions| log.progress(positions, topics)),
            positions: positions.as_ref().map(named).unwrap_or_default(),
        })
    }

    /// How far a generation is; `None` while its schema is not there.
    async fn positions_of(&self, operated: &Operated, generation: &Generation) -> Result<Option<Positions>, DbError> {
        if let Ok(pinned) = operated.reader.pin()
            && pinned.generation == generation.n
        {
            return read_positions(&pinned.db).await.map(Some);
        }
        let (view, n) = (operated.view.name(), generation.n);
        let (site, schema) = (self.deps.sites.of(view), format!("{view}_g{n}"));
        if !Db::exists(&site.write, &schema).await? {
            return Ok(None);
        }
        let db = Db::open(&site.write, None, &schema, Durability::Normal, LOOK).await?;
        let positions = read_positions(&db).await;
        db.close().await;
        // A schema that is just being made has no positions yet.
        match positions {
            Ok(positions) => Ok(Some(positions)),
            Err(_) if generation.state == Stage::Building => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The view in the cache has one generation, which is the cache's.
    async fn state_of_sessions(&self, log: &Log) -> ViewState {
        let topics = [Topic::Sessions];
        let (status, reason, positions) = match self.sessions.positions().await {
            Ok(positions) => ("running", None, Some(positions)),
            Err(error) => ("waiting", Some(error.to_string()), None),
        };
        let generation = GenerationState {
            n: None,
            state: Stage::Serving.name(),
            schema_version: None,
            since: None,
            status,
            reason,
            lag: positions.as_ref().map(|positions| LagState { events: log.behind(positions, &topics), ms: None }),
            progress: positions.as_ref().map(|positions| log.progress(positions, &topics)),
            positions: positions.as_ref().map(named).unwrap_or_default(),
        };
        ViewState {
            name: aredvi_projectors::sessions::VIEW,
            schema_version: None,
            topics: topics.iter().map(|topic| topic.name()).collect(),
            generations: vec![generation],
            work: None,
        }
    }
}

fn named(positions: &Positions) -> BTreeMap<String, u64> {
    positions.iter().map(|(partition, next)| (partition.to_string(), next)).collect()
}

fn unavailable(error: DbError) -> Problem {
    Problem::unavailable().with_detail(error.chain())
}
