//! Service tokens under an operator's hands: issuing, looking, revoking. The token itself is told once.

use std::sync::Arc;

use aredvi_projectors::control::{Issued, MAX_SERVICE_TOKENS, NotIssued, Scope, ServiceToken, UnknownScope};
use aredvi_projectors::db::DbError;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use serde::{Deserialize, Serialize};

use super::Operations;
use crate::extract::{Json, Path};
use crate::problem::{FieldError, Problem};
use crate::shapes::{Secret, Time};

/// The longest name of a token.
const MAX_NAME_CHARS: usize = 64;
/// The longest life of a token that has an end: ten years.
const MAX_DAYS: u32 = 3_650;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

pub(super) fn routes() -> Router<Arc<Operations>> {
    Router::new().route("/v1/admin/tokens", get(list).post(issue)).route("/v1/admin/tokens/{name}", delete(revoke))
}

/// A token that is asked for.
#[derive(Debug, Deserialize)]
struct Asked {
    name: String,
    scopes: Vec<String>,
    expires_in_days: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    item: Item,
    token: Secret,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    scopes: Vec<&'static str>,
    created_at: Time,
    expires_at: Option<Time>,
    expired: bool,
}

#[derive(Debug, Serialize)]
struct Listed {
    items: Vec<Item>,
    next: Option<String>,
}

impl Asked {
    fn read(self, now_ms: i64) -> Result<Issued, Problem> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.len() > MAX_NAME_CHARS || !self.name.chars().all(plain) {
            let said = format!("1 to {MAX_NAME_CHARS} of A-Z, a-z, 0-9, -, _ and .");
            return Err(FieldError::new("/name", "malformed", said).into());
        }
        let days = self.expires_in_days;
        if days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
            return Err(FieldError::new("/expires_in_days", "out-of-range", format!("1 to {MAX_DAYS}")).into());
        }
        let mut scopes = Vec::new();
        for (index, scope) in self.scopes.iter().enumerate() {
            let unknown = |error: UnknownScope| FieldError::new(format!("/scopes/{index}"), "unknown", error.to_string());
            let scope: Scope = scope.parse().map_err(unknown)?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        let expires_ms = days.map(|days| now_ms.saturating_add(i64::from(days) * DAY_MS));
        Ok(Issued { name: self.name, scopes, made_ms: now_ms, expires_ms })
    }
}

impl Item {
    fn of(issued: Issued, now_ms: i64) -> Self {
        Self {
            expired: issued.is_expired(now_ms),
            name: issued.name,
            scopes: issued.scopes.into_iter().map(Scope::name).collect(),
            created_at: Time(issued.made_ms),
            expires_at: issued.expires_ms.map(Time),
        }
    }
}

/// `POST /v1/admin/tokens`: 201 with the token, which nobody is told again.
async fn issue(State(operations): State<Arc<Operations>>, Json(asked): Json<Asked>) -> Result<Response, Problem> {
    let mint = &operations.deps.mint;
    let (issued, token) = (asked.read(mint.now_ms())?, ServiceToken::mint(mint));
    operations.deps.control.issue_service_token(&token, &issued).await.map_err(not_issued)?;
    let item = Item::of(issued, mint.now_ms());
    tracing::info!(token.name = item.name, token.scopes = item.scopes.join(" "), "a service token was issued");
    let told = Told { item, token: Secret(token.reveal().to_owned()) };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(told)).into_response())
}

/// `GET /v1/admin/tokens`: at most as many as there may be.
async fn list(State(operations): State<Arc<Operations>>) -> Result<Json<Listed>, Problem> {
    let now_ms = operations.deps.mint.now_ms();
    let issued = operations.deps.control.service_tokens().await.map_err(|error| unavailable(&error))?;
    Ok(Json(Listed { items: issued.into_iter().map(|issued| Item::of(issued, now_ms)).collect(), next: None }))
}

/// `DELETE /v1/admin/tokens/{name}`: 204; from then on the token is good for nothing.
async fn revoke(State(operations): State<Arc<Operations>>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let revoked = operations.deps.control.revoke_service_token(&name).await.map_err(|error| unavailable(&error))?;
    if !revoked {
        return Err(Problem::not_found().with_detail("there is no token of this name"));
    }
    tracing::info!(token.name = name, "a service token was revoked");
    Ok(StatusCode::NO_CONTENT)
}

fn not_issued(error: NotIssued) -> Problem {
    match error {
        NotIssued::NameTaken => Problem::name_taken(),
        NotIssued::TooMany => {
            FieldError::new("/name", "too-many", format!("there are {MAX_SERVICE_TOKENS} already: revoke one")).into()
        }
        NotIssued::Db(error) => unavailable(&error),
    }
}

pub(super) fn unavailable(error: &DbError) -> Problem {
    Problem::unavailable().with_detail(error.chain())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, scope: &str, days: Option<u32>) -> Result<Issued, Problem> {
        Asked { name: name.to_owned(), scopes: vec![scope.to_owned(), scope.to_owned()], expires_in_days: days }.read(1_000)
    }

    fn pointer(refused: Result<Issued, Problem>) -> String {
        refused.expect_err("refused").errors[0].pointer.clone().into_owned()
    }

    #[test]
    fn a_token_is_asked_for_by_name_scopes_and_days() {
        let expected = Issued {
            name: "search".to_owned(),
            scopes: vec![Scope::SealsOpen],
            made_ms: 1_000,
            expires_ms: Some(1_000 + 7 * DAY_MS),
        };
        assert_eq!(asked("search", "seals:open", Some(7)), Ok(expected));
        assert_eq!(asked("search", "seals:open", None).map(|issued| issued.expires_ms), Ok(None));
        assert_eq!(pointer(asked("no spaces", "seals:open", None)), "/name");
        assert_eq!(pointer(asked("", "seals:open", None)), "/name");
        assert_eq!(pointer(asked("search", "seals:make", None)), "/scopes/0");
        assert_eq!(pointer(asked("search", "seals:open", Some(0))), "/expires_in_days");
    }
}
