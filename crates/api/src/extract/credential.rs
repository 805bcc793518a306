//! What a request shows to say who sends it. Whether it is worth anything is not decided here.

use std::convert::Infallible;
use std::fmt;

use axum::extract::OptionalFromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

/// The cookie that holds a session's token.
pub const SESSION_COOKIE: &str = "aredvi_session";

/// A token as it was shown. Take it as an `Option`: none is a guest.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The token, unchecked.
    pub token: String,
    /// How it came.
    pub by: By,
}

/// How a token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// In `Authorization`, which only the client itself can send.
    Bearer,
    /// In the cookie, which a browser sends by itself.
    Cookie,
}

impl Credential {
    /// What these headers show; `Authorization` goes before the cookie.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        if let Some(token) = bearer(headers) {
            return Some(Self { token: token.to_owned(), by: By::Bearer });
        }
        let token = cookie(headers, SESSION_COOKIE).filter(|token| !token.is_empty())?;
        Some(Self { token: token.to_owned(), by: By::Cookie })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential(by {:?})", self.by)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Credential {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// RFC 6750, section 2.1. The scheme is in any case (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The first cookie of this name (RFC 6265, section 4.2.1).
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then(|| value.trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn shown(headers: &[(header::HeaderName, &'static str)]) -> Option<(String, By)> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        Credential::of(&headers).map(|credential| (credential.token, credential.by))
    }

    #[test]
    fn a_token_comes_by_header_or_cookie() {
        assert_eq!(shown(&[(header::AUTHORIZATION, "bearer ar1_x")]), Some(("ar1_x".to_owned(), By::Bearer)));
        let cookies = "XSRF-TOKEN=y; aredvi_session=ar1_z";
        assert_eq!(shown(&[(header::COOKIE, cookies)]), Some(("ar1_z".to_owned(), By::Cookie)));
        let both = [(header::COOKIE, cookies), (header::AUTHORIZATION, "Bearer ar1_x")];
        assert_eq!(shown(&both), Some(("ar1_x".to_owned(), By::Bearer)));
    }

    #[test]
    fn who_shows_nothing_is_a_guest() {
        assert_eq!(shown(&[]), None);
        assert_eq!(shown(&[(header::AUTHORIZATION, "Basic YTpi")]), None);
        assert_eq!(shown(&[(header::COOKIE, "aredvi_session=; not_aredvi_session=x")]), None);
    }

    #[test]
    fn a_token_is_never_printed() {
        let credential = Credential { token: "ar1_secret".to_owned(), by: By::Bearer };
        assert_eq!(format!("{credential:?}"), "Credential(by Bearer)");
    }
}
