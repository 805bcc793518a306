//! People under an operator's hands: registering without limits, roles, disabling.

use std::sync::Arc;

use aredvi_events::actors::{PersonDisabled, PersonEnabled};
use aredvi_events::identity::{Role, RolesRequested};
use aredvi_events::{ActorId, Body, Positions, Topic};
use aredvi_projectors::actors::queries as actors;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{post, put};
use serde::{Deserialize, Serialize};

use crate::answer;
use crate::app::App;
use crate::caller::Caller;
use crate::cards::{not_serving, unreadable};
use crate::extract::prefer::MAX_WAIT;
use crate::extract::{ClientAddress, Json, Path};
use crate::problem::Problem;
use crate::v1::people::sign_up;

/// The routes of processes that have an api.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        // As on the public listener, but not counted.
        .route("/v1/admin/people", post(sign_up))
        .route("/v1/admin/people/{id}/roles", put(set_roles))
        .route("/v1/admin/people/{id}/disable", post(disable))
        .route("/v1/admin/people/{id}/enable", post(enable))
        .layer(from_fn(by_operator))
        .with_state(app)
}

/// All roles that a person has from here on.
#[derive(Debug, Serialize, Deserialize)]
struct Roles {
    roles: Vec<Role>,
}

/// An operator is nobody's session.
async fn by_operator(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(operator());
    next.run(request).await
}

fn operator() -> Caller {
    Caller {
        session: None,
        address: ClientAddress::UNKNOWN,
        wanted: Positions::new(),
        wait: MAX_WAIT,
        reserved: None,
        traceparent: None,
    }
}

/// `PUT /v1/admin/people/{id}/roles`.
async fn set_roles(
    State(app): State<Arc<App>>,
    Path(person): Path<ActorId>,
    Json(Roles { mut roles }): Json<Roles>,
) -> Result<Response, Problem> {
    roles.sort_unstable();
    roles.dedup();
    let caller = operator();
    let outcome = app.write(&caller, async |w| app.settled(w, RolesRequested { by: None, person, roles }.into()).await).await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&caller)))
}

/// `POST /v1/admin/people/{id}/disable`: he may not sign in, his sessions end, and he is not shown.
async fn disable(State(app): State<Arc<App>>, Path(person): Path<ActorId>) -> Result<Response, Problem> {
    app.append_of(person, PersonDisabled { by: None, person }.into()).await
}

/// `POST /v1/admin/people/{id}/enable`.
async fn enable(State(app): State<Arc<App>>, Path(person): Path<ActorId>) -> Result<Response, Problem> {
    app.append_of(person, PersonEnabled { by: None, person }.into()).await
}

impl App {
    async fn append_of(&self, person: ActorId, body: Body) -> Result<Response, Problem> {
        let db = self.views.actors.db().map_err(|error| not_serving(&error))?;
        let known = actors::profile(&db, person).await.map_err(|error| unreadable(&error))?;
        known.ok_or_else(Problem::not_found)?;
        let caller = operator();
        let outcome = self.write(&caller, async |w| w.append(Topic::Actors, person.to_string(), body).await).await?;
        Ok(answer::done(StatusCode::NO_CONTENT, self.journal.id(), &outcome.positions(&caller)))
    }
}
