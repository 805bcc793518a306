//! Being told of what happens to a medium, or on an actor's page.

use std::sync::Arc;

use aredvi_events::graph::{Subscribed, Unsubscribed};
use aredvi_events::media::{MediumSubscribed, MediumUnsubscribed};
use aredvi_events::topic::pair_key;
use aredvi_events::{Body, MediumId, Topic};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ActorRef;
use crate::answer;
use crate::app::App;
use crate::caller::SignedIn;
use crate::commands::subscribe::decide;
use crate::extract::Path;
use crate::problem::Problem;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(subscribe_medium, unsubscribe_medium)).routes(routes!(subscribe_actor, unsubscribe_actor))
}

/// Wants to be told of what happens to a medium.
#[utoipa::path(put, path = "/v1/nodes/{id}/subscription", tag = "subscriptions", params(("id" = String, Path)), responses(
    (status = 204, description = "Subscribed")), security(("token" = []), ("cookie" = [])))]
async fn subscribe_medium(State(app): State<Arc<App>>, me: SignedIn, Path(medium): Path<MediumId>) -> Result<Response, Problem> {
    app.subscribe(&me, medium, true).await
}

/// No longer.
#[utoipa::path(delete, path = "/v1/nodes/{id}/subscription", tag = "subscriptions", params(("id" = String, Path)), responses(
    (status = 204, description = "Not subscribed")), security(("token" = []), ("cookie" = [])))]
async fn unsubscribe_medium(
    State(app): State<Arc<App>>,
    me: SignedIn,
    Path(medium): Path<MediumId>,
) -> Result<Response, Problem> {
    app.subscribe(&me, medium, false).await
}

/// Wants to be told of what happens on an actor's page.
#[utoipa::path(put, path = "/v1/actors/{id}/subscription", tag = "subscriptions", params(("id" = String, Path)), responses(
    (status = 204, description = "Subscribed")), security(("token" = []), ("cookie" = [])))]
async fn subscribe_actor(State(app): State<Arc<App>>, me: SignedIn, Path(actor): Path<ActorRef>) -> Result<Response, Problem> {
    let actor = actor.resolve(&me.caller)?;
    app.fresh(&me.caller, &[&app.views.graph]).await?;
    let (viewer, standing) = app.standing(&me.caller, actor);
    decide(viewer, &standing)?;
    let subscribed = app.between(me.person, actor).await?.there.subscribed;
    let outcome = app
        .write(&me.caller, async |w| {
            if !subscribed {
                let event = Subscribed { by: Some(me.person), subscriber: me.person, actor };
                w.append(Topic::Graph, pair_key(me.person, actor), event).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

/// No longer.
#[utoipa::path(delete, path = "/v1/actors/{id}/subscription", tag = "subscriptions", params(("id" = String, Path)), responses(
    (status = 204, description = "Not subscribed")), security(("token" = []), ("cookie" = [])))]
async fn unsubscribe_actor(State(app): State<Arc<App>>, me: SignedIn, Path(actor): Path<ActorRef>) -> Result<Response, Problem> {
    let actor = actor.resolve(&me.caller)?;
    app.fresh(&me.caller, &[&app.views.graph]).await?;
    let subscribed = app.between(me.person, actor).await?.there.subscribed;
    if !subscribed {
        app.page_visible(&me.caller, actor)?;
    }
    let outcome = app
        .write(&me.caller, async |w| {
            if subscribed {
                let event = Unsubscribed { by: Some(me.person), subscriber: me.person, actor };
                w.append(Topic::Graph, pair_key(me.person, actor), event).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

impl App {
    async fn subscribe(&self, me: &SignedIn, medium: MediumId, wanted: bool) -> Result<Response, Problem> {
        self.fresh(&me.caller, &[&self.views.media]).await?;
        let owner = self.node(&me.caller, medium).await?.node.owner;
        let (by, subscriber) = (Some(me.person), me.person);
        let body: Body = match wanted {
            true => MediumSubscribed { by, medium, owner, subscriber }.into(),
            false => MediumUnsubscribed { by, medium, owner, subscriber }.into(),
        };
        let outcome = self
            .write(&me.caller, async |w| {
                w.append(Topic::Media, medium.to_string(), body).await?;
                Ok(())
            })
            .await?;
        Ok(answer::done(StatusCode::NO_CONTENT, self.journal.id(), &outcome.positions(&me.caller)))
    }
}
