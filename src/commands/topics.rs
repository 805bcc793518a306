//! `aredvi topics create|check`.

use aredvi_events::Mint;
use aredvi_journal::{JournalUrl, topics};

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
            let journal = topics::create(&server.engines.journal(), server.engines.single_broker, &mint).await?;
            say(format_args!("the topics of journal {journal} are there and fit"));
        }
        Topics::Check(server) => {
            topics::check(&server.engines.journal(), server.engines.single_broker).await?;
            say("the topics fit");
        }
    }
    Ok(())
}

/// The embedded log is one process's.
fn own(engines: &config::Engines) -> anyhow::Result<Option<DataDir>> {
    Ok(match engines.journal {
        JournalUrl::Embedded { .. } => Some(DataDir::own(&engines.data)?),
        JournalUrl::Kafka { .. } => None,
    })
}
