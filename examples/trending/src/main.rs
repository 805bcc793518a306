//! Runs the view and its route in a process of its own, beside a community on shared engines: `AREDVI_JOURNAL`,
//! `AREDVI_DB`, `AREDVI_MASTER_KEY` and `AREDVI_SINGLE_BROKER` as the community's own processes have them, and
//! `TRENDING_LISTEN`, where it answers.

use std::sync::Arc;

use anyhow::Context as _;
use aredvi_events::{Clock, Mint, Positions};
use aredvi_journal::{Journal, JournalUrl, OpenOptions};
use aredvi_projectors::actors::Actors;
use aredvi_projectors::control::Control;
use aredvi_projectors::db::{DbUrl, PoolSizes};
use aredvi_projectors::facts::follow::{Follower, Heard};
use aredvi_projectors::facts::{Facts, load};
use aredvi_projectors::graph::Graph;
use aredvi_projectors::keys::{KeyStore, master};
use aredvi_projectors::runner::{Deps, Limits, Progress, Runner, Sites, ViewReader};
use aredvi_projectors::view::View;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trending::Trending;
use trending::route::{Shown, routes};

/// Where it answers, unless `TRENDING_LISTEN` says otherwise.
const LISTEN: &str = "127.0.0.1:8090";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let mint = Mint::new(Clock::default());
    let journal: JournalUrl = setting("AREDVI_JOURNAL")?.parse()?;
    let db: DbUrl = setting("AREDVI_DB")?.parse()?;
    let single_broker = std::env::var("AREDVI_SINGLE_BROKER").is_ok_and(|value| value == "true" || value == "1");
    let master_key = master::master_key(Some(&setting(master::ENV)?), None, &mint)?;
    let deps = Deps {
        journal: Journal::open(&journal, OpenOptions { single_broker }, &mint).await?,
        sites: Sites::new(db.clone()),
        control: Control::open(&db, mint.clock().clone(), PoolSizes::default()).await?,
        keys: KeyStore::open(&db, master_key, mint.clone(), PoolSizes::default()).await?,
        mint,
        limits: Limits::default(),
        progress: Progress::default(),
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stopped.cancel();
    });
    let facts = keep_facts(&deps, stop.clone()).await;
    let shown = Shown { reader: reader_of(&Trending, &deps).await, facts, clock: deps.mint.clock().clone() };
    let address = std::env::var("TRENDING_LISTEN").unwrap_or_else(|_| LISTEN.to_owned());
    let listener = TcpListener::bind(&address).await.with_context(|| format!("cannot listen on {address}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    let serving = axum::serve(listener, routes(Arc::new(shown))).with_graceful_shutdown(stop.clone().cancelled_owned());
    let runner = Runner::new(Arc::new(Trending), deps);
    let (served, ()) = tokio::join!(serving.into_future(), runner.run(stop));
    Ok(served?)
}

/// What visibility asks, loaded from the community's own views and kept by the log.
async fn keep_facts(deps: &Deps, stop: CancellationToken) -> Arc<Facts> {
    let facts = Arc::new(Facts::new());
    let follower = Follower {
        name: "hear.trending",
        journal: deps.journal.clone(),
        clock: deps.mint.clock().clone(),
        facts: Arc::clone(&facts),
        listeners: Vec::new(),
        heard: Arc::new(Heard::new(Positions::new())),
    };
    let (actors, graph) = (reader_of(&Actors, deps).await, reader_of(&Graph, deps).await);
    tokio::spawn(async move { load::keep(follower, &actors, &graph, stop).await });
    facts
}

async fn reader_of(view: &dyn View, deps: &Deps) -> ViewReader {
    ViewReader::open(view, &[view.schema_version()], deps, PoolSizes::default()).await
}

fn setting(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
