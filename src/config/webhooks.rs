//! Where webhooks may be sent.

use aredvi_events::Clock;
use aredvi_projectors::webhooks::Guard;
use clap::Args;
use ipnet::IpNet;

/// What webhooks may reach beside the public internet, the same in every process that is told of them.
#[derive(Debug, Clone, Args)]
pub struct Webhooks {
    /// Networks that webhooks may be sent to although they are not public, separated by commas, such as `10.1.2.0/24`;
    /// default: none.
    #[arg(
        long,
        env = "AREDVI_WEBHOOKS_ALLOW_NETWORK",
        value_name = "NETWORKS",
        value_delimiter = ',',
        help_heading = "Webhooks"
    )]
    pub webhooks_allow_network: Vec<IpNet>,

    /// Webhooks may be sent to http:// too, where everybody on the way can read them; default: false.
    #[arg(
        long,
        env = "AREDVI_WEBHOOKS_ALLOW_HTTP",
        action = clap::ArgAction::SetTrue,
        value_parser = clap::builder::BoolishValueParser::new(),
        help_heading = "Webhooks"
    )]
    pub webhooks_allow_http: bool,
}

impl Webhooks {
    /// What keeps to it.
    pub fn guard(&self, clock: Clock) -> Guard {
        Guard::new(self.webhooks_allow_http, &self.webhooks_allow_network, clock)
    }
}
