//! The command line of webhooks.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::AtServer;
use crate::config;

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub enum Webhooks {
    /// Send events to a program from now on. The secret that they are signed with is shown this once.
    Add(WebhookAdd),
    /// List them.
    List(AtWebhooks),
    /// Show one.
    Show(Webhook),
    /// End one; what still waits is not sent.
    Remove(Webhook),
    /// Send events again from now on, and those that wait.
    Enable(Webhook),
    /// Send nothing until it is enabled; what happens meanwhile is not sent.
    Disable(Webhook),
    /// Have the notifier send a `webhook.test`; what came of it, `deliveries` shows.
    Test(Webhook),
    /// Make a new secret, which is shown this once; for a day the former one signs too.
    Rotate(Webhook),
    /// Show the newest deliveries.
    Deliveries(Webhook),
}

/// The webhook to be.
#[derive(Debug, Args)]
pub struct WebhookAdd {
    /// Where events are sent: https://…
    pub url: String,
    /// Of this topic: actors, graph, media, notifications or deliveries; may be repeated.
    #[arg(long = "topic", required = true, value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// Of this type, such as note.added; may be repeated; all types of the topics when there is none.
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    #[command(flatten)]
    pub at: AtWebhooks,
}

/// A webhook.
#[derive(Debug, Args)]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    #[command(flatten)]
    pub at: AtWebhooks,
}

/// Where webhooks are kept, and what they may reach.
#[derive(Debug, Clone, Args)]
pub struct AtWebhooks {
    #[command(flatten)]
    pub server: AtServer,
    #[command(flatten)]
    pub rules: config::Webhooks,
}

impl Webhooks {
    /// Where it is asked.
    pub const fn at(&self) -> &AtWebhooks {
        match self {
            Self::Add(add) => &add.at,
            Self::List(at) => at,
            Self::Show(one)
            | Self::Remove(one)
            | Self::Enable(one)
            | Self::Disable(one)
            | Self::Test(one)
            | Self::Rotate(one)
            | Self::Deliveries(one) => &one.at,
        }
    }
}
