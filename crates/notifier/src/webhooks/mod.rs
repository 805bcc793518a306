//! Webhooks: events of the log, sent to whom an operator chose.
//!
//! A feeder reads the log once for all subscriptions and puts what each wants into the queue of
//! [`aredvi_projectors::webhooks`]; a courier for each subscription sends what is due, signs it, and notes what was answered.
//! A subscription begins at the end of the log, and how far all are stands beside the queue and not in a view, so nothing
//! that is rebuilt, replayed, imported or restored makes it send. Between a receiver's yes and the note of it lies a
//! crash: then it is sent again, under the same `webhook-id`.

mod courier;
mod couriers;
mod feeder;
mod post;
mod schedule;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use aredvi_projectors::runner::Deps;
use aredvi_projectors::webhooks::{Guard, Webhooks};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::sweep::{self, stopped};

pub use schedule::MAX_ATTEMPTS;

/// The name of the role's task.
pub const NAME: &str = "webhooks";
/// Between two tries to open the schema.
const OPEN_AGAIN: Duration = Duration::from_millis(500);
/// How often it is told how long events wait.
const MEASURED_EVERY: Duration = Duration::from_secs(5);

/// Fills the queue and sends, until `shutdown`.
pub async fn run(deps: Deps, guard: Guard, shutdown: CancellationToken) {
    let Some(webhooks) = open(&deps, &shutdown).await else { return };
    let queued = Arc::new(Notify::new());
    let feeder = feeder::Feeder::new(webhooks.clone(), deps.clone(), Arc::clone(&queued), shutdown.clone());
    tokio::join!(
        sweep::run(feeder, &deps.control, &deps.mint, &shutdown),
        couriers::run(&webhooks, &deps, &guard, &queued, &shutdown),
        measure(&webhooks, &deps, &shutdown)
    );
    webhooks.close().await;
}

async fn open(deps: &Deps, stop: &CancellationToken) -> Option<Webhooks> {
    let mut told = None;
    loop {
        match Webhooks::open(deps).await {
            Ok(webhooks) => return Some(webhooks),
            Err(error) => {
                let reason = error.chain();
                if told.as_ref() != Some(&reason) {
                    tracing::warn!(error = reason, "webhooks cannot begin yet");
                    told = Some(reason);
                }
            }
        }
        if stopped(deps.mint.clock(), OPEN_AGAIN, stop).await {
            return None;
        }
    }
}

/// Tells operators how long events wait and how many webhooks are disabled, until `stop`.
async fn measure(webhooks: &Webhooks, deps: &Deps, stop: &CancellationToken) {
    while !stopped(deps.mint.clock(), MEASURED_EVERY, stop).await {
        // What cannot be read is told by those who need it.
        if let Ok(oldest) = webhooks.oldest_waiting().await {
            let age_ms = oldest.map_or(0, |at| deps.mint.now_ms().saturating_sub(at).max(0));
            metrics::gauge!("aredvi_webhooks_oldest_ms").set(u32::try_from(age_ms).unwrap_or(u32::MAX));
        }
        if let Ok(all) = webhooks.subscriptions().await {
            let disabled = all.iter().filter(|one| one.reason.is_some()).count();
            metrics::gauge!("aredvi_webhooks_disabled").set(u32::try_from(disabled).unwrap_or(u32::MAX));
        }
    }
}
