//! `aredvi serve`: all roles in one process.

use std::sync::Arc;

use aredvi_api::admin::{self, Operations};
use aredvi_projectors::runner::Progress;
use aredvi_projectors::sessions::Sessions;
use tokio_util::sync::CancellationToken;

use crate::base::Base;
use crate::cli::Serve;
use crate::process::Process;
use crate::roles::{operators, projectors};
use crate::{config, metrics, signals};

/// Serves until a signal.
///
/// # Errors
/// What could not be started, or what failed.
pub async fn run(config: Serve) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    signals::listen(shutdown.clone())?;
    let metrics = metrics::start()?;
    let base = Base::open(&config.engines, config::clock()?).await?;
    let deps = base.deps(config.work.workers, Progress::default());
    let sessions = Sessions::new(base.cache.clone());
    let mut process = Process::new(base, shutdown);
    let (handle, clock) = (metrics.clone(), process.base.mint.clock().clone());
    process.back.start("metrics", |stop| metrics::keep(handle, clock, stop));
    projectors::start(&mut process, Vec::new(), &deps);
    projectors::start_sessions(&mut process, sessions.clone());
    let operations = Operations { url: None, deps, views: Vec::new(), sessions, others: Vec::new(), metrics };
    let router = admin::routes(Arc::new(operations));
    operators::listen(&mut process, config.admin.admin_listen, router.clone()).await?;
    if config.engines.embedded() {
        operators::listen_on_socket(&mut process, router);
    }
    process.run().await
}
