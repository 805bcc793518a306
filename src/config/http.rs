//! Where the process listens, and what it believes of those who ask.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use aredvi_api::extract::TrustedProxies;
use aredvi_api::middleware::rate_limit::Limits;
use axum::http::Uri;
use clap::Args;

/// The REST API's listener.
#[derive(Debug, Clone, Args)]
pub struct Http {
    /// Where the REST API listens; port 0 takes a free one, which the first line on stdout names.
    #[arg(long, env = "AREDVI_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080", help_heading = "HTTP")]
    pub listen: SocketAddr,

    /// Where clients reach the REST API, for links and cookies; default: http:// and the listener's address.
    #[arg(long, env = "AREDVI_PUBLIC_URL", value_name = "URL", help_heading = "HTTP")]
    pub public_url: Option<Origin>,

    /// Proxies whose word about a client's address is believed: addresses and networks, separated by commas; default:
    /// none.
    #[arg(
        long,
        env = "AREDVI_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true,
        help_heading = "HTTP"
    )]
    pub trusted_proxies: TrustedProxies,

    /// How many requests are allowed per minute: `on`, `off` (for benchmarks), or some of
    /// `reads=600,writes=60,guest-reads=300,sign-ins=10,sign-ups=5`; reads and writes are a person's, the others a
    /// network's.
    #[arg(long, env = "AREDVI_RATE_LIMITS", value_name = "LIMITS", default_value = "on", help_heading = "HTTP")]
    pub rate_limits: Limits,

    /// Other origins whose pages may use the API with credentials, separated by commas; default: none.
    #[arg(long, env = "AREDVI_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', help_heading = "HTTP")]
    pub cors_origins: Vec<Origin>,
}

/// The operators' listener.
#[derive(Debug, Clone, Args)]
pub struct AdminListen {
    /// Where metrics and the admin API listen, without any sign-in: never a public address; default: nowhere.
    #[arg(long, env = "AREDVI_ADMIN_LISTEN", value_name = "ADDRESS", help_heading = "HTTP")]
    pub admin_listen: Option<SocketAddr>,
}

/// `http://` or `https://`, a host and perhaps a port; no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// A text that is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected http://HOST[:PORT] or https://HOST[:PORT]")]
pub struct NotAnOrigin;

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let uri: Uri = text.trim().parse().map_err(|_| NotAnOrigin)?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(NotAnOrigin);
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(NotAnOrigin);
        }
        Ok(Self(format!("{scheme}://{authority}").to_ascii_lowercase()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Http {
    /// The URL that clients use, when the listener got this address.
    pub fn public_url(&self, listener: SocketAddr) -> String {
        self.public_url.as_ref().map_or_else(|| format!("http://{listener}"), Origin::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        let origin = |text: &str| text.parse::<Origin>().map(|origin| origin.to_string());
        assert_eq!(origin("https://Club.example/"), Ok("https://club.example".to_owned()));
        assert_eq!(origin("http://localhost:8080"), Ok("http://localhost:8080".to_owned()));
        for text in ["", "club.example", "ftp://club.example", "https://club.example/app", "https://a@club.example", "*"] {
            assert_eq!(origin(text), Err(NotAnOrigin), "{text}");
        }
    }
}
