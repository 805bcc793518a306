//! What is tagged.

use std::sync::Arc;

use aredvi_events::MediumId;
use aredvi_projectors::media::queries as media;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::app::App;
use crate::caller::Caller;
use crate::cards::{not_serving, unreadable};
use crate::cursor::Kind;
use crate::extract::{PageQuery, Path};
use crate::hashtags::normalise;
use crate::problem::Problem;
use crate::shapes::Page;
use crate::shapes::media::NodeCard;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The media with a hashtag, the newest first.
#[utoipa::path(get, path = "/v1/hashtags/{name}", tag = "nodes", params(("name" = String, Path), crate::extract::page::PageParams),
    responses((status = 200, description = "Media", body = Page<NodeCard>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    page: PageQuery,
) -> Result<Response, Problem> {
    let below: Option<MediumId> = app.cursors.decode_some(Kind::Hashtag, page.cursor.as_deref())?;
    let freshness = app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
    let Some(tag) = normalise(&name) else {
        return Ok(answer::read(freshness, Page::<NodeCard> { items: Vec::new(), next: None }));
    };
    let db = app.views.media.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let found = media::tagged(&db, &tag, below, limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(found.len(), page.limit, Kind::Hashtag, found.last().copied());
    let nodes = app.nodes(found.iter().copied()).await?;
    let mut cards = app.node_cards(&caller, nodes.into_values().collect()).await?;
    let items = found.into_iter().filter_map(|medium| cards.remove(&medium)).collect();
    Ok(answer::read(freshness, Page { items, next }))
}
