//! SIGTERM and SIGINT: the first asks the process to end in order, the second ends it at once.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a process that a second signal ended, as shells report an interrupted one.
const INTERRUPTED: i32 = 130;

/// Cancels `shutdown` at the first signal.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn listen(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
    tokio::spawn(async move {
        let mut either = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let signal = either().await;
        tracing::info!(signal, "ending; a second signal ends at once");
        shutdown.cancel();
        either().await;
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
