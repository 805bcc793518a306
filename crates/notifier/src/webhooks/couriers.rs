//! A courier for each subscription, under a lease of its own: in one process at a time, and whichever process that is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::Clock;
use aredvi_projectors::control::NamedLease;
use aredvi_projectors::runner::Deps;
use aredvi_projectors::webhooks::{Guard, Webhooks};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::courier::Courier;
use super::post::Post;
use crate::sweep::stopped;

/// Between two looks which subscriptions there are.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the lease of a process that says nothing stays its own.
const LEASE: Duration = Duration::from_secs(10);
/// Between two renewals, and two tries to get a lease that another process holds.
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// How long requests in hand may take when the process ends; those that take longer are sent again.
const ENDING: Duration = Duration::from_secs(3);

struct AtWork {
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

/// Keeps a courier at work for every enabled subscription, until `stop`.
pub(super) async fn run(webhooks: &Webhooks, deps: &Deps, guard: &Guard, queued: &Arc<Notify>, stop: &CancellationToken) {
    let clock = deps.mint.clock();
    let post = Post::new(guard.clone(), clock.clone());
    let mut at_work: BTreeMap<Uuid, AtWork> = BTreeMap::new();
    let mut told = None;
    loop {
        match webhooks.subscriptions().await {
            Ok(all) => {
                told = None;
                let wanted: Vec<Uuid> = all.iter().filter(|one| one.enabled).map(|one| one.id).collect();
                let gone: Vec<Uuid> = at_work.keys().copied().filter(|id| !wanted.contains(id)).collect();
                for courier in gone.iter().filter_map(|id| at_work.remove(id)).collect::<Vec<_>>() {
                    end(courier).await;
                }
                for id in wanted {
                    let begin = || {
                        let stop = stop.child_token();
                        let lease = deps.control.lease(&format!("webhook:{id}"), deps.mint.event_id(), LEASE);
                        let courier = Courier::new(id, webhooks.clone(), deps.mint.clone(), post.clone(), Arc::clone(queued));
                        let task = AbortOnDropHandle::new(tokio::spawn(work(courier, lease, clock.clone(), stop.clone())));
                        AtWork { stop, task }
                    };
                    at_work.entry(id).or_insert_with(begin);
                }
            }
            Err(error) => {
                let reason = error.to_string();
                if told.as_ref() != Some(&reason) {
                    tracing::warn!(error = reason, "the webhooks cannot be read; it is tried again");
                    told = Some(reason);
                }
            }
        }
        if stopped(clock, LOOK_EVERY, stop).await {
            break;
        }
    }
    for (_, courier) in at_work {
        end(courier).await;
    }
}

async fn end(AtWork { stop, task }: AtWork) {
    stop.cancel();
    if let Err(error) = task.await {
        tracing::error!(%error, "a courier of webhooks ended badly");
    }
}

/// Lets the courier work while the lease is held.
async fn work(courier: Courier, mut lease: NamedLease, clock: Clock, stop: CancellationToken) {
    loop {
        if matches!(lease.hold().await, Ok(true)) {
            let round = stop.child_token();
            let renewed = async {
                // Work that outlives its lease is cut off: another courier may have begun.
                while !stopped(&clock, RENEW_EVERY, &round).await {
                    match lease.hold().await {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(_) if lease.is_held() => {}
                        Err(_) => return,
                    }
                }
            };
            let ended = async {
                stop.cancelled().await;
                clock.sleep(ENDING).await;
            };
            tokio::select! {
                () = courier.run(&round) => {}
                () = renewed => {}
                () = ended => {}
            }
            round.cancel();
        }
        if stopped(&clock, RENEW_EVERY, &stop).await {
            break;
        }
    }
    // It runs out by itself when this fails.
    let _: Result<(), _> = lease.release().await;
}
