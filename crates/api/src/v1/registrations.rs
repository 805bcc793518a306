//! What became of a registration that got no verdict at once.

use std::sync::Arc;

use aredvi_projectors::accounts::queries as accounts;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::people::refused;
use crate::answer;
use crate::app::App;
use crate::caller::Caller;
use crate::cards::{not_serving, unreadable};
use crate::extract::Path;
use crate::problem::Problem;
use crate::shapes::actors::{Registration, RegistrationState};

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The state of a registration.
#[utoipa::path(get, path = "/v1/registrations/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 200, description = "Its state", body = Registration)))]
async fn show(State(app): State<Arc<App>>, caller: Caller, Path(request): Path<Uuid>) -> Result<Response, Problem> {
    let freshness = app.fresh(&caller, &[&app.views.accounts]).await?;
    let db = app.views.accounts.db().map_err(|e| not_serving(&e))?;
    let registration = match accounts::verdict(&db, request).await.map_err(|e| unreadable(&e))? {
        None => Registration { state: RegistrationState::Pending, code: None, person_id: None },
        Some(verdict) => match verdict.refusal {
            None => Registration { state: RegistrationState::Accepted, code: None, person_id: Some(verdict.person) },
            Some(refusal) => {
                Registration { state: RegistrationState::Refused, code: Some(refused(refusal).code.to_owned()), person_id: None }
            }
        },
    };
    Ok(answer::read(freshness, registration))
}
