//! Work that one process at a time does, under a named lease. A lease saves work and protects nothing: what is swept
//! bears being done twice.

use std::future::Future;
use std::time::Duration;

use aredvi_events::{Clock, Mint};
use aredvi_projectors::control::Control;
use tokio_util::sync::CancellationToken;

/// How long the lease of a process that says nothing stays its own.
const LEASE: Duration = Duration::from_secs(10);
/// Between two looks for work; also how soon a failure is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two tries to get a lease that another process holds.
const WAIT_FOR_LEASE: Duration = Duration::from_secs(2);

/// Why a turn was not finished; it is tried again.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

/// Work that comes in turns, each much shorter than the lease.
pub(crate) trait Sweep: Send {
    /// The name of its lease.
    const LEASE_NAME: &'static str;

    /// Does a bounded piece; whether more may be waiting.
    fn turn(&mut self) -> impl Future<Output = Result<bool, Failed>> + Send;
}

/// Sweeps until `stop`, whenever this process holds the lease.
pub(crate) async fn run<S: Sweep>(mut sweep: S, control: &Control, mint: &Mint, stop: &CancellationToken) {
    let clock = mint.clock();
    let mut lease = control.lease(S::LEASE_NAME, mint.event_id(), LEASE);
    let mut told = None;
    loop {
        let held = lease.hold().await.map_err(|error| Failed(error.chain()));
        let turned = match held {
            Ok(true) => sweep.turn().await.map(|more| if more { Duration::ZERO } else { PAUSE }),
            Ok(false) => Ok(WAIT_FOR_LEASE),
            Err(failed) => Err(failed),
        };
        let pause = match turned {
            Ok(pause) => {
                told = None;
                pause
            }
            Err(Failed(reason)) => {
                if told.as_ref() != Some(&reason) {
                    tracing::warn!(sweep = S::LEASE_NAME, error = reason, "not swept; it is tried again");
                    told = Some(reason);
                }
                PAUSE
            }
        };
        if stopped(clock, pause, stop).await {
            break;
        }
    }
    // It runs out by itself when this fails.
    let _: Result<(), _> = lease.release().await;
}

/// Waits; whether it is time to stop.
pub(crate) async fn stopped(clock: &Clock, pause: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => true,
        () = clock.sleep(pause) => false,
    }
}
