//! Likes of media and comments.

use std::sync::Arc;

use aredvi_events::media::{CommentUnvoted, CommentVoted, MediumUnvoted, MediumVoted};
use aredvi_events::{ActorId, Body, CommentId, MediumId, Topic};
use aredvi_projectors::media::queries as media;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::app::App;
use crate::caller::{Caller, SignedIn};
use crate::cards::{not_serving, unreadable};
use crate::commands::note::require;
use crate::cursor::Kind;
use crate::extract::{PageQuery, Path};
use crate::problem::Problem;
use crate::shapes::Page;
use crate::shapes::actors::ActorCard;
use crate::writing::Writing;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(vote, unvote))
        .routes(routes!(vote_comment, unvote_comment))
        .routes(routes!(voters))
        .routes(routes!(comment_voters))
}

/// Likes a medium.
#[utoipa::path(put, path = "/v1/nodes/{id}/vote", tag = "votes", params(("id" = String, Path)), responses(
    (status = 204, description = "Liked")), security(("token" = []), ("cookie" = [])))]
async fn vote(State(app): State<Arc<App>>, me: SignedIn, Path(medium): Path<MediumId>) -> Result<Response, Problem> {
    app.vote_on_medium(&me, medium, |w, owner| {
        MediumVoted { by: Some(me.person), medium, owner, voter: me.person, notice: w.plan.second.into() }.into()
    })
    .await
}

/// Likes it no longer.
#[utoipa::path(delete, path = "/v1/nodes/{id}/vote", tag = "votes", params(("id" = String, Path)), responses(
    (status = 204, description = "Not liked")), security(("token" = []), ("cookie" = [])))]
async fn unvote(State(app): State<Arc<App>>, me: SignedIn, Path(medium): Path<MediumId>) -> Result<Response, Problem> {
    app.vote_on_medium(&me, medium, |_, owner| MediumUnvoted { by: Some(me.person), medium, owner, voter: me.person }.into())
        .await
}

/// Likes a comment.
#[utoipa::path(put, path = "/v1/comments/{id}/vote", tag = "votes", params(("id" = String, Path)), responses(
    (status = 204, description = "Liked")), security(("token" = []), ("cookie" = [])))]
async fn vote_comment(State(app): State<Arc<App>>, me: SignedIn, Path(comment): Path<CommentId>) -> Result<Response, Problem> {
    app.vote_on_comment(&me, comment, |medium, owner| {
        CommentVoted { by: Some(me.person), medium, owner, comment, voter: me.person }.into()
    })
    .await
}

/// Likes it no longer.
#[utoipa::path(delete, path = "/v1/comments/{id}/vote", tag = "votes", params(("id" = String, Path)), responses(
    (status = 204, description = "Not liked")), security(("token" = []), ("cookie" = [])))]
async fn unvote_comment(State(app): State<Arc<App>>, me: SignedIn, Path(comment): Path<CommentId>) -> Result<Response, Problem> {
    app.vote_on_comment(&me, comment, |medium, owner| {
        CommentUnvoted { by: Some(me.person), medium, owner, comment, voter: me.person }.into()
    })
    .await
}

/// Who likes a medium.
#[utoipa::path(get, path = "/v1/nodes/{id}/voters", tag = "votes", params(("id" = String, Path), crate::extract::page::PageParams),
    responses((status = 200, description = "Their cards", body = Page<ActorCard>)))]
async fn voters(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(medium): Path<MediumId>,
    page: PageQuery,
) -> Result<Response, Problem> {
    let above: Option<ActorId> = app.cursors.decode_some(Kind::Voters, page.cursor.as_deref())?;
    let freshness = app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
    app.node(&caller, medium).await?;
    let db = app.views.media.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let found = media::voters(&db, medium, above, limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(found.len(), page.limit, Kind::Voters, found.last().copied());
    Ok(answer::read(freshness, Page { items: app.visible_cards(&caller, found).await?, next }))
}

/// Who likes a comment.
#[utoipa::path(get, path = "/v1/comments/{id}/voters", tag = "votes", params(("id" = String, Path), crate::extract::page::PageParams),
    responses((status = 200, description = "Their cards", body = Page<ActorCard>)))]
async fn comment_voters(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(comment): Path<CommentId>,
    page: PageQuery,
) -> Result<Response, Problem> {
    let above: Option<ActorId> = app.cursors.decode_some(Kind::Voters, page.cursor.as_deref())?;
    let freshness = app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
    app.comment(&caller, comment).await?;
    let db = app.views.media.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let found = media::comment_voters(&db, comment, above, limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(found.len(), page.limit, Kind::Voters, found.last().copied());
    Ok(answer::read(freshness, Page { items: app.visible_cards(&caller, found).await?, next }))
}

impl App {
    async fn vote_on_medium(
        &self,
        me: &SignedIn,
        medium: MediumId,
        event: impl FnOnce(&Writing<'_>, ActorId) -> Body,
    ) -> Result<Response, Problem> {
        self.fresh(&me.caller, &[&self.views.media]).await?;
        let view = self.node(&me.caller, medium).await?;
        require(view.visible(), view.medium.may_join_in(view.viewer))?;
        let owner = view.node.owner;
        let outcome = self
            .write(&me.caller, async |w| {
                let body = event(w, owner);
                w.append(Topic::Media, medium.to_string(), body).await?;
                Ok(())
            })
            .await?;
        Ok(answer::done(StatusCode::NO_CONTENT, self.journal.id(), &outcome.positions(&me.caller)))
    }

    async fn vote_on_comment(
        &self,
        me: &SignedIn,
        comment: CommentId,
        event: impl FnOnce(MediumId, ActorId) -> Body,
    ) -> Result<Response, Problem> {
        self.fresh(&me.caller, &[&self.views.media]).await?;
        let view = self.comment(&me.caller, comment).await?;
        require(true, view.standing.may_vote(view.viewer))?;
        let body = event(view.row.medium, view.owner);
        let outcome = self
            .write(&me.caller, async |w| {
                w.append(Topic::Media, view.row.medium.to_string(), body).await?;
                Ok(())
            })
            .await?;
        Ok(answer::done(StatusCode::NO_CONTENT, self.journal.id(), &outcome.positions(&me.caller)))
    }
}
