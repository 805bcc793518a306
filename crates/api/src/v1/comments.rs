//! Comments on media.

use std::sync::Arc;

use aredvi_events::media::{CommentAdded, CommentDeleted, CommentEdited};
use aredvi_events::{CommentId, MediumId, Topic};
use aredvi_projectors::media::queries::{self as media, CommentRow};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::app::App;
use crate::caller::{Caller, SignedIn};
use crate::cards::{not_serving, unreadable};
use crate::commands::note::require;
use crate::cursor::Kind;
use crate::extract::{Json, PageQuery, Path};
use crate::problem::Problem;
use crate::shapes::Page;
use crate::shapes::comments::{Comment, CommentPatch, NewComment};
use crate::text::{self, Faults};
use crate::writing::Outcome;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, change, delete))
}

/// The comments on a medium, the oldest first.
#[utoipa::path(get, path = "/v1/nodes/{id}/comments", tag = "comments", params(("id" = String, Path), crate::extract::page::PageParams),
    responses((status = 200, description = "Comments", body = Page<Comment>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(medium): Path<MediumId>,
    page: PageQuery,
) -> Result<Response, Problem> {
    let above: Option<CommentId> = app.cursors.decode_some(Kind::Comments, page.cursor.as_deref())?;
    let freshness = app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
    app.node(&caller, medium).await?;
    let db = app.views.media.db().map_err(|e| not_serving(&e))?;
    let limit = u32::try_from(page.limit).unwrap_or(1);
    let rows = media::comments(&db, medium, above, limit).await.map_err(|e| unreadable(&e))?;
    let next = app.next_cursor(rows.len(), page.limit, Kind::Comments, rows.last().map(|row| row.id));
    Ok(answer::read(freshness, Page { items: app.comment_cards(&caller, rows).await?, next }))
}

/// Comments on a medium.
#[utoipa::path(post, path = "/v1/nodes/{id}/comments", tag = "comments", params(("id" = String, Path)), request_body = NewComment,
    responses((status = 201, description = "The comment", body = Comment)), security(("token" = []), ("cookie" = [])))]
async fn add(
    State(app): State<Arc<App>>,
    me: SignedIn,
    Path(medium): Path<MediumId>,
    Json(input): Json<NewComment>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let text = faults.take(text::comment("/body", &input.body));
    faults.refuse()?;
    app.fresh(&me.caller, &[&app.views.media, &app.views.accounts]).await?;
    let view = app.node(&me.caller, medium).await?;
    require(view.visible(), view.medium.may_join_in(view.viewer))?;
    let owner = view.node.owner;
    let outcome = app
        .write(&me.caller, async |w| {
            let comment: CommentId = w.plan.first.into();
            let said = app.say(&me.caller, me.person, w.plan.event, &text).await?;
            let added = CommentAdded {
                by: Some(me.person),
                medium,
                owner,
                comment,
                author: me.person,
                body: said.body,
                hashtags: said.hashtags,
                mentions: said.mentions,
                story: w.plan.second.into(),
            };
            let place = w.append(Topic::Media, medium.to_string(), added).await?;
            Ok((w.plan, place))
        })
        .await?;
    let (card, positions) = match outcome {
        Outcome::Now((plan, place), positions) => {
            let row = CommentRow::fresh(plan.first.into(), medium, me.person, text, plan.time_ms, plan.second.into(), place);
            let cards = app.comment_cards(&me.caller, vec![row]).await.map_err(Problem::of_what_was_written)?;
            (cards.into_iter().next(), positions)
        }
        Outcome::Before(plan) => {
            let caller = app.repeating(&me.caller, Topic::Media, &medium.to_string()).await?;
            app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
            let db = app.views.media.db().map_err(|e| not_serving(&e))?;
            // It was written: a view that does not hold it is behind.
            if media::comments_by_id(&db, &[plan.first.into()]).await.map_err(|e| unreadable(&e))?.is_empty() {
                return Err(Problem::unavailable());
            }
            let row = app.comment(&caller, plan.first.into()).await?.row;
            (app.comment_cards(&caller, vec![row]).await?.pop(), caller.wanted)
        }
    };
    let card = card.ok_or_else(Problem::not_found)?;
    let location = format!("/v1/comments/{}", card.id);
    Ok(answer::located(answer::written(StatusCode::CREATED, app.journal.id(), &positions, card), &location))
}

