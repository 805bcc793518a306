//! How long a read may wait for what the client wrote: `Prefer: wait=N` (RFC 7240, section 4.3).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::headers;

/// The longest a read waits, and how long it waits when nothing is preferred.
pub const MAX_WAIT: Duration = Duration::from_secs(2);

/// How long to wait, at most [`MAX_WAIT`]. A preference that cannot be read is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Duration);

impl Wait {
    /// What these headers prefer.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(preferred(headers).map_or(MAX_WAIT, |wait| wait.min(MAX_WAIT)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// The first `wait` counts (section 2).
fn preferred(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all(headers::PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| {
            let seconds = seconds.trim().trim_matches('"');
            let digits = !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn wait(values: &[&'static str]) -> u64 {
        let prefer = headers::PREFER;
        let headers: HeaderMap = values.iter().map(|value| (prefer.clone(), HeaderValue::from_static(value))).collect();
        Wait::of(&headers).0.as_secs()
    }

    #[test]
    fn a_wait_is_lowered_never_raised() {
        assert_eq!(wait(&[]), 2);
        assert_eq!(wait(&["wait=0"]), 0);
        assert_eq!(wait(&["wait=60"]), 2);
        assert_eq!(wait(&["wait=99999999999999999999999"]), 2);
    }

    #[test]
    fn the_first_of_several_preferences_counts() {
        assert_eq!(wait(&["respond-async, Wait = 1 ; x=\"y\"", "wait=0"]), 1);
        assert_eq!(wait(&["return=minimal", "wait=\"1\""]), 1);
    }

    #[test]
    fn what_cannot_be_read_is_no_preference() {
        for value in ["wait", "wait=", "wait=-1", "wait=1.5", "wait=x", "waits=0", ""] {
            assert_eq!(wait(&[value]), 2, "{value}");
        }
    }
}
