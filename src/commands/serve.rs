//! `aredvi serve`: all roles in one process.

use crate::cli::Serve;
use crate::process::Process;
use crate::roles::all::{self, Answers};

/// Serves until a signal.
///
/// # Errors
/// What could not be started, or what failed.
pub async fn run(config: Serve) -> anyhow::Result<()> {
    let mut process = Process::start(&config.engines).await?;
    let started = all::start(&mut process, &config, Answers::Everybody).await.map(drop);
    process.run(started).await
}
