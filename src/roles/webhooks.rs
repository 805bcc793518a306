//! The other half of the role `notifier`: events that are sent to other programs; and the operators' desk for it.

use std::sync::Arc;

use anyhow::Context as _;
use aredvi_api::admin::webhooks::{Desk, routes};
use aredvi_notifier::webhooks;
use aredvi_projectors::runner::Deps;
use aredvi_projectors::webhooks::Webhooks;
use axum::Router;

use crate::config;
use crate::process::Process;

/// Starts to send.
pub fn start(process: &mut Process, deps: &Deps, rules: &config::Webhooks) {
    let (deps, guard) = (deps.clone(), rules.guard(process.base.mint.clock().clone()));
    process.back.start(webhooks::NAME, |stop| async move {
        webhooks::run(deps, guard, stop).await;
        Ok(())
    });
}

/// What operators may ask of webhooks in this process.
///
/// # Errors
/// When their schema cannot be opened.
pub async fn desk(process: &Process, deps: &Deps, rules: &config::Webhooks) -> anyhow::Result<Router> {
    let webhooks = Webhooks::open(deps).await.context("cannot open the schema `webhooks`")?;
    let (mint, journal) = (process.base.mint.clone(), process.base.journal.id());
    let guard = rules.guard(mint.clock().clone());
    Ok(routes(Arc::new(Desk { webhooks, guard, mint, journal })))
}
