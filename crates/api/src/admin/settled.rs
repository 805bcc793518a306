//! Waiting until everything that follows the log has come to its end: what tests and tours do instead of sleeping.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Positions, Topic};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::Operations;
use crate::extract::Query;
use crate::problem::{FieldError, Problem};

/// How long it waits unless it is told, in seconds.
const DEFAULT_WAIT_S: u64 = 10;
/// The longest it can be told to wait, in seconds.
const MAX_WAIT_S: u64 = 120;
/// Between two looks at positions.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// An event may make others be appended: a request a verdict, a cause a notification, that a delivery. So the end is
/// looked for again when it was reached, this often at most.
const ROUNDS: usize = 5;

/// Whoever follows the log and is no view of a runner.
pub trait Follows: Send + Sync {
    /// What it is called.
    fn name(&self) -> &str;

    /// The topics that it reads.
    fn topics(&self) -> &[Topic];

    /// How far it is; `Err` with the reason when it cannot be asked.
    fn positions(&self) -> BoxFuture<'_, Result<Positions, String>>;
}

/// `?wait=`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    wait: Option<u64>,
}

/// Everything was reached.
#[derive(Debug, Serialize)]
pub(super) struct Settled {
    /// The end that was reached, as a position token.
    position: String,
}

/// `GET /v1/admin/settled?wait=N`: 200 when every serving view, this process's tail, the planner and the ledger have
/// reached the log's end as it was at the call, and the ends that this made; 503 when N seconds ran out.
pub(super) async fn settled(
    State(operations): State<Arc<Operations>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Settled>, Problem> {
    let wait = asked.wait.unwrap_or(DEFAULT_WAIT_S);
    if wait > MAX_WAIT_S {
        return Err(FieldError::new("/wait", "too-large", format!("at most {MAX_WAIT_S} seconds")).into());
    }
    let clock = operations.deps.mint.clock();
    let mut missing = String::new();
    let waited = clock.timeout(Duration::from_secs(wait), operations.settle(&mut missing)).await;
    match waited {
        Ok(end) => Ok(Json(Settled { position: end.encode(operations.deps.journal.id()) })),
        Err(_) => {
            let late = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unsettled", "Not everything has reached the log's end.");
            Err(late.with_detail(missing))
        }
    }
}

impl Operations {
    /// Waits for ever; `missing` says meanwhile for what.
    async fn settle(&self, missing: &mut String) -> Positions {
        let mut reached = Positions::new();
        for _ in 0..ROUNDS {
            let end = self.end(missing).await;
            if end == reached {
                break;
            }
            let mut waiting: Vec<Follower<'_>> = self.followers().collect();
            while !waiting.is_empty() {
                let mut left = Vec::new();
                for follower in waiting {
                    match follower.lacks(&end).await {
                        None => {}
                        Some(lacks) => {
                            if left.is_empty() {
                                *missing = lacks;
                            }
                            left.push(follower);
                        }
                    }
                }
                waiting = left;
                if !waiting.is_empty() {
                    self.deps.mint.clock().sleep(LOOK_EVERY).await;
                }
            }
            reached = end;
        }
        reached
    }

    async fn end(&self, missing: &mut String) -> Positions {
        loop {
            match self.deps.journal.ends(&Topic::ALL).await {
                Ok(end) => return end,
                Err(error) => *missing = format!("the log's end: {error}"),
            }
            self.deps.mint.clock().sleep(LOOK_EVERY).await;
        }
    }

    fn followers(&self) -> impl Iterator<Item = Follower<'_>> {
        let views = self.views.iter().map(|operated| Follower::View(&operated.reader));
        let sessions = std::iter::once(Follower::Sessions(&self.sessions));
        views.chain(sessions).chain(self.others.iter().map(|other| Follower::Other(&**other)))
    }
}

enum Follower<'a> {
    View(&'a aredvi_projectors::runner::ViewReader),
    Sessions(&'a aredvi_projectors::sessions::Sessions),
    Other(&'a dyn Follows),
}

impl Follower<'_> {
    /// What it lacks of `end`, in words.
    async fn lacks(&self, end: &Positions) -> Option<String> {
        let (name, topics, positions) = match self {
            Self::View(reader) => (reader.view(), reader.topics(), reader.positions().await.map_err(|error| error.to_string())),
            Self::Sessions(sessions) => {
                let positions = sessions.positions().await.map_err(|error| error.to_string());
                (aredvi_projectors::sessions::VIEW, &[Topic::Sessions][..], positions)
            }
            Self::Other(other) => (other.name(), other.topics(), other.positions().await),
        };
        let positions = match positions {
            Err(reason) => return Some(format!("{name}: {reason}")),
            Ok(positions) => positions,
        };
        let end = end.only(topics);
        let behind = end.iter().find(|&(partition, next)| positions.next(partition) < next)?;
        let (partition, next) = behind;
        Some(format!("{name} is at {} of {next} on {partition}", positions.next(partition)))
    }
}
