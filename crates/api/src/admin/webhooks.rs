//! Webhooks under an operator's hands. The routes of processes that know where events may be sent; nothing here sends.

use std::sync::Arc;

use aredvi_events::clock::rfc3339;
use aredvi_events::{JournalId, Mint, Topic};
use aredvi_projectors::webhooks::{
    Change, Delivery, Endpoint, Guard, New, Queued, Subscription, SubscriptionError, Webhooks, message_id,
};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::extract::{Json, Path, Query};
use crate::problem::{FieldError, Problem};
use crate::shapes::Time;

/// Deliveries of one page, unless it is told.
const DEFAULT_LIMIT: u64 = 20;
/// The most deliveries of one page.
const MAX_LIMIT: u64 = 100;
/// The most types that one webhook names.
const MAX_TYPES: usize = 50;

/// What operators may do to webhooks in this process.
pub struct Desk {
    /// The subscriptions.
    pub webhooks: Webhooks,
    /// Where events may be sent.
    pub guard: Guard,
    /// Ids and the clock.
    pub mint: Mint,
    /// Which log it is.
    pub journal: JournalId,
}

/// The routes.
pub fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/admin/webhooks", get(list).post(add))
        .route("/v1/admin/webhooks/{id}", get(show).patch(change).delete(remove))
        .route("/v1/admin/webhooks/{id}/test", post(test))
        .route("/v1/admin/webhooks/{id}/rotate-secret", post(rotate))
        .route("/v1/admin/webhooks/{id}/deliveries", get(deliveries))
        .with_state(desk)
}

