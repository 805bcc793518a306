//! The log, on stderr: for people, or one JSON object a line. What is heard of spans goes to traces as well.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing::{Metadata, subscriber::Interest};
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt as _};
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
    let filter = Asked(filter.or(spans));
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = match config.log_format {
        Format::Text => log.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => log.json().with_current_span(false).boxed(),
    };
    tracing_subscriber::registry().with(log.with_filter(filter)).with(traces.layer()).init();
    Ok(())
}

/// A filter that is asked for each event, not once for its place in the code: the answer to a library that says a line by
/// the crate `log`, as rdkafka does, stays in the thread's memory, and an event whose filters need not be asked would take
/// it for theirs, and be lost.
pub struct Asked<F>(pub F);

impl<S, F: Filter<S>> Filter<S> for Asked<F> {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        self.0.enabled(metadata, context)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let interest = self.0.callsite_enabled(metadata);
        if interest.is_always() { Interest::sometimes() } else { interest }
    }

    fn event_enabled(&self, event: &tracing::Event<'_>, context: &Context<'_, S>) -> bool {
        self.0.event_enabled(event, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.max_level_hint()
    }

    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, id: &tracing::Id, context: Context<'_, S>) {
        self.0.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &tracing::Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        self.0.on_record(id, values, context);
    }

    fn on_enter(&self, id: &tracing::Id, context: Context<'_, S>) {
        self.0.on_enter(id, context);
    }

    fn on_exit(&self, id: &tracing::Id, context: Context<'_, S>) {
        self.0.on_exit(id, context);
    }

    fn on_close(&self, id: tracing::Id, context: Context<'_, S>) {
        self.0.on_close(id, context);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing::callsite::Callsite as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("what was written").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// How many of three events stand in the log of a program whose libraries say lines by `log`, which are not wanted.
    fn logged(filter: impl Filter<tracing_subscriber::Registry> + Send + Sync + 'static) -> usize {
        let line = tracing::callsite! {
            name: "line",
            kind: tracing::metadata::Kind::EVENT,
            target: "a_library",
            level: tracing::Level::INFO,
            fields: message
        };
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
            for _ in 0..3 {
                tracing::info!("said");
                tracing::dispatcher::get_default(|log| std::hint::black_box(log.enabled(line.metadata())));
            }
        });
        let written = written.0.lock().expect("what was written").clone();
        String::from_utf8(written).expect("text").matches("said").count()
    }

    #[test]
    fn no_event_is_lost_to_a_line_of_a_library_that_is_not_wanted() {
        let filter = || EnvFilter::new(DEFAULT_FILTER);
        assert!(logged(filter()) < 3, "tracing-subscriber has learned it: `Asked` is needed no more");
        assert_eq!(logged(Asked(filter())), 3);
    }
}
