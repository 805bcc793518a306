//! The log, on stderr: for people, or one JSON object a line. What is heard of spans goes to traces as well.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::Logging;
use crate::failure::Misuse;
use crate::traces::Traces;

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

/// Starts the log, and what hears of traces.
///
/// # Errors
/// [`Misuse`] when `RUST_LOG` cannot be read.
pub fn start(config: &Logging, traces: &Traces) -> anyhow::Result<()> {
    let directives = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let directives = if directives.trim().is_empty() { DEFAULT_FILTER } else { &directives };
    let filter = EnvFilter::try_new(directives).map_err(|error| Misuse(format!("RUST_LOG: {error}")))?;
    // Whatever is logged, its line says in which request it was.
    let spans = filter_fn(|of| of.is_span() && of.target().starts_with("aredvi")).with_max_level_hint(LevelFilter::INFO);
    let filter = filter.or(spans);
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = match config.log_format {
        Format::Text => log.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => log.json().with_current_span(false).boxed(),
    };
    tracing_subscriber::registry().with(log.with_filter(filter)).with(traces.layer()).init();
    Ok(())
}
