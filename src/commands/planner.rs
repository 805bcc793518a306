//! `aredvi planner`: the planner, the janitor and the key keeper.

use std::sync::Arc;

use aredvi_api::admin::{self, Operations};
use aredvi_projectors::runner::Progress;

use crate::cli::Planner;
use crate::operations;
use crate::process::Process;
use crate::roles::{facts, operators, planner};
use crate::views::{LOOK, Readers, of_consumers};

/// Plans until a signal.
///
/// # Errors
/// What could not be started, or what failed.
pub async fn run(config: Planner) -> anyhow::Result<()> {
    config.engines.check_shared("planner")?;
    let mut process = Process::start(&config.engines).await?;
    let started = start(&mut process, &config).await;
    process.run(started).await
}

async fn start(process: &mut Process, config: &Planner) -> anyhow::Result<()> {
    let deps = process.base.deps(config.work.workers, Progress::default());
    let consumers = facts::start(process, &deps).await.deps(deps.clone(), &process.base.cache);
    planner::start(process, &consumers);
    let readers = Readers::open(of_consumers(&process.base, &consumers).await?, &deps, LOOK).await;
    let facts = Some(Arc::clone(&consumers.facts));
    let operations = Arc::new(Operations { facts, ..operations::of(process, deps, readers) });
    operators::start(process, Arc::clone(&operations), admin::routes(operations), config.admin.admin_listen).await
}
