//! Finding people by name.

use std::sync::Arc;

use aredvi_events::Id;
use aredvi_projectors::actors::queries::{self as actors, Found};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::app::App;
use crate::caller::Caller;
use crate::cards::{not_serving, unreadable};
use crate::cursor::{Kind, Payload};
use crate::extract::page::PageParams;
use crate::extract::{PageQuery, Query};
use crate::problem::Problem;
use crate::shapes::Page;
use crate::shapes::actors::ActorCard;
use crate::text::{self, Faults};

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(search))
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// The beginnings of words of a name, or of a username.
    #[param(max_length = 100)]
    q: String,
}

/// People whose names begin like this.
#[utoipa::path(get, path = "/v1/people", tag = "people", params(Asked, PageParams),
    responses((status = 200, description = "Their cards", body = Page<ActorCard>)))]
async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(asked): Query<Asked>,
    page: PageQuery,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let wanted = faults.take(text::search("/q", &asked.q));
    faults.refuse()?;
    let after: Option<After> = app.cursors.decode_some(Kind::People, page.cursor.as_deref())?;
    let freshness = app.fresh(&caller, &[&app.views.actors]).await?;
    let db = app.views.actors.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let after = after.map(|After(found)| found);
    let found = actors::search(&db, &wanted, after.as_ref(), limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(found.len(), page.limit, Kind::People, found.last().cloned().map(After));
    let items = app.visible_cards(&caller, found.into_iter().map(|found| found.actor).collect()).await?;
    Ok(answer::read(freshness, Page { items, next }))
}

/// Where a page of a search ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After(Found);

impl Payload for After {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.actor.get().to_be_bytes().to_vec();
        bytes.extend_from_slice(self.0.word.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (actor, word) = bytes.split_first_chunk::<8>()?;
        let actor = Id::new(u64::from_be_bytes(*actor))?.into();
        Some(Self(Found { actor, word: String::from_utf8(word.to_vec()).ok()? }))
    }
}
