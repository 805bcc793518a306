//! Events that views could not apply: look, apply again, give up.

use std::sync::Arc;

use aredvi_events::{Partition, Place, Record, Topic, codec};
use aredvi_projectors::runner::{Parked, Parking, ParkingError};
use aredvi_projectors::sessions;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Operations;
use crate::extract::{Path, Query};
use crate::problem::{FieldError, Problem};
use crate::shapes::Time;

/// Events of one page, unless it is told.
const DEFAULT_LIMIT: usize = 20;
/// The most events of one page.
const MAX_LIMIT: usize = 100;

pub(super) fn routes() -> Router<Arc<Operations>> {
    Router::new()
        .route("/v1/admin/parked", get(list))
        .route("/v1/admin/parked/{view}/{event}", get(show))
        .route("/v1/admin/parked/{view}/{event}/retry", post(retry))
        .route("/v1/admin/parked/{view}/{event}/drop", post(drop_event))
}

/// `?view=&limit=&cursor=`.
#[derive(Debug, Deserialize)]
struct Asked {
    view: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    items: Vec<Item>,
    next: Option<String>,
}

/// A parked event; nothing of its content.
#[derive(Debug, Serialize)]
struct Item {
    view: String,
    event: Option<String>,
    r#type: Option<String>,
    topic: &'static str,
    partition: u32,
    offset: u64,
    key: Option<String>,
    reason: String,
    parked_at: Option<Time>,
}

#[derive(Debug, Serialize)]
struct Retried {
    generations: Vec<RetriedIn>,
}

#[derive(Debug, Serialize)]
struct RetriedIn {
    generation: u32,
    applied: usize,
    fault: Option<String>,
}

impl Item {
    fn of(view: &str, parked: Parked) -> Self {
        let Place { partition, offset } = parked.stored.place;
        Self {
            view: view.to_owned(),
            event: Some(parked.event.to_string()),
            r#type: type_of(&parked.stored.record),
            topic: partition.topic.name(),
            partition: partition.number,
            offset,
            key: Some(parked.stored.record.key),
            reason: parked.reason,
            parked_at: Some(Time(parked.parked_ms)),
        }
    }

    fn of_sessions(parked: sessions::Parked) -> Self {
        Self {
            view: sessions::VIEW.to_owned(),
            event: parked.event,
            r#type: None,
            topic: Topic::Sessions.name(),
            partition: parked.partition,
            offset: parked.offset,
            key: None,
            reason: parked.reason,
            parked_at: None,
        }
    }

    fn place(&self) -> String {
        format!("{} {} {} {}", self.view, self.topic, self.partition, self.offset)
    }
}

/// `GET /v1/admin/parked`: what the serving generations have parked, by view and place.
async fn list(State(operations): State<Arc<Operations>>, Query(asked): Query<Asked>) -> Result<Json<Listed>, Problem> {
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let cursor = asked.cursor.as_deref().map(after).transpose()?;
    if let Some(name) = asked.view.as_deref()
        && name != sessions::VIEW
    {
        operations.view(name)?;
    }
    let asked_for = |name: &str| asked.view.as_deref().is_none_or(|view| view == name);
    let (mut items, mut passed) = (Vec::new(), cursor.is_none());
    for operated in &operations.views {
        let name = operated.view.name();
        let here = cursor.as_ref().filter(|(view, _)| view == name).map(|(_, place)| *place);
        passed |= here.is_some();
        if passed && asked_for(name) && items.len() <= limit {
            let parking = Parking::new(Arc::clone(&operated.view), operations.deps.clone());
            match parking.list(here, limit + 1 - items.len()).await {
                Ok(found) => items.extend(found.into_iter().map(|parked| Item::of(name, parked))),
                // A view that does not serve has parked nothing that can be listed; `views` says that it does not serve.
                Err(ParkingError::NotServing(_)) => {}
                Err(error) => return Err(refused(&error)),
            }
        }
    }
    if asked_for(sessions::VIEW) && items.len() <= limit {
        let from = cursor.as_ref().filter(|(view, _)| view == sessions::VIEW).map(|(_, place)| *place);
        items.extend(of_sessions(&operations, from).await?);
    }
    let next = (items.len() > limit).then(|| items[limit - 1].place());
    items.truncate(limit);
    Ok(Json(Listed { items, next }))
}

