//! Puts the api together: loads what it holds in memory, tails the journal, answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aredvi_projectors::facts::follow::{Follower, Listener};
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, ServiceExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower::util::MapRequestLayer;

use crate::admission;
use crate::app::App;
use crate::gauges;
use crate::middleware::{Shell, around, guard};
use crate::openapi;
use crate::problem::Problem;
use crate::v1;

/// Between two tries to load while the views do not serve.
const LOAD_RETRY: Duration = Duration::from_millis(100);

/// Every route of the public listener.
///
/// # Errors
/// When the description of the routes cannot be written.
pub fn router(app: &Arc<App>) -> Result<Router, serde_json::Error> {
    let v1 = openapi::serve(openapi::router().merge(v1::routes()))?;
    let v1 = v1.layer(from_fn_with_state(Arc::clone(app), admission::admit)).with_state(Arc::clone(app));
    let health = Router::new().route("/healthz", get(healthy)).route("/readyz", get(ready)).with_state(Arc::clone(app));
    let shell = Shell {
        mint: app.mint.clone(),
        trusted_proxies: app.settings.trusted_proxies.clone(),
        own_origins: app.settings.own_origins(),
        cors_origins: app.settings.cors_origins.clone(),
        https: app.settings.public_url.starts_with("https://"),
        request_limit: guard::REQUEST_LIMIT,
    };
    Ok(around(v1.merge(health), shell))
}

/// Answers on `listener` until `shutdown`, then ends the streams and finishes the requests in flight.
///
/// # Errors
/// When the listener fails.
pub async fn serve(app: Arc<App>, listener: TcpListener, shutdown: CancellationToken) -> std::io::Result<()> {
    let router = MapRequestLayer::new(means_me).layer(router(&app)?);
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let ended = async move {
        shutdown.cancelled().await;
        app.streams.close();
    };
    axum::serve(listener, router).with_graceful_shutdown(ended).await
}

/// Loads what this process holds in memory, then tails the journal, until `shutdown`.
pub async fn follow(app: Arc<App>, shutdown: CancellationToken) {
    let mut told = String::new();
    while let Err(error) = app.load().await {
        if told != error.to_string() {
            told = error.to_string();
            tracing::info!(error = &error as &dyn std::error::Error, "what the api holds in memory cannot be loaded yet");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = app.mint.clock().sleep(LOAD_RETRY) => {}
        }
    }
    let listeners: Vec<Arc<dyn Listener>> = vec![
        Arc::clone(&app.near) as _,
        Arc::new(app.keys.clone()) as _,
        // Before whatever proposes or tells a note: it may be asked for at once.
        Arc::clone(&app.cards) as _,
        // Before the feed index: what is taken away is still known there.
        Arc::clone(&app.streams) as _,
        Arc::clone(&app.feed) as _,
        Arc::clone(&app.bells) as _,
        Arc::clone(&app.verdicts) as _,
    ];
    let follower = Follower {
        name: "api",
        journal: app.journal.clone(),
        clock: app.mint.clock().clone(),
        facts: Arc::clone(&app.facts),
        listeners,
        heard: Arc::clone(&app.heard),
    };
    tokio::select! {
        () = follower.run(shutdown) => {}
        () = gauges::keep(&app) => {}
        () = app.cards.keep(&app.heard) => {}
    }
}

/// What stands under an actor, of whoever asks: `/v1/me/followers` is `/v1/actors/me/followers`.
const OF_AN_ACTOR: [&str; 6] = ["followers", "leaders", "stories", "follow", "block", "subscription"];

fn means_me<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let uri = request.uri();
    let Some(what) = uri.path().strip_prefix("/v1/me/").filter(|what| OF_AN_ACTOR.contains(what)) else { return request };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = format!("/v1/actors/me/{what}{query}").parse() {
        *request.uri_mut() = uri;
    }
    request
}

/// It answers, so the process lives.
pub(crate) async fn healthy() -> &'static str {
    "alive\n"
}

/// Ready once what it holds in memory has caught up with the journal.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.facts.trusted(app.mint.now_ms()) {
        true => (StatusCode::OK, "ready\n").into_response(),
        false => Problem::unavailable().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(uri: &str) -> String {
        means_me(axum::http::Request::builder().uri(uri).body(()).expect("a request")).uri().to_string()
    }

    #[test]
    fn what_stands_under_an_actor_stands_under_me_too() {
        assert_eq!(meant("/v1/me/followers?limit=3&cursor=x"), "/v1/actors/me/followers?limit=3&cursor=x");
        for own in ["/v1/me", "/v1/me/password", "/v1/me/follow-requests", "/v1/me/follow-requests/7", "/v1/people/@me"] {
            assert_eq!(meant(own), own);
        }
    }
}
