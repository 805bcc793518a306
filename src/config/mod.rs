//! The settings: one struct per concern, each a part of the command lines that need it.
//!
//! A setting comes from its flag, else from its environment variable, else from its default. Values that may hold a
//! password are never repeated, neither in `--help` nor in an error.

mod engines;
mod http;
mod traces;
mod webhooks;

use aredvi_events::Clock;
use aredvi_notifier::channels::MailUrl;
use clap::Args;

pub use engines::Engines;
#[cfg(test)]
pub use engines::VIEWS;
pub use http::{AdminListen, Http, Origin};
pub use traces::{OtlpEndpoint, Traces};
pub use webhooks::Webhooks;

use crate::failure::Misuse;
use crate::logging::Format;

/// How the process logs.
#[derive(Debug, Clone, Args)]
pub struct Logging {
    /// How the log on stderr is written; what is logged, RUST_LOG says (default: warn,aredvi=info).
    #[arg(long, env = "AREDVI_LOG_FORMAT", value_name = "FORMAT", default_value = "text", help_heading = "Log")]
    pub log_format: Format,
}

/// Where mail goes.
#[derive(Debug, Clone, Args)]
pub struct Mail {
    /// Mail: `file:[DIR]` (one .eml a message; default: outbox in --data), `smtp://[USER:PASSWORD@]HOST[:PORT]` or
    /// `smtps://…`.
    #[arg(long, env = "AREDVI_MAIL", value_name = "URL", default_value = "file:", hide_env_values = true, help_heading = "Mail")]
    pub mail: MailUrl,

    /// Who sends mail, `Name <address>` or an address; default: no-reply at the host of --public-url.
    #[arg(long, env = "AREDVI_MAIL_FROM", value_name = "SENDER", help_heading = "Mail")]
    pub mail_from: Option<String>,
}

/// How much a process of projectors does at once.
#[derive(Debug, Clone, Args)]
pub struct Work {
    /// Workers of each view, 1 to 24; default: one, and one a core for a view that is being rebuilt; embedded one.
    #[arg(
        long,
        env = "AREDVI_WORKERS",
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(1..=24),
        help_heading = "Projectors"
    )]
    pub workers: Option<u8>,
}

/// How a process shares its machine.
#[derive(Debug, Clone, Copy, Args)]
pub struct Priority {
    /// How much this process gives way to others of its machine, 0 to 19, as nice(1) does: nobody waits for it.
    #[arg(
        long,
        env = "AREDVI_NICE",
        value_name = "N",
        default_value_t = 10,
        value_parser = clap::value_parser!(u8).range(0..=19)
    )]
    pub nice: u8,
}

/// The variable that moves the process's clock, in milliseconds; for tests alone.
pub const TEST_CLOCK: &str = "AREDVI_TEST_CLOCK_OFFSET_MS";

/// The process's clock.
///
/// # Errors
/// [`Misuse`] when [`TEST_CLOCK`] is no number.
pub fn clock() -> Result<Clock, Misuse> {
    match std::env::var(TEST_CLOCK) {
        Err(_) => Ok(Clock::default()),
        Ok(text) => match text.parse() {
            Ok(offset_ms) => Ok(Clock::with_offset(offset_ms)),
            Err(_) => Err(Misuse(format!("{TEST_CLOCK}: `{text}` is no number of milliseconds"))),
        },
    }
}