/// `GET /v1/admin/parked/{view}/{event}`.
async fn show(
    State(operations): State<Arc<Operations>>,
    Path((view, event)): Path<(String, Uuid)>,
) -> Result<Json<Item>, Problem> {
    if view == sessions::VIEW {
        let shown = operations.sessions.show_parked(&operations.deps.journal, event).await;
        let (parked, record) = shown.map_err(|error| refused(&error))?;
        return Ok(Json(Item { r#type: type_of(&record), key: Some(record.key), ..Item::of_sessions(parked) }));
    }
    let parked = parking(&operations, &view)?.show(event).await.map_err(|error| refused(&error))?;
    Ok(Json(Item::of(&view, parked)))
}

/// `POST /v1/admin/parked/{view}/{event}/retry`: all parked events of its key, in order.
async fn retry(
    State(operations): State<Arc<Operations>>,
    Path((view, event)): Path<(String, Uuid)>,
) -> Result<Json<Retried>, Problem> {
    if view == sessions::VIEW {
        let says = "`sessions` retries no single event: it is made anew, from the whole log, by emptying Redis";
        return Err(FieldError::new("/view", "not-retried", says).into());
    }
    let released = parking(&operations, &view)?.retry(event).await.map_err(|error| refused(&error))?;
    let generations = released
        .into_iter()
        .map(|(generation, released)| RetriedIn { generation, applied: released.applied, fault: released.fault })
        .collect();
    Ok(Json(Retried { generations }))
}

/// `POST /v1/admin/parked/{view}/{event}/drop`: 202, the projectors obey when they come to it.
async fn drop_event(
    State(operations): State<Arc<Operations>>,
    Path((view, event)): Path<(String, Uuid)>,
) -> Result<StatusCode, Problem> {
    match view == sessions::VIEW {
        true => operations.sessions.drop_parked(&operations.deps, event).await,
        false => parking(&operations, &view)?.drop(event).await.map(drop),
    }
    .map_err(|error| refused(&error))?;
    Ok(StatusCode::ACCEPTED)
}

fn type_of(record: &Record) -> Option<String> {
    codec::header(record, "ce_type").map(str::to_owned)
}

fn parking(operations: &Operations, view: &str) -> Result<Parking, Problem> {
    let operated = operations.view(view)?;
    Ok(Parking::new(Arc::clone(&operated.view), operations.deps.clone()))
}

async fn of_sessions(operations: &Operations, after: Option<Place>) -> Result<Vec<Item>, Problem> {
    let mut items = Vec::new();
    for partition in Partition::all(&[Topic::Sessions]) {
        let found = operations.sessions.parked(partition.number).await;
        let found = found.map_err(|error| Problem::unavailable().with_detail(error.to_string()))?;
        let later = |offset| after.is_none_or(|after| Place { partition, offset } > after);
        items.extend(found.into_iter().filter(|parked| later(parked.offset)).map(Item::of_sessions));
    }
    Ok(items)
}

/// What [`Item::place`] wrote.
fn after(cursor: &str) -> Result<(String, Place), Problem> {
    let read = || {
        let mut parts = cursor.split(' ');
        let (view, topic) = (parts.next()?, parts.next()?.parse::<Topic>().ok()?);
        let (number, offset) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((view.to_owned(), Place { partition: Partition { topic, number }, offset }))
    };
    read().ok_or_else(|| FieldError::new("/cursor", "malformed", "not a cursor of this list").into())
}

fn refused(error: &ParkingError) -> Problem {
    match error {
        ParkingError::NotParked { .. } => Problem::not_found().with_detail(error.to_string()),
        ParkingError::Behind { .. } => Problem::behind_another().with_detail(error.to_string()),
        ParkingError::NotServing(_)
        | ParkingError::NotApplied(_)
        | ParkingError::Db(_)
        | ParkingError::Cache(_)
        | ParkingError::Append(_)
        | ParkingError::Read(_)
        | ParkingError::Encode(_) => Problem::unavailable().with_detail(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_the_place_of_the_last_item() {
        let item = Item {
            view: "media".to_owned(),
            event: None,
            r#type: None,
            topic: Topic::Media.name(),
            partition: 7,
            offset: 99,
            key: None,
            reason: String::new(),
            parked_at: None,
        };
        let place = Place { partition: Partition { topic: Topic::Media, number: 7 }, offset: 99 };
        assert_eq!(after(&item.place()), Ok(("media".to_owned(), place)));
        for cursor in ["", "media", "media media 7", "media nonsense 7 9", "media media x 9"] {
            assert!(after(cursor).is_err(), "{cursor}");
        }
    }
}
