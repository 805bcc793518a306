//! `aredvi notifier`: sends mail and webhooks.

use std::sync::Arc;

use aredvi_api::admin::{self, Operations};
use aredvi_projectors::runner::Progress;

use crate::cli::Notifier;
use crate::operations;
use crate::process::Process;
use crate::roles::{facts, notifier, operators, webhooks};
use crate::views::{LOOK, Readers, of_consumers};

/// Sends until a signal.
///
/// # Errors
/// What could not be started, or what failed.
pub async fn run(config: Notifier) -> anyhow::Result<()> {
    config.engines.check_shared("notifier")?;
    let mut process = Process::start(&config.engines).await?;
    let started = start(&mut process, &config).await;
    process.run(started).await
}

async fn start(process: &mut Process, config: &Notifier) -> anyhow::Result<()> {
    let deps = process.base.deps(None, Progress::default());
    let consumers = facts::start(process, &deps).await.deps(deps.clone(), &process.base.cache);
    notifier::start(process, &consumers, &config.mail, config.public_url.to_string())?;
    webhooks::start(process, &deps, &config.webhooks);
    let desk = webhooks::desk(process, &deps, &config.webhooks).await?;
    let readers = Readers::open(of_consumers(&process.base, &consumers).await?, &deps, LOOK).await;
    let facts = Some(Arc::clone(&consumers.facts));
    let operations = Arc::new(Operations { facts, ..operations::of(process, deps, readers) });
    operators::start(process, Arc::clone(&operations), admin::routes(operations).merge(desk), config.admin.admin_listen).await
}
