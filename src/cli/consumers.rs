//! What is there for consumers of the log that are no part of this program.

use std::path::PathBuf;

use clap::Subcommand;

use super::AtServer;

/// What to print of the events.
#[derive(Debug, Subcommand)]
pub enum Schema {
    /// The AsyncAPI 3.0 document of the log: its topics, keys, headers, events.
    Asyncapi,
    /// The JSON Schema (2020-12) of an event's value; without a name, those of all in one document.
    Json {
        /// The event, as `ce_type` names it: `note.added`.
        event: Option<String>,
    },
    /// Write all of them into a directory: asyncapi.json, headers.json, and NAME.VERSION.json for each event.
    Write {
        /// The directory; made when it is missing.
        dir: PathBuf,
    },
}

/// What to do with service tokens.
#[derive(Debug, Subcommand)]
pub enum AdminToken {
    /// Issue one, and print it: it is told this once.
    Create {
        /// What it is called: whose it is. A-Z, a-z, 0-9, -, _ and .
        name: String,
        /// What it is good for; may be repeated.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = ["seals:open"])]
        scopes: Vec<String>,
        /// Days until it runs out; default: never.
        #[arg(long, value_name = "DAYS")]
        expires: Option<u32>,
        #[command(flatten)]
        server: AtServer,
    },
    /// List them.
    List(AtServer),
    /// Take one back: from now on it is good for nothing.
    Revoke {
        /// What it is called.
        name: String,
        #[command(flatten)]
        server: AtServer,
    },
}

impl AdminToken {
    /// Where it is asked.
    pub const fn server(&self) -> &AtServer {
        match self {
            Self::Create { server, .. } | Self::List(server) | Self::Revoke { server, .. } => server,
        }
    }
}
