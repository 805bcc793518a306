//! `aredvi api`: the REST API alone.

use std::sync::Arc;

use aredvi_api::admin;
use aredvi_projectors::runner::Progress;
use aredvi_projectors::views;

use crate::cli::Api;
use crate::operations;
use crate::process::Process;
use crate::roles::{api, operators};
use crate::views::{Readers, SERVE};

/// Serves until a signal.
///
/// # Errors
/// What could not be started, or what failed.
pub async fn run(config: Api) -> anyhow::Result<()> {
    config.engines.check_shared("api")?;
    let mut process = Process::start(&config.engines).await?;
    let started = start(&mut process, &config).await;
    process.run(started).await
}

async fn start(process: &mut Process, config: &Api) -> anyhow::Result<()> {
    process.take_worker_number().await?;
    let deps = process.base.deps(None, Progress::default());
    let readers = Readers::open(views::all(), &deps, SERVE).await;
    let listener = api::bind(config.http.listen).await?;
    let public_url = config.http.public_url(listener.local_addr()?);
    let app = api::open(&process.base, &readers, &config.http, public_url.clone())?;
    api::follow(process, &app);
    let mut operations = operations::of(process, deps, readers);
    operations.url = Some(public_url);
    operations.others.push(Arc::new(api::Tail(Arc::clone(&app.heard))));
    let operations = Arc::new(operations);
    let router = admin::routes(Arc::clone(&operations)).merge(admin::people::routes(Arc::clone(&app)));
    operators::start(process, operations, router, config.admin.admin_listen).await?;
    api::listen(process, &app, listener)
}