#[derive(Debug, Deserialize)]
struct Asked {
    url: String,
    topics: Vec<String>,
    #[serde(default)]
    types: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Changed {
    url: Option<String>,
    topics: Option<Vec<String>>,
    types: Option<Vec<String>>,
    enabled: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Listed {
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    id: Uuid,
    url: String,
    topics: Vec<&'static str>,
    types: Vec<String>,
    enabled: bool,
    disabled_because: Option<String>,
    made_at: Time,
    failing_since: Option<Time>,
    dropped: u64,
    /// Shown when it is made, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PageAsked {
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct Deliveries {
    items: Vec<DeliveryItem>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct DeliveryItem {
    id: String,
    event: Uuid,
    r#type: String,
    state: &'static str,
    attempts: u32,
    answer: Option<String>,
    queued_at: Time,
    next_attempt: Option<Time>,
    ended_at: Option<Time>,
}

#[derive(Debug, Serialize)]
struct Tried {
    id: String,
    event: Uuid,
}

impl Item {
    fn of(one: Subscription) -> Self {
        Self {
            id: one.id,
            url: one.url,
            topics: one.topics.iter().map(|topic| topic.name()).collect(),
            types: one.types,
            enabled: one.enabled,
            disabled_because: one.reason,
            made_at: Time(one.made_at),
            failing_since: one.failing_since.map(Time),
            dropped: one.dropped,
            secret: None,
        }
    }

    fn with_secret(one: Subscription) -> Self {
        let secret = one.secrets.first().map(|secret| secret.text().to_string());
        Self { secret, ..Self::of(one) }
    }
}

impl DeliveryItem {
    fn of(subscription: Uuid, one: Delivery) -> Self {
        Self {
            id: message_id(subscription, one.event),
            event: one.event,
            r#type: one.event_type,
            state: one.state.name(),
            attempts: one.attempts,
            answer: one.answer,
            queued_at: Time(one.queued_at),
            next_attempt: one.next_attempt.map(Time),
            ended_at: one.ended_at.map(Time),
        }
    }
}

/// `GET /v1/admin/webhooks`: all there are, in the order of their making.
async fn list(State(desk): State<Arc<Desk>>) -> Result<Json<Listed>, Problem> {
    let all = desk.webhooks.subscriptions().await.map_err(|error| refused(&error))?;
    Ok(Json(Listed { items: all.into_iter().map(Item::of).collect() }))
}

/// `POST /v1/admin/webhooks`: it begins at the end of the log; the answer holds the secret.
async fn add(State(desk): State<Arc<Desk>>, Json(asked): Json<Asked>) -> Result<(StatusCode, Json<Item>), Problem> {
    let new = New { url: desk.address(&asked.url).await?, topics: topics(&asked.topics)?, types: types(asked.types)? };
    let made = desk.webhooks.subscribe(new).await.map_err(|error| refused(&error))?;
    Ok((StatusCode::CREATED, Json(Item::with_secret(made))))
}

/// `GET /v1/admin/webhooks/{id}`.
async fn show(State(desk): State<Arc<Desk>>, Path(id): Path<Uuid>) -> Result<Json<Item>, Problem> {
    Ok(Json(Item::of(desk.one(id).await?)))
}

/// `PATCH /v1/admin/webhooks/{id}`.
async fn change(State(desk): State<Arc<Desk>>, Path(id): Path<Uuid>, Json(asked): Json<Changed>) -> Result<Json<Item>, Problem> {
    let url = match asked.url {
        Some(url) => Some(desk.address(&url).await?),
        None => None,
    };
    let change = Change {
        url,
        topics: asked.topics.as_deref().map(topics).transpose()?,
        types: asked.types.map(types).transpose()?,
        enabled: asked.enabled,
    };
    let changed = desk.webhooks.change(id, change).await.map_err(|error| refused(&error))?;
    changed.map(|one| Json(Item::of(one))).ok_or_else(Problem::not_found)
}

/// `DELETE /v1/admin/webhooks/{id}`.
async fn remove(State(desk): State<Arc<Desk>>, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    let there = desk.webhooks.unsubscribe(id).await.map_err(|error| refused(&error.into()))?;
    if there { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

/// `POST /v1/admin/webhooks/{id}/test`: the notifier sends a `webhook.test`; what came of it stands in `…/deliveries`.
async fn test(State(desk): State<Arc<Desk>>, Path(id): Path<Uuid>) -> Result<(StatusCode, Json<Tried>), Problem> {
    let one = desk.one(id).await?;
    if !one.enabled {
        return Err(FieldError::new("/id", "disabled", "enable it first").into());
    }
    let event = desk.mint.event_id();
    let subject = event.to_string();
    let body = json!({
        "specversion": "1.0",
        "id": event,
        "type": TEST,
        "source": format!("urn:aredvi:{}", desk.journal),
        "subject": subject,
        "time": rfc3339(desk.mint.now_ms()),
        "datacontenttype": "application/json",
        "data": {"webhook": id},
    });
    let queued =
        Queued { subscription: id, event, topic: None, subject, offset: 0, event_type: TEST.to_owned(), body: body.to_string() };
    desk.webhooks.enqueue_try(queued).await.map_err(|error| refused(&error.into()))?;
    Ok((StatusCode::ACCEPTED, Json(Tried { id: message_id(id, event), event })))
}

/// What a try's event is called.
const TEST: &str = "webhook.test";

/// `POST /v1/admin/webhooks/{id}/rotate-secret`: the answer holds the new one; for a day both sign.
async fn rotate(State(desk): State<Arc<Desk>>, Path(id): Path<Uuid>) -> Result<Json<Item>, Problem> {
    let rotated = desk.webhooks.rotate(id).await.map_err(|error| refused(&error))?;
    rotated.map(|one| Json(Item::with_secret(one))).ok_or_else(Problem::not_found)
}

/// `GET /v1/admin/webhooks/{id}/deliveries`: the newest first.
async fn deliveries(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<Uuid>,
    Query(asked): Query<PageAsked>,
) -> Result<Json<Deliveries>, Problem> {
    desk.one(id).await?;
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let before = asked.cursor.as_deref().map(before).transpose()?;
    let found = desk.webhooks.deliveries(id, before, limit + 1).await;
    let mut found = found.map_err(|error| refused(&error.into()))?;
    let more = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = found.last().filter(|_| more).map(|last| format!("{}_{}", last.queued_at, last.event.simple()));
    Ok(Json(Deliveries { items: found.into_iter().map(|one| DeliveryItem::of(id, one)).collect(), next }))
}

impl Desk {
    /// An address that may be sent to, as far as can be told now; it is asked again at every connection.
    async fn address(&self, url: &str) -> Result<String, Problem> {
        let fault = |code, detail: String| Problem::from(FieldError::new("/url", code, detail));
        let endpoint = Endpoint::read(url, self.guard.allow_http).map_err(|error| fault("not-allowed", error.to_string()))?;
        self.guard.addresses(&endpoint).await.map_err(|refused| fault(refused.code(), refused.to_string()))?;
        Ok(endpoint.to_string())
    }

    async fn one(&self, id: Uuid) -> Result<Subscription, Problem> {
        self.webhooks.subscription(id).await.map_err(|error| refused(&error))?.ok_or_else(Problem::not_found)
    }
}

fn topics(names: &[String]) -> Result<Vec<Topic>, Problem> {
    let mut topics = Vec::new();
    for name in names {
        let unknown = || FieldError::new("/topics", "unknown", format!("no topic is called `{}`", name.escape_debug()));
        let topic = name.parse().map_err(|_| unknown())?;
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    Ok(topics)
}

fn types(mut types: Vec<String>) -> Result<Vec<String>, Problem> {
    types.sort();
    types.dedup();
    if types.len() > MAX_TYPES {
        return Err(FieldError::new("/types", "too-many", format!("at most {MAX_TYPES}")).into());
    }
    Ok(types)
}

/// What [`deliveries`] wrote as `next`.
fn before(cursor: &str) -> Result<(i64, Uuid), Problem> {
    let read = || {
        let (at, event) = cursor.split_once('_')?;
        Some((at.parse().ok()?, Uuid::try_parse(event).ok()?))
    };
    read().ok_or_else(Problem::bad_cursor)
}

fn refused(error: &SubscriptionError) -> Problem {
    match error {
        SubscriptionError::TooMany => FieldError::new("", "too-many", error.to_string()).into(),
        SubscriptionError::Refused(_) => FieldError::new("/topics", "refused", error.to_string()).into(),
        SubscriptionError::Db(_) | SubscriptionError::Keys(_) | SubscriptionError::Journal(_) => {
            Problem::unavailable().with_detail(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_the_last_delivery() {
        let event = Uuid::from_u128(7);
        assert_eq!(before(&format!("9_{}", event.simple())), Ok((9, event)));
        for cursor in ["", "9", "x_7", "9_x", "_"] {
            assert!(before(cursor).is_err(), "{cursor}");
        }
    }
}
