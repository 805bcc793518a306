//! The life of a process that holds roles: it runs until a signal or a failure, and ends in order.
//!
//! First no request is accepted any more and those in work are answered; then the roles behind them finish what they have
//! in hand; then the log confirms what was appended. So no accepted write is lost and no request is cut off.

use std::time::Duration;

use anyhow::bail;
use aredvi_projectors::control::{ControlError, WorkerLease};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::base::Base;
use crate::config::Engines;
use crate::roles::Roles;
use crate::{config, failure, metrics, signals};

/// How long requests in work may take to be answered when the process ends.
const REQUESTS_LIMIT: Duration = Duration::from_secs(10);
/// How long the roles behind them may take to finish what they have in hand.
const ROLES_LIMIT: Duration = Duration::from_secs(10);

/// Engines and the roles on them.
pub struct Process {
    /// The engines.
    pub base: Base,
    /// Cancelled at the first signal.
    pub shutdown: CancellationToken,
    /// What was counted.
    pub metrics: PrometheusHandle,
    /// What is ended first: the public listener.
    pub front: Roles,
    /// What the front stands on: projectors, the tail, the planner, the notifier, the operators' listeners.
    pub back: Roles,
    worker: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Process {
    /// Listens to signals, begins to count, opens the engines; no role is at work yet.
    ///
    /// # Errors
    /// When an engine cannot be opened.
    pub async fn start(engines: &Engines) -> anyhow::Result<Self> {
        let shutdown = CancellationToken::new();
        signals::listen(shutdown.clone())?;
        let metrics = metrics::start()?;
        let base = tokio::select! {
            base = Base::open(engines, config::clock()?) => base?,
            () = shutdown.cancelled() => bail!("interrupted before it began"),
        };
        let roles = || Roles::new(base.mint.clock().clone());
        let (front, mut back) = (roles(), roles());
        let (handle, clock) = (metrics.clone(), base.mint.clock().clone());
        back.start("metrics", |stop| metrics::keep(handle, clock, stop));
        Ok(Self { base, shutdown, metrics, front, back, worker: None })
    }

    /// Takes a worker number, so that this process may mint ids until it ends.
    ///
    /// # Errors
    /// When there is none.
    pub async fn take_worker_number(&mut self) -> anyhow::Result<()> {
        let Base { control, mint, holder, .. } = &self.base;
        let acquire = || WorkerLease::acquire(control, mint, *holder);
        let lease = self.base.patiently("a worker number", acquire, ControlError::is_transient).await?;
        let stop = CancellationToken::new();
        self.worker = Some((stop.clone(), tokio::spawn(lease.run(stop))));
        Ok(())
    }

    /// Runs until the first signal, or until a role fails, and ends everything; at once where `started` says that not all
    /// could be started.
    ///
    /// # Errors
    /// The failure, or what was not ended in order.
    pub async fn run(mut self, started: anyhow::Result<()>) -> anyhow::Result<()> {
        if started.is_err() {
            // What a signal interrupted has not failed.
            let outcome = if self.shutdown.is_cancelled() { Ok(()) } else { started };
            return self.end(outcome).await;
        }
        let failed = tokio::select! {
            () = self.shutdown.cancelled() => Ok(()),
            error = self.front.first_end() => Err(error),
            error = self.back.first_end() => Err(error),
        };
        if let Err(error) = &failed {
            tracing::error!(error = failure::line(error), "a role failed, the process ends");
        }
        self.end(failed).await?;
        tracing::info!("ended in order");
        Ok(())
    }

    /// Ends everything in order; `outcome` is what there is to report unless ending fails.
    ///
    /// # Errors
    /// `outcome`'s, or what was not ended in order.
    pub async fn end(self, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        if let Err(error) = self.front.drain(REQUESTS_LIMIT).await {
            // A client that never finishes its request must not make every end a failure.
            tracing::warn!(error = failure::line(&error), "clients were cut off");
        }
        let finished = self.back.drain(ROLES_LIMIT).await;
        let flushed = self.base.flush().await;
        if let Some((stop, lease)) = self.worker {
            stop.cancel();
            // It is bounded by itself; a number that is not given back expires.
            let _ = lease.await;
        }
        self.base.close().await;
        outcome.and(finished).and(flushed)
    }
}
