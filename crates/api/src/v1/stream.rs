//! The live stream: what happens in one's feed and bell, as it happens.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::SignedIn;
use crate::extract::Query;
use crate::problem::Problem;
use crate::sse::{self, LastEventId};
use crate::streams::Live;

/// Frames that are made before the client has taken the one before.
const AHEAD: usize = 1;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(listen))
}

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct From {
    /// The last event's id, where the header `Last-Event-ID` cannot be sent.
    last_event_id: Option<String>,
}

/// Stories, notifications and their changes, as they happen: `story` and `story_changed` hold a story, `story_removed` its
/// `id`, `notification` a notification, `notification_count` the count; `reset` says that what was missed has to be fetched.
/// An unfollow or a block by or of the listener takes the other's stories away, the newest hundred at most. With
/// `Last-Event-ID` it goes on where it ended, with what came and what was taken away meanwhile; after too long an absence,
/// or where this process has not heard what was taken away, with `reset`.
#[utoipa::path(get, path = "/v1/stream", tag = "stream", params(From), responses(
    (status = 200, description = "Server-sent events", body = String, content_type = "text/event-stream")),
    security(("token" = []), ("cookie" = [])))]
async fn listen(
    State(app): State<Arc<App>>,
    me: SignedIn,
    LastEventId(header): LastEventId,
    Query(query): Query<From>,
) -> Result<Response, Problem> {
    let seat = app.streams.open(me.person)?;
    let last = header.or(query.last_event_id.filter(|id| !id.is_empty()));
    let (frames, taken) = mpsc::channel(AHEAD);
    let live = Live { app, me, seat, frames };
    tokio::spawn(live.run(last));
    Ok(sse::answer(stream::unfold(taken, async |mut taken| taken.recv().await.map(|frame| (frame, taken)))))
}
