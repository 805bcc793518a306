//! The log, on stderr: for people, or one JSON object a line.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::config::Logging;
use crate::failure::Misuse;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged unless `RUST_LOG` says otherwise.
const DEFAULT_FILTER: &str = "warn,aredvi=info";

/// Starts the log.
///
/// # Errors
/// [`Misuse`] when `RUST_LOG` cannot be read.
pub fn start(config: &Logging) -> anyhow::Result<()> {
    let directives = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let directives = if directives.trim().is_empty() { DEFAULT_FILTER } else { &directives };
    let filter = EnvFilter::try_new(directives).map_err(|error| Misuse(format!("RUST_LOG: {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        Format::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        Format::Json => log.json().init(),
    }
    Ok(())
}
