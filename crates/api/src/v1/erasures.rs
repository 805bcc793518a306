//! How far an erasure is, and at its end the receipt. Whoever was erased has no session to ask with: the address, which
//! only he was given, is what admits.

use std::sync::Arc;

use aredvi_projectors::accounts::queries as accounts;
use aredvi_projectors::actors::queries as actors;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::answer;
use crate::app::App;
use crate::caller::Caller;
use crate::cards::{not_serving, unreadable};
use crate::extract::Path;
use crate::problem::Problem;
use crate::shapes::Time;
use crate::shapes::actors::{ErasedPlace, ErasureReceipt, ErasureState};

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// How far an erasure is.
#[utoipa::path(get, path = "/v1/erasures/{id}", tag = "me", params(("id" = String, Path)), responses(
    (status = 200, description = "How far it is", body = ErasureReceipt)))]
async fn show(State(app): State<Arc<App>>, caller: Caller, Path(request): Path<Uuid>) -> Result<Response, Problem> {
    let freshness = app.fresh(&caller, &[&app.views.accounts, &app.views.actors]).await?;
    let db = app.views.accounts.db().map_err(|e| not_serving(&e))?;
    let verdict = accounts::verdict(&db, request).await.map_err(|e| unreadable(&e))?;
    let receipt = match verdict {
        None => without_places(ErasureState::Pending),
        Some(verdict) if verdict.refusal.is_some() => without_places(ErasureState::Refused),
        Some(verdict) => {
            let db = app.views.actors.db().map_err(|e| not_serving(&e))?;
            let erasure = actors::erasure(&db, verdict.person).await.map_err(|e| unreadable(&e))?;
            erasure.map_or(without_places(ErasureState::Pending), receipt_of)
        }
    };
    Ok(answer::read(freshness, receipt))
}

const fn without_places(state: ErasureState) -> ErasureReceipt {
    ErasureReceipt { state, erased_at: None, completed_at: None, places: Vec::new() }
}

fn receipt_of(erasure: actors::Erasure) -> ErasureReceipt {
    let erased_at = Some(Time(erasure.erased_at));
    match erasure.completed {
        None => ErasureReceipt { erased_at, ..without_places(ErasureState::Erased) },
        Some((at, cleared)) => ErasureReceipt {
            state: ErasureState::Complete,
            erased_at,
            completed_at: Some(Time(at)),
            places: cleared.into_iter().map(|cleared| ErasedPlace { place: cleared.place, at: Time(cleared.at_ms) }).collect(),
        },
    }
}
