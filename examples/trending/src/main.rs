//! Runs the view in a process of its own, beside a community on shared engines: `AREDVI_JOURNAL`, `AREDVI_DB`,
//! `AREDVI_MASTER_KEY` and `AREDVI_SINGLE_BROKER` as the community's own processes have them.

use std::sync::Arc;

use anyhow::Context as _;
use aredvi_events::{Clock, Mint};
use aredvi_journal::{Journal, JournalUrl, OpenOptions};
use aredvi_projectors::control::Control;
use aredvi_projectors::db::{DbUrl, PoolSizes};
use aredvi_projectors::keys::{KeyStore, master};
use aredvi_projectors::runner::{Deps, Limits, Progress, Runner, Sites};
use tokio_util::sync::CancellationToken;
use trending::Trending;

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
    Runner::new(Arc::new(Trending), deps).run(stop).await;
    Ok(())
}

fn setting(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
