//! `aredvi api`: the REST API alone.

use crate::cli::Api;
use crate::process::Process;
use crate::roles::api::{self, Purpose};

/// Serves until a signal.
///
/// # Errors
/// What could not be started, or what failed.
pub async fn run(config: Api) -> anyhow::Result<()> {
    config.engines.check_shared("api")?;
    let mut process = Process::start(&config.engines).await?;
    let started = api::start(&mut process, &config.http, config.admin.admin_listen, Purpose::Serve).await;
    process.run(started.map(drop)).await
}