/// One comment.
#[utoipa::path(get, path = "/v1/comments/{id}", tag = "comments", params(("id" = String, Path)), responses(
    (status = 200, description = "The comment", body = Comment)))]
async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<CommentId>,
) -> Result<Response, Problem> {
    let freshness = app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
    let row = app.comment(&caller, id).await?.row;
    let card = app.comment_cards(&caller, vec![row]).await?.pop().ok_or_else(Problem::not_found)?;
    Ok(answer::read_one(freshness, &headers, card))
}

/// Changes what it says.
#[utoipa::path(patch, path = "/v1/comments/{id}", tag = "comments", params(("id" = String, Path)), request_body = CommentPatch,
    responses((status = 200, description = "The comment", body = Comment)), security(("token" = []), ("cookie" = [])))]
async fn change(
    State(app): State<Arc<App>>,
    me: SignedIn,
    Path(id): Path<CommentId>,
    Json(input): Json<CommentPatch>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let text = input.body.as_deref().map(|body| faults.take(text::comment("/body", body)));
    faults.refuse()?;
    app.fresh(&me.caller, &[&app.views.media, &app.views.accounts]).await?;
    let view = app.comment(&me.caller, id).await?;
    require(true, view.standing.may_edit(view.viewer))?;
    let (medium, owner) = (view.row.medium, view.owner);
    let outcome = app
        .write(&me.caller, async |w| {
            if let Some(text) = &text {
                let said = app.say(&me.caller, me.person, w.plan.event, text).await?;
                let edited = CommentEdited {
                    by: Some(me.person),
                    medium,
                    owner,
                    comment: id,
                    body: said.body,
                    hashtags: said.hashtags,
                    mentions: said.mentions,
                    notice: w.plan.second.into(),
                };
                w.append(Topic::Media, medium.to_string(), edited).await?;
            }
            Ok(())
        })
        .await?;
    let positions = outcome.positions(&me.caller);
    let caller = Caller { wanted: positions.clone(), ..me.caller };
    let freshness = app.fresh(&caller, &[&app.views.media, &app.views.actors]).await?;
    let row = app.comment(&caller, id).await?.row;
    let card = app.comment_cards(&caller, vec![row]).await?.pop().ok_or_else(Problem::not_found)?;
    let mut response = answer::written(StatusCode::OK, app.journal.id(), &positions, card);
    freshness.write(response.headers_mut());
    Ok(response)
}

/// Takes it away.
#[utoipa::path(delete, path = "/v1/comments/{id}", tag = "comments", params(("id" = String, Path)), responses(
    (status = 204, description = "It is gone")), security(("token" = []), ("cookie" = [])))]
async fn delete(State(app): State<Arc<App>>, me: SignedIn, Path(id): Path<CommentId>) -> Result<Response, Problem> {
    app.fresh(&me.caller, &[&app.views.media]).await?;
    let Some(view) = app.comment_of_mine_or_seen(&me, id).await? else {
        return Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &me.caller.wanted));
    };
    require(true, view.standing.may_delete(view.viewer))?;
    let (medium, owner, story) = (view.row.medium, view.owner, view.row.story);
    let outcome = app
        .write(&me.caller, async |w| {
            let deleted = CommentDeleted { by: Some(me.person), medium, owner, comment: id, story };
            w.append(Topic::Media, medium.to_string(), deleted).await?;
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

impl App {
    /// A comment to take away: `None` when its own writer asks again for one that is gone already.
    async fn comment_of_mine_or_seen(&self, me: &SignedIn, id: CommentId) -> Result<Option<crate::cards::CommentView>, Problem> {
        let db = self.views.media.db().map_err(|e| not_serving(&e))?;
        let rows = media::comments_by_id(&db, &[id]).await.map_err(|e| unreadable(&e))?;
        let row = rows.first().ok_or_else(Problem::not_found)?;
        if row.deleted && row.author == me.person {
            return Ok(None);
        }
        self.comment(&me.caller, id).await.map(Some)
    }
}
