//! `aredvi projector VIEW…|all`: keeps read models up to date.

use std::sync::Arc;

use aredvi_api::admin;
use aredvi_projectors::runner::Progress;
use aredvi_projectors::sessions::Sessions;

use crate::cli::Projector;
use crate::operations;
use crate::process::Process;
use crate::roles::{operators, projectors};
use crate::views::{Chosen, LOOK, Readers, chosen};

/// Projects until a signal.
///
/// # Errors
/// What could not be started, or what failed.
pub async fn run(config: Projector) -> anyhow::Result<()> {
    config.engines.check_shared("projector")?;
    let chosen = chosen(&config.views)?;
    let mut process = Process::start(&config.engines).await?;
    let started = start(&mut process, &config, chosen).await;
    process.run(started).await
}

async fn start(process: &mut Process, config: &Projector, chosen: Chosen) -> anyhow::Result<()> {
    let deps = process.base.deps(config.work.workers, Progress::default());
    if chosen.sessions {
        projectors::start_sessions(process, Sessions::new(process.base.cache.clone()));
    }
    projectors::start(process, chosen.views.clone(), &deps);
    let readers = Readers::open(chosen.views, &deps, LOOK).await;
    let operations = Arc::new(operations::of(process, deps, readers));
    operators::start(process, Arc::clone(&operations), admin::routes(operations), config.admin.admin_listen).await
}
