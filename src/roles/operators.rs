//! The operators' listeners: an address where one is set, and the socket in a data directory that this process owns.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aredvi_api::admin::Operations;
use aredvi_events::Clock;
use axum::Router;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use crate::process::Process;
use crate::say::say;

/// How long answers to operators may take when the process ends; a wait for settling may be longer, and is cut off.
const ANSWERS_LIMIT: Duration = Duration::from_secs(1);

/// Starts the operators' listeners, and interrupts their rebuilds when the process ends.
///
/// # Errors
/// When it cannot listen at `address`.
pub async fn start(
    process: &mut Process,
    operations: Arc<Operations>,
    router: Router,
    address: Option<SocketAddr>,
) -> anyhow::Result<()> {
    process.back.start("rebuilds", |stop| async move {
        stop.cancelled().await;
        operations.works.end().await;
        Ok(())
    });
    if process.base.data.is_owned() {
        listen_on_socket(process, router.clone());
    }
    let Some(address) = address else { return Ok(()) };
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    say(format_args!("admin on http://{}", listener.local_addr()?));
    let clock = process.base.mint.clock().clone();
    process.back.start("admin", |stop| async move {
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped).into_future();
        until_cut_off(serving, stop, clock).await
    });
    Ok(())
}

/// The socket that subcommands reach this process through. A server without it serves all the same.
fn listen_on_socket(process: &mut Process, router: Router) {
    let path = process.base.data.control_socket();
    // The directory's lock is ours, so whoever listened there has ended.
    let _ = std::fs::remove_file(&path);
    let listener = match UnixListener::bind(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "subcommands cannot reach this server: no socket");
            return;
        }
    };
    let clock = process.base.mint.clock().clone();
    process.back.start("control", |stop| async move {
        let _removed = Removed(path);
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped).into_future();
        until_cut_off(serving, stop, clock).await
    });
}

async fn until_cut_off(
    serving: impl Future<Output = std::io::Result<()>>,
    stop: CancellationToken,
    clock: Clock,
) -> anyhow::Result<()> {
    let cut_off = async {
        stop.cancelled().await;
        clock.sleep(ANSWERS_LIMIT).await;
    };
    tokio::select! {
        served = serving => served.context("operators cannot be answered"),
        () = cut_off => Ok(()),
    }
}

/// Takes the socket away when nobody listens any more.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
