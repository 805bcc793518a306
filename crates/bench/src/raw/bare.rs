//! A handler that does nothing: the same HTTP server, a body of the same size, a process of its own.

use std::sync::Arc;

use anyhow::Context as _;
use aredvi_events::Clock;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

use crate::column::process::Process;
use crate::engines::Dir;
use crate::load::{self, Asks, Outcome, http};

/// Serves a body of `bytes` bytes until it is ended.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(bytes: usize) -> anyhow::Result<()> {
    let body = axum::body::Bytes::from(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2))));
    let app = Router::new().route("/", get(move || async move { ([(CONTENT_TYPE, "application/json")], body) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// How often that is answered a second, on so many connections.
///
/// # Errors
/// When the process does not start.
pub async fn measure(clock: &Clock, dir: &Dir, bytes: usize, connections: usize, seconds: f64) -> anyhow::Result<Outcome> {
    let args = ["bare", "--bytes", &bytes.to_string()].map(str::to_owned);
    let mut process = Process::start("bare", &std::env::current_exe()?, &args, &[], &dir.logs())?;
    process.listens(clock, true, false).await?;
    let address = process.url.as_deref().context("no listener")?.parse()?;
    let work = Arc::new(Asks { request: |_| http::get("/", None), status: 200 });
    let outcome = load::closed(clock, address, connections, seconds, work).await;
    process.end(clock).await?;
    Ok(outcome)
}
