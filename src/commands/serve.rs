//! `aredvi serve`: all roles in one process.

use crate::cli::Serve;
use crate::process::Process;
use crate::roles::all;
use crate::roles::api::Purpose;

/// Serves until a signal.
///
/// # Errors
/// What could not be started, or what failed.
pub async fn run(config: Serve) -> anyhow::Result<()> {
    let mut process = Process::start(&config.engines).await?;
    let started = all::start(&mut process, &config, Purpose::Serve).await.map(drop);
    process.run(started).await
}
