//! Notes: written, read, changed, taken away.

use std::sync::Arc;

use aredvi_events::media::{AccessChanged, MediumDeleted, NoteAdded, NoteEdited};
use aredvi_events::mint::derived_id;
use aredvi_events::{MediumId, Topic};
use aredvi_projectors::media::queries::Node as Row;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::app::App;
use crate::caller::{Caller, SignedIn};
use crate::cards::Node;
use crate::commands::note::{decide_add, require};
use crate::extract::{Json, Path};
use crate::problem::Problem;
use crate::shapes::media::{NewNote, NodeCard, NodePatch};
use crate::text::{self, Faults};
use crate::writing::Outcome;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(add)).routes(routes!(show, change, delete))
}

/// Writes a note, on one's own page or on another's.
#[utoipa::path(post, path = "/v1/notes", tag = "nodes", request_body = NewNote, responses(
    (status = 201, description = "The note", body = NodeCard)), security(("token" = []), ("cookie" = [])))]
async fn add(State(app): State<Arc<App>>, me: SignedIn, Json(input): Json<NewNote>) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let text = faults.take(text::note("/body", &input.body));
    faults.refuse()?;
    let owner = input.owner.unwrap_or(me.person);
    app.fresh(&me.caller, &[&app.views.accounts]).await?;
    let (viewer, standing) = app.standing(&me.caller, owner);
    decide_add(viewer, &standing)?;
    let access = input.access.unwrap_or_default();
    let outcome = app
        .write(&me.caller, async |w| {
            let medium: MediumId = w.plan.first.into();
            let said = app.say(&me.caller, me.person, w.plan.event, &text).await?;
            let note = NoteAdded {
                by: Some(me.person),
                medium,
                owner,
                author: me.person,
                access,
                body: said.body,
                hashtags: said.hashtags,
                mentions: said.mentions,
                story: w.plan.second.into(),
            };
            let mentions = note.mentions.clone();
            let place = w.append(Topic::Media, medium.to_string(), note).await?;
            Ok((w.plan, place, mentions))
        })
        .await?;
    let (card, positions) = match outcome {
        // The writer knows what he wrote: no view is waited for.
        Outcome::Now((plan, place, mentions), positions) => {
            let row = Row::fresh(plan.first.into(), owner, me.person, access, text, plan.time_ms, place);
            let node = Arc::new(Node::fresh(row, &mentions));
            (app.node_card_unread(&me.caller, node).await.map_err(Problem::of_what_was_written)?, positions)
        }
        Outcome::Before(plan) => {
            let medium: MediumId = plan.first.into();
            let caller = app.repeating(&me.caller, Topic::Media, &medium.to_string()).await?;
            app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
            // It was written: a view that does not hold it is behind.
            if app.nodes([medium]).await?.is_empty() {
                return Err(Problem::unavailable());
            }
            let node = app.node(&caller, medium).await?.node;
            (app.node_card(&caller, node).await?, caller.wanted)
        }
    };
    let location = format!("/v1/nodes/{}", card.id);
    Ok(answer::located(answer::written(StatusCode::CREATED, app.journal.id(), &positions, card), &location))
}

/// A medium of any kind.
#[utoipa::path(get, path = "/v1/nodes/{id}", tag = "nodes", params(("id" = String, Path)), responses(
    (status = 200, description = "The medium", body = NodeCard)))]
async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<MediumId>,
) -> Result<Response, Problem> {
    let freshness = app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
    let node = app.node(&caller, id).await?.node;
    Ok(answer::read_one(freshness, &headers, app.node_card(&caller, node).await?))
}

/// Changes what it says, or who may see it.
#[utoipa::path(patch, path = "/v1/nodes/{id}", tag = "nodes", params(("id" = String, Path)), request_body = NodePatch, responses(
    (status = 200, description = "The medium", body = NodeCard)), security(("token" = []), ("cookie" = [])))]
async fn change(
    State(app): State<Arc<App>>,
    me: SignedIn,
    Path(id): Path<MediumId>,
    Json(input): Json<NodePatch>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let text = input.body.as_deref().map(|body| faults.take(text::note("/body", body)));
    faults.refuse()?;
    app.fresh(&me.caller, &[&app.views.media, &app.views.accounts]).await?;
    let view = app.node(&me.caller, id).await?;
    require(view.visible(), view.medium.may_edit(view.viewer))?;
    let owner = view.node.owner;
    let outcome = app
        .write(&me.caller, async |w| {
            let (by, key) = (Some(me.person), id.to_string());
            if let Some(text) = &text {
                let said = app.say(&me.caller, me.person, w.plan.event, text).await?;
                let edited = NoteEdited {
                    by,
                    medium: id,
                    owner,
                    body: said.body,
                    hashtags: said.hashtags,
                    mentions: said.mentions,
                    notice: w.plan.second.into(),
                };
                w.append(Topic::Media, key.clone(), edited).await?;
            }
            if let Some(access) = input.access {
                let changed = AccessChanged { by, medium: id, owner, access };
                w.append_as(derived_id(w.plan.event, "access"), Topic::Media, key, changed).await?;
            }
            Ok(())
        })
        .await?;
    let positions = outcome.positions(&me.caller);
    let caller = Caller { wanted: positions.clone(), ..me.caller };
    let freshness = app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
    let node = app.node(&caller, id).await?.node;
    let mut response = answer::written(StatusCode::OK, app.journal.id(), &positions, app.node_card(&caller, node).await?);
    freshness.write(response.headers_mut());
    Ok(response)
}

/// Takes it away, with everything on it.
#[utoipa::path(delete, path = "/v1/nodes/{id}", tag = "nodes", params(("id" = String, Path)), responses(
    (status = 204, description = "It is gone")), security(("token" = []), ("cookie" = [])))]
async fn delete(State(app): State<Arc<App>>, me: SignedIn, Path(id): Path<MediumId>) -> Result<Response, Problem> {
    app.fresh(&me.caller, &[&app.views.media]).await?;
    let node = app.nodes([id]).await?.remove(&id).ok_or_else(Problem::not_found)?;
    let view = app.node_view(&me.caller, node);
    let gone = view.node.deleted;
    require(view.medium.visible(view.viewer), view.medium.may_delete(view.viewer))?;
    let owner = view.node.owner;
    let outcome = app
        .write(&me.caller, async |w| {
            if !gone {
                w.append(Topic::Media, id.to_string(), MediumDeleted { by: Some(me.person), medium: id, owner }).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}
