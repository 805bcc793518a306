//! `aredvi topics create|check`.

use anyhow::anyhow;
use aredvi_events::Mint;
use aredvi_journal::{JournalUrl, TopicsError, topics};

use crate::cli::Topics;
use crate::config;
use crate::data_dir::DataDir;
use crate::say::say;

/// Creates or checks the topics; each that does not fit is a line of the error.
///
/// # Errors
/// What does not fit, or why it could not be looked at.
pub async fn run(command: Topics) -> anyhow::Result<()> {
    let mint = Mint::new(config::clock()?);
    match command {
        Topics::Create(server) => {
            let _owned = own(&server.engines)?;
            let created = topics::create(&server.engines.journal(), server.engines.single_broker, &mint).await;
            let journal = created.map_err(told)?;
            say(format_args!("the topics of journal {journal} are there and fit"));
        }
        Topics::Check(server) => {
            topics::check(&server.engines.journal(), server.engines.single_broker).await.map_err(told)?;
            say("the topics fit");
        }
    }
    Ok(())
}

/// Topics that do not fit are told a line each.
fn told(error: TopicsError) -> anyhow::Error {
    match &error {
        TopicsError::Unfit(lines) if lines.lines().count() > 1 => {
            eprintln!("{lines}");
            anyhow!("{} topics do not fit", lines.lines().count())
        }
        TopicsError::Unfit(_)
        | TopicsError::Unreachable { .. }
        | TopicsError::Refused { .. }
        | TopicsError::Unnamed { .. }
        | TopicsError::Embedded(_) => error.into(),
    }
}

/// The embedded log is one process's.
fn own(engines: &config::Engines) -> anyhow::Result<Option<DataDir>> {
    Ok(match engines.journal {
        JournalUrl::Embedded { .. } => Some(DataDir::own(&engines.data)?),
        JournalUrl::Kafka { .. } => None,
    })
}
