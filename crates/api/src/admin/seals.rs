//! Opening seals for consumers of the log that are no part of this program. They show a service token.
//!
//! What was opened is told to nobody else: a log line and a counter say who opened how many, and no more.

use std::collections::HashSet;
use std::sync::Arc;

use aredvi_events::{ActorId, Opened, Sealed};
use aredvi_projectors::control::{Issued, Scope, ServiceToken};
use aredvi_projectors::keys::{KeyError, Opener};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::Operations;
use super::tokens::unavailable;
use crate::extract::{By, Credential, Json, json};
use crate::problem::{FieldError, Problem};

/// Seals that one request may open.
const MAX_SEALS: usize = 500;
/// Bytes of one request: a record of the log may have half of that.
const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Requests in work at once in one process; who comes then is told to come back.
const AT_ONCE: usize = 4;

static IN_WORK: Semaphore = Semaphore::const_new(AT_ONCE);

pub(super) fn routes() -> Router<Arc<Operations>> {
    Router::new().route("/v1/admin/seals/open", post(open))
}

#[derive(Debug, Deserialize)]
struct Asked {
    items: Vec<Item>,
}

/// A seal, with the event that it was made for.
#[derive(Debug, Deserialize)]
struct Item {
    event_id: Uuid,
    sealed: Sealed,
}

#[derive(Serialize)]
struct Answer {
    items: Vec<Told>,
}

/// What came of one seal.
#[derive(PartialEq, Serialize)]
#[serde(untagged)]
enum Told {
    Text { text: String },
    Erased { erased: bool },
    Broken { error: &'static str },
}

/// `POST /v1/admin/seals/open`: what is in each seal, in the order of the question.
async fn open(State(operations): State<Arc<Operations>>, request: Request) -> Result<Response, Problem> {
    let issued = admitted(&operations, request.headers()).await?;
    let _permit = IN_WORK.try_acquire().map_err(|_| Problem::unavailable().with_detail("others are being opened"))?;
    let Asked { items } = json::parse(&json::body_within(MAX_REQUEST_BYTES, request).await?)?;
    if items.len() > MAX_SEALS {
        return Err(FieldError::new("/items", "too-many", format!("at most {MAX_SEALS}")).into());
    }
    let actors: HashSet<ActorId> = items.iter().map(|item| item.sealed.actor).collect();
    let opener = operations.deps.keys.opener_now(&actors.into_iter().collect::<Vec<_>>()).await;
    let opener = opener.map_err(|error| no_keys(&error, &items))?;
    let told: Vec<Told> = items.iter().map(|item| told(&opener, item)).collect();
    note(&issued, &told);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Answer { items: told })).into_response())
}

/// Whose token it is, when it is good and lets him open seals.
async fn admitted(operations: &Operations, headers: &HeaderMap) -> Result<Issued, Problem> {
    let shown = Credential::of(headers).filter(|credential| credential.by == By::Bearer);
    let token = shown.and_then(|shown| ServiceToken::parse(&shown.token)).ok_or_else(Problem::service_token_required)?;
    let issued = operations.deps.control.service_token(&token).await.map_err(|error| unavailable(&error))?;
    let issued = issued.ok_or_else(Problem::service_token_required)?;
    if !issued.scopes.contains(&Scope::SealsOpen) {
        let said = format!("the token `{}` has not the scope {}", issued.name, Scope::SealsOpen.name());
        return Err(Problem::not_allowed().with_detail(said));
    }
    Ok(issued)
}

fn told(opener: &Opener, item: &Item) -> Told {
    match opener.open(&item.sealed, item.event_id) {
        Ok(Opened::Text(text)) => Told::Text { text },
        Ok(Opened::Erased) => Told::Erased { erased: true },
        // Of another event, or damaged: nobody can tell which.
        Err(_) => Told::Broken { error: "broken-seal" },
    }
}

/// A key that was never made is the asker's mistake: his log and these keys are of two communities.
fn no_keys(error: &KeyError, items: &[Item]) -> Problem {
    if let KeyError::Missing(actor) = error {
        let index = items.iter().position(|item| item.sealed.actor == *actor).unwrap_or_default();
        return FieldError::new(format!("/items/{index}/sealed/k"), "unknown-key", "nobody of this id has a key here").into();
    }
    tracing::error!(error = error as &dyn std::error::Error, "seals cannot be opened");
    Problem::unavailable()
}

fn note(issued: &Issued, told: &[Told]) {
    let count = |of: fn(&Told) -> bool| told.iter().filter(|told| of(told)).count();
    let opened = count(|told| matches!(told, Told::Text { .. }));
    let erased = count(|told| matches!(told, Told::Erased { .. }));
    let broken = told.len() - opened - erased;
    for (outcome, n) in [("opened", opened), ("erased", erased), ("broken", broken)] {
        metrics::counter!("aredvi_seals_opened_total", "outcome" => outcome).increment(n as u64);
    }
    tracing::info!(
        token.name = issued.name,
        seals.opened = opened,
        seals.erased = erased,
        seals.broken = broken,
        "seals were opened"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::{DataKey, Id};
    use aredvi_projectors::keys::Key;

    const KEY: DataKey = DataKey::new([7; 32]);
    const EVENT: Uuid = Uuid::from_u128(1);

    fn actor(number: u64) -> ActorId {
        Id::new(number).expect("in range").into()
    }

    fn item(number: u64, event_id: Uuid) -> Item {
        Item { event_id, sealed: KEY.seal(actor(number), EVENT, [9; 24], "down to the river") }
    }

    #[test]
    fn each_seal_is_told_for_itself() {
        let opener = Opener::new([(actor(1), Key::Live(KEY)), (actor(2), Key::Erased)].into());
        let answers = [item(1, EVENT), item(2, EVENT), item(1, Uuid::from_u128(2))].map(|item| told(&opener, &item));
        let said = serde_json::to_string(&answers).expect("JSON");
        assert_eq!(said, r#"[{"text":"down to the river"},{"erased":true},{"error":"broken-seal"}]"#);
    }

    #[test]
    fn a_key_of_another_community_is_pointed_at() {
        let problem = no_keys(&KeyError::Missing(actor(2)), &[item(1, EVENT), item(2, EVENT)]);
        assert_eq!((problem.status.as_u16(), &*problem.errors[0].pointer), (422, "/items/1/sealed/k"));
    }
}
