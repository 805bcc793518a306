//! What a person is told.

use std::sync::Arc;

use aredvi_events::notifications::{NotificationDismissed, NotificationsRead};
use aredvi_events::{NotificationId, Topic};
use aredvi_projectors::notification_feed::queries::{self as feed, Notification as Told};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::app::App;
use crate::bells::Newest;
use crate::caller::SignedIn;
use crate::cards::{not_serving, unreadable};
use crate::cursor::Kind;
use crate::extract::{Json, PageQuery, Path};
use crate::problem::Problem;
use crate::shapes::Page;
use crate::shapes::notifications::{MarkRead, Notification, Read, Unread};

/// Looks for one page before it is answered short: notifications may be hidden when they are filled in.
const MAX_LOOKS: usize = 4;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(count)).routes(routes!(read)).routes(routes!(dismiss))
}

/// What the signed-in person is told, the newest first.
#[utoipa::path(get, path = "/v1/notifications", tag = "notifications", params(crate::extract::page::PageParams),
    responses((status = 200, description = "Notifications", body = Page<Notification>)), security(("token" = []), ("cookie" = [])))]
async fn list(State(app): State<Arc<App>>, me: SignedIn, page: PageQuery) -> Result<Response, Problem> {
    let mut below: Option<u64> = app.cursors.decode_some(Kind::Notifications, page.cursor.as_deref())?;
    let mut freshness = app.fresh(&me.caller, &[&app.views.media, &app.views.actors]).await?;
    let mut items = Vec::with_capacity(page.limit);
    let mut more = true;
    for _ in 0..MAX_LOOKS {
        let (told, covered, older) = app.told(&me, below, page.limit - items.len()).await?;
        freshness.stale |= !covered;
        more = older;
        below = told.last().map_or(below, |told| Some(told.offset));
        items.extend(app.notification_cards(&me.caller, &told).await?.into_iter().flatten());
        if !more || items.len() >= page.limit {
            break;
        }
    }
    let next = below.filter(|_| more).map(|below| app.cursors.encode(Kind::Notifications, &below));
    Ok(answer::read(freshness, Page { items, next }))
}

/// How many of the newest 100 the signed-in person has not seen.
#[utoipa::path(get, path = "/v1/notifications/count", tag = "notifications",
    responses((status = 200, description = "How many", body = Unread)), security(("token" = []), ("cookie" = [])))]
async fn count(State(app): State<Arc<App>>, me: SignedIn) -> Result<Response, Problem> {
    let mut freshness = app.fresh(&me.caller, &[&app.views.media]).await?;
    let (newest, covered) = app.bells.newest(&app.views.notification_feed, me.person, me.caller.wait).await?;
    freshness.stale |= !covered;
    let unread = app.unread(&me.caller, newest.notifications).await?;
    Ok(answer::read(freshness, Unread { unread, more: newest.older }))
}

/// Marks what the person has seen: everything up to one, or these alone.
#[utoipa::path(post, path = "/v1/notifications/read", tag = "notifications", request_body = MarkRead,
    responses((status = 204, description = "Marked")), security(("token" = []), ("cookie" = [])))]
async fn read(State(app): State<Arc<App>>, me: SignedIn, Json(input): Json<MarkRead>) -> Result<Response, Problem> {
    let (through, ids) = match input.check()? {
        Read::Through(last) => (Some(last), Vec::new()),
        Read::These(ids) => (None, ids),
    };
    let ids = app.ever_told(&me, ids).await?;
    if let Some(last) = through
        && app.ever_told(&me, vec![last]).await?.is_empty()
    {
        return Err(Problem::not_found());
    }
    let recipient = me.person;
    let outcome = app
        .write(&me.caller, async |w| {
            if through.is_some() || !ids.is_empty() {
                let event = NotificationsRead { by: Some(recipient), recipient, through, ids: ids.clone() };
                w.append(Topic::Notifications, recipient.to_string(), event).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

/// Takes one away.
#[utoipa::path(delete, path = "/v1/notifications/{id}", tag = "notifications", params(("id" = String, Path)),
    responses((status = 204, description = "It is gone")), security(("token" = []), ("cookie" = [])))]
async fn dismiss(State(app): State<Arc<App>>, me: SignedIn, Path(id): Path<NotificationId>) -> Result<Response, Problem> {
    if app.ever_told(&me, vec![id]).await?.is_empty() {
        return Err(Problem::not_found());
    }
    let recipient = me.person;
    let outcome = app
        .write(&me.caller, async |w| {
            let event = NotificationDismissed { by: Some(recipient), recipient, notification: id };
            w.append(Topic::Notifications, recipient.to_string(), event).await?;
            Ok(())
        })
        .await?;
    Ok(answer::done(StatusCode::NO_CONTENT, app.journal.id(), &outcome.positions(&me.caller)))
}

impl App {
    /// The next of a person's notifications below a place in his log, whether they hold all that the reader waits for,
    /// and whether there are more: from memory while it reaches, from the view below that.
    async fn told(&self, me: &SignedIn, below: Option<u64>, limit: usize) -> Result<(Vec<Told>, bool, bool), Problem> {
        let view = &self.views.notification_feed;
        let (newest, covered) = self.bells.newest(view, me.person, me.caller.wait).await?;
        let Newest { mut notifications, older } = newest.below(below);
        if !notifications.is_empty() || !older {
            let more = older || notifications.len() > limit;
            notifications.truncate(limit);
            return Ok((notifications, covered, more));
        }
        let covered = covered && view.wait_for(&me.caller.wanted, me.caller.wait).await;
        let db = view.db().map_err(|e| not_serving(&e))?;
        let rows = feed::page(&db, me.person, below, u32::try_from(limit).unwrap_or(1)).await.map_err(|e| unreadable(&e))?;
        let more = rows.len() >= limit;
        Ok((rows, covered, more))
    }

    /// Those of these that the person was ever told, seen or dismissed.
    async fn ever_told(&self, me: &SignedIn, ids: Vec<NotificationId>) -> Result<Vec<NotificationId>, Problem> {
        if ids.iter().all(|id| self.bells.holds(me.person, *id)) {
            return Ok(ids);
        }
        let view = &self.views.notification_feed;
        view.wait_for(&me.caller.wanted, me.caller.wait).await;
        let db = view.db().map_err(|e| not_serving(&e))?;
        feed::told(&db, me.person, &ids).await.map_err(|e| unreadable(&e))
    }
}
