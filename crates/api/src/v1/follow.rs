//! Following, requests to follow, and the lists of both.

use std::sync::Arc;

use aredvi_events::graph::{FollowRequestEnded, FollowRequested, Followed, Unfollowed};
use aredvi_events::topic::pair_key;
use aredvi_events::{ActorId, NotificationId, StoryId, Topic};
use aredvi_projectors::graph::queries as graph;
use aredvi_projectors::visibility::{Standing, Viewer, may_see_card, may_see_page, present};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ActorRef;
use crate::answer;
use crate::app::App;
use crate::caller::{Caller, SignedIn};
use crate::cards::{not_serving, unreadable};
use crate::commands::Refusal;
use crate::commands::follow::{Follow, decide};
use crate::cursor::Kind;
use crate::extract::{PageQuery, Path};
use crate::problem::Problem;
use crate::shapes::Page;
use crate::shapes::actors::ActorCard;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(follow, unfollow))
        .routes(routes!(followers))
        .routes(routes!(leaders))
        .routes(routes!(requests))
        .routes(routes!(accept, decline))
}

/// Follows an actor, or asks to.
#[utoipa::path(put, path = "/v1/actors/{id}/follow", tag = "graph", params(("id" = String, Path)), responses(
    (status = 204, description = "He follows"), (status = 202, description = "It became a request")), security(("token" = []), ("cookie" = [])))]
async fn follow(State(app): State<Arc<App>>, me: SignedIn, Path(leader): Path<ActorRef>) -> Result<Response, Problem> {
    let leader = leader.resolve(&me.caller)?;
    app.fresh(&me.caller, &[&app.views.graph]).await?;
    let between = app.between(me.person, leader).await?;
    let (viewer, standing) = app.standing(&me.caller, leader);
    let decision = decide(viewer, &standing, between.there.requests)?;
    let status = match decision {
        Follow::Already | Follow::Follow => StatusCode::NO_CONTENT,
        Follow::Request | Follow::AlreadyRequested => StatusCode::ACCEPTED,
    };
    let by = Some(me.person);
    let outcome = app
        .write(&me.caller, async |w| {
            let key = pair_key(me.person, leader);
            match decision {
                Follow::Already | Follow::AlreadyRequested => {}
                Follow::Follow => {
                    let story: StoryId = w.plan.second.into();
                    w.append(Topic::Graph, key, Followed { by, follower: me.person, leader, story }).await?;
                }
                Follow::Request => {
                    let notice: NotificationId = w.plan.second.into();
                    w.append(Topic::Graph, key, FollowRequested { by, requester: me.person, leader, notice }).await?;
                }
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(status, app.journal.id(), &outcome.positions(&me.caller)))
}

/// Follows no longer, and asks no longer to.
#[utoipa::path(delete, path = "/v1/actors/{id}/follow", tag = "graph", params(("id" = String, Path)), responses(
    (status = 204, description = "He does not follow")), security(("token" = []), ("cookie" = [])))]
async fn unfollow(State(app): State<Arc<App>>, me: SignedIn, Path(leader): Path<ActorRef>) -> Result<Response, Problem> {
    let leader = leader.resolve(&me.caller)?;
    app.fresh(&me.caller, &[&app.views.graph]).await?;
    let between = app.between(me.person, leader).await?;
    let by = Some(me.person);
    let outcome = app
        .write(&me.caller, async |w| {
            let key = pair_key(me.person, leader);
            if between.there.follows {
                w.append(Topic::Graph, key, Unfollowed { by, follower: me.person, leader }).await?;
            } else if between.there.requests {
                w.append(Topic::Graph, key, FollowRequestEnded { by, requester: me.person, leader }).await?;
            } else {
                let (viewer, standing) = app.standing(&me.caller, leader);
                if !may_see_card(viewer, &standing) {
                    return Err(Problem::not_found());
                }
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

/// Who follows an actor, the newest follow first.
#[utoipa::path(get, path = "/v1/actors/{id}/followers", tag = "graph", params(("id" = String, Path), crate::extract::page::PageParams),
    responses((status = 200, description = "Their cards", body = Page<ActorCard>)))]
async fn followers(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(actor): Path<ActorRef>,
    page: PageQuery,
) -> Result<Response, Problem> {
    let actor = actor.resolve(&caller)?;
    let below: Option<StoryId> = app.cursors.decode_some(Kind::Followers, page.cursor.as_deref())?;
    let freshness = app.fresh(&caller, &[&app.views.graph, &app.views.actors]).await?;
    app.page_visible(&caller, actor)?;
    let db = app.views.graph.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let found = graph::followers(&db, actor, below, limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(found.len(), page.limit, Kind::Followers, found.last().map(|(_, story)| *story));
    let items = app.visible_cards(&caller, found.into_iter().map(|(actor, _)| actor).collect()).await?;
    Ok(answer::read(freshness, Page { items, next }))
}

/// Whom an actor follows, in the order of their ids, the newest first.
#[utoipa::path(get, path = "/v1/actors/{id}/leaders", tag = "graph", params(("id" = String, Path), crate::extract::page::PageParams),
    responses((status = 200, description = "Their cards", body = Page<ActorCard>)))]
async fn leaders(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(actor): Path<ActorRef>,
    page: PageQuery,
) -> Result<Response, Problem> {
    let actor = actor.resolve(&caller)?;
    let below: Option<ActorId> = app.cursors.decode_some(Kind::Leaders, page.cursor.as_deref())?;
    let freshness = app.fresh(&caller, &[&app.views.graph, &app.views.actors]).await?;
    app.page_visible(&caller, actor)?;
    let db = app.views.graph.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let found = graph::leaders(&db, actor, below, limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(found.len(), page.limit, Kind::Leaders, found.last().copied());
    let items = app.visible_cards(&caller, found).await?;
    Ok(answer::read(freshness, Page { items, next }))
}

/// Who asks to follow the signed-in person.
#[utoipa::path(get, path = "/v1/me/follow-requests", tag = "graph", params(crate::extract::page::PageParams),
    responses((status = 200, description = "Their cards", body = Page<ActorCard>)), security(("token" = []), ("cookie" = [])))]
