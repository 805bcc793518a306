//! Blocking.

use std::sync::Arc;

use aredvi_events::graph::{Blocked, Unblocked};
use aredvi_events::topic::pair_key;
use aredvi_events::{ActorId, Topic};
use aredvi_projectors::graph::queries as graph;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ActorRef;
use crate::answer;
use crate::app::App;
use crate::caller::SignedIn;
use crate::cards::{not_serving, unreadable};
use crate::commands::block::decide;
use crate::cursor::Kind;
use crate::extract::{PageQuery, Path};
use crate::problem::Problem;
use crate::shapes::Page;
use crate::shapes::actors::ActorCard;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(block, unblock)).routes(routes!(list))
}

/// Blocks an actor.
#[utoipa::path(put, path = "/v1/actors/{id}/block", tag = "graph", params(("id" = String, Path)), responses(
    (status = 204, description = "Blocked")), security(("token" = []), ("cookie" = [])))]
async fn block(State(app): State<Arc<App>>, me: SignedIn, Path(blocked): Path<ActorRef>) -> Result<Response, Problem> {
    let blocked = blocked.resolve(&me.caller)?;
    app.fresh(&me.caller, &[]).await?;
    let (viewer, standing) = app.standing(&me.caller, blocked);
    decide(viewer, &standing)?;
    let outcome = app
        .write(&me.caller, async |w| {
            if !standing.blocks {
                let event = Blocked { by: Some(me.person), blocker: me.person, blocked };
                w.append(Topic::Graph, pair_key(me.person, blocked), event).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

/// Blocks an actor no longer.
#[utoipa::path(delete, path = "/v1/actors/{id}/block", tag = "graph", params(("id" = String, Path)), responses(
    (status = 204, description = "Not blocked")), security(("token" = []), ("cookie" = [])))]
async fn unblock(State(app): State<Arc<App>>, me: SignedIn, Path(blocked): Path<ActorRef>) -> Result<Response, Problem> {
    let blocked = blocked.resolve(&me.caller)?;
    app.fresh(&me.caller, &[]).await?;
    let (viewer, standing) = app.standing(&me.caller, blocked);
    if !standing.blocks {
        decide(viewer, &standing)?;
    }
    let outcome = app
        .write(&me.caller, async |w| {
            if standing.blocks {
                let event = Unblocked { by: Some(me.person), blocker: me.person, blocked };
                w.append(Topic::Graph, pair_key(me.person, blocked), event).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

/// Whom the signed-in person blocks.
#[utoipa::path(get, path = "/v1/me/blocks", tag = "graph", params(crate::extract::page::PageParams),
    responses((status = 200, description = "Their cards", body = Page<ActorCard>)), security(("token" = []), ("cookie" = [])))]
async fn list(State(app): State<Arc<App>>, me: SignedIn, page: PageQuery) -> Result<Response, Problem> {
    let below: Option<ActorId> = app.cursors.decode_some(Kind::Blocks, page.cursor.as_deref())?;
    let freshness = app.fresh(&me.caller, &[&app.views.graph, &app.views.actors]).await?;
    let db = app.views.graph.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let found = graph::blocks(&db, me.person, below, limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(found.len(), page.limit, Kind::Blocks, found.last().copied());
    let mut cards = app.actor_cards(found.iter().copied()).await?;
    let items = found.into_iter().filter_map(|actor| cards.remove(&actor)).collect();
    Ok(answer::read(freshness, Page { items, next }))
}
