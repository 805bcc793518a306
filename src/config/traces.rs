//! Where traces go, and how many.

use std::str::FromStr;

use axum::http::Uri;
use clap::Args;

/// The path of traces at a receiver of OTLP, where the setting names none.
const TRACES_PATH: &str = "/v1/traces";

/// Where traces go, and how many.
#[derive(Debug, Clone, Args)]
pub struct Traces {
    /// Where traces are sent to by OTLP (HTTP, protobuf): `http://HOST:PORT`, a collector, Jaeger or Tempo; default:
    /// nowhere.
    #[arg(long, env = "AREDVI_OTLP_ENDPOINT", value_name = "URL", help_heading = "Traces")]
    pub otlp_endpoint: Option<OtlpEndpoint>,

    /// The share of requests that are traced, from 0 to 1. Of those that ask for it by their `traceparent`, ten a second are
    /// traced as well.
    #[arg(long, env = "AREDVI_TRACE_SAMPLE", value_name = "SHARE", default_value = "0.01", help_heading = "Traces")]
    pub trace_sample: Share,
}

/// Where a receiver of OTLP takes traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpEndpoint(pub String);

/// A text that is no such place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected http://HOST:PORT; for https:// put a collector beside this process")]
pub struct NotAnEndpoint;

impl FromStr for OtlpEndpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let uri: Uri = text.trim().parse().map_err(|_| NotAnEndpoint)?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(NotAnEndpoint) };
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(NotAnEndpoint);
        }
        let path = if uri.path() == "/" { TRACES_PATH } else { uri.path() };
        Ok(Self(format!("http://{authority}{path}")))
    }
}

/// A part of all, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

/// A text that is no such part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 0 to 1")]
pub struct NotAShare;

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let share = text.trim().parse().map_err(|_| NotAShare)?;
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(NotAShare) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_may_name_its_path() {
        let endpoint = |text: &str| text.parse::<OtlpEndpoint>().map(|endpoint| endpoint.0);
        assert_eq!(endpoint("http://collector:4318"), Ok("http://collector:4318/v1/traces".to_owned()));
        assert_eq!(endpoint("http://tempo:80/otlp/v1/traces"), Ok("http://tempo:80/otlp/v1/traces".to_owned()));
        for text in ["", "collector:4318", "https://collector", "http://user:word@collector", "http://collector/?a=b"] {
            assert_eq!(endpoint(text), Err(NotAnEndpoint), "{text}");
        }
    }

    #[test]
    fn a_share_is_a_part_of_all() {
        assert_eq!("0.01".parse(), Ok(Share(0.01)));
        for text in ["", "-1", "1.01", "NaN", "1%"] {
            assert_eq!(text.parse::<Share>(), Err(NotAShare), "{text}");
        }
    }
}