async fn requests(State(app): State<Arc<App>>, me: SignedIn, page: PageQuery) -> Result<Response, Problem> {
    let below: Option<NotificationId> = app.cursors.decode_some(Kind::FollowRequests, page.cursor.as_deref())?;
    let freshness = app.fresh(&me.caller, &[&app.views.graph, &app.views.actors]).await?;
    let db = app.views.graph.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let found = graph::requests(&db, me.person, below, limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(found.len(), page.limit, Kind::FollowRequests, found.last().map(|(_, notice)| *notice));
    let items = app.asking_cards(&me.caller, found.into_iter().map(|(actor, _)| actor).collect()).await?;
    Ok(answer::read(freshness, Page { items, next }))
}

/// Accepts a request to follow.
#[utoipa::path(put, path = "/v1/me/follow-requests/{actor_id}", tag = "graph", params(("actor_id" = String, Path)), responses(
    (status = 204, description = "He follows")), security(("token" = []), ("cookie" = [])))]
async fn accept(State(app): State<Arc<App>>, me: SignedIn, Path(requester): Path<ActorId>) -> Result<Response, Problem> {
    app.fresh(&me.caller, &[&app.views.graph]).await?;
    let between = app.between(me.person, requester).await?;
    if !between.back.requests && !between.back.follows {
        return Err(Problem::not_found());
    }
    let outcome = app
        .write(&me.caller, async |w| {
            if between.back.requests {
                let story: StoryId = w.plan.second.into();
                let followed = Followed { by: Some(me.person), follower: requester, leader: me.person, story };
                w.append(Topic::Graph, pair_key(me.person, requester), followed).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

/// Refuses a request to follow.
#[utoipa::path(delete, path = "/v1/me/follow-requests/{actor_id}", tag = "graph", params(("actor_id" = String, Path)), responses(
    (status = 204, description = "The request is gone")), security(("token" = []), ("cookie" = [])))]
async fn decline(State(app): State<Arc<App>>, me: SignedIn, Path(requester): Path<ActorId>) -> Result<Response, Problem> {
    app.fresh(&me.caller, &[&app.views.graph]).await?;
    let between = app.between(me.person, requester).await?;
    let outcome = app
        .write(&me.caller, async |w| {
            if between.back.requests {
                let ended = FollowRequestEnded { by: Some(me.person), requester, leader: me.person };
                w.append(Topic::Graph, pair_key(me.person, requester), ended).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

impl App {
    /// How the caller stands to an actor.
    pub fn standing(&self, caller: &Caller, actor: ActorId) -> (Viewer, Standing) {
        let look = self.facts.look(self.mint.now_ms());
        (look.viewer(caller.person()), look.standing(caller.person(), actor))
    }

    /// Refuses callers who may not see what stands on an actor's page.
    ///
    /// # Errors
    /// 404.
    pub fn page_visible(&self, caller: &Caller, actor: ActorId) -> Result<(), Problem> {
        let (viewer, standing) = self.standing(caller, actor);
        if may_see_page(viewer, &standing) { Ok(()) } else { Err(Refusal::NotVisible.into()) }
    }

    /// What stands between two actors in `graph`.
    ///
    /// # Errors
    /// 503 when it cannot be read.
    pub async fn between(&self, one: ActorId, other: ActorId) -> Result<graph::Between, Problem> {
        let db = self.views.graph.db().map_err(|e| not_serving(&e))?;
        graph::between(&db, one, other).await.map_err(|e| unreadable(&e))
    }

    /// The cards that the caller may see, in the order given.
    ///
    /// # Errors
    /// 503 when `actors` cannot be read.
    pub async fn visible_cards(&self, caller: &Caller, actors: Vec<ActorId>) -> Result<Vec<ActorCard>, Problem> {
        let visible: Vec<ActorId> = {
            let look = self.facts.look(self.mint.now_ms());
            let me = look.by(caller.person());
            actors.into_iter().filter(|&actor| may_see_card(me.viewer(), &me.towards(actor))).collect()
        };
        let mut cards = self.actor_cards(visible.iter().copied()).await?;
        Ok(visible.into_iter().filter_map(|actor| cards.remove(&actor)).collect())
    }

    /// The cards of those who ask the caller for something: they show themselves by asking.
    async fn asking_cards(&self, caller: &Caller, actors: Vec<ActorId>) -> Result<Vec<ActorCard>, Problem> {
        let asking: Vec<ActorId> = {
            let look = self.facts.look(self.mint.now_ms());
            let me = look.by(caller.person());
            actors.into_iter().filter(|&actor| present(me.viewer(), &me.towards(actor))).collect()
        };
        let mut cards = self.actor_cards(asking.iter().copied()).await?;
        Ok(asking.into_iter().filter_map(|actor| cards.remove(&actor)).collect())
    }

    /// The cursor of the next page: there is one when this page was full.
    pub fn next_cursor<P: crate::cursor::Payload>(
        &self,
        found: usize,
        limit: usize,
        kind: Kind,
        last: Option<P>,
    ) -> Option<String> {
        last.filter(|_| found >= limit).map(|last| self.cursors.encode(kind, &last))
    }
}
