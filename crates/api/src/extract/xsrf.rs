//! Where a write by cookie comes from. A browser sends cookies along whoever made it send the request, so such a write
//! proves its origin: by `Origin`, or by a token that only a script of our own origin can read.

use axum::http::{HeaderMap, HeaderName, Method, header};
use subtle::ConstantTimeEq;

use super::credential::{By, Credential, cookie};
use crate::headers;
use crate::problem::Problem;

/// The readable cookie with the token.
pub const COOKIE: &str = "XSRF-TOKEN";

/// Refuses a write by cookie that does not prove where it comes from.
///
/// `own` are the origins this server is reached under (`https://example.org`); when none is known, an `Origin` of the
/// request's own `Host` is taken.
///
/// # Errors
/// 403 [`Problem::cross_site`].
pub fn check(method: &Method, headers: &HeaderMap, own: &[String]) -> Result<(), Problem> {
    if method.is_safe() || !Credential::of(headers).is_some_and(|credential| credential.by == By::Cookie) {
        return Ok(());
    }
    if same_origin(headers, own) || repeats_token(headers) { Ok(()) } else { Err(Problem::cross_site()) }
}

fn same_origin(headers: &HeaderMap, own: &[String]) -> bool {
    let Some(origin) = single(headers, &header::ORIGIN) else {
        return false;
    };
    if !own.is_empty() {
        return own.iter().any(|own| own == origin);
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some_and(|authority| single(headers, &header::HOST) == Some(authority))
}

fn repeats_token(headers: &HeaderMap) -> bool {
    match (cookie(headers, COOKIE), single(headers, &headers::XSRF_TOKEN)) {
        (Some(cookie), Some(header)) if !cookie.is_empty() => bool::from(cookie.as_bytes().ct_eq(header.as_bytes())),
        (_, _) => false,
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const SESSION: (&str, &str) = ("cookie", "aredvi_session=ar1_x; XSRF-TOKEN=t0ken");

    fn allowed(method: Method, headers: &[(&'static str, &'static str)], own: &[&str]) -> bool {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        let own: Vec<String> = own.iter().map(|&origin| origin.to_owned()).collect();
        check(&method, &headers, &own).is_ok()
    }

    #[test]
    fn a_write_by_cookie_needs_its_own_origin_or_the_token() {
        let own = ["https://example.org"];
        assert!(!allowed(Method::POST, &[SESSION], &own));
        assert!(allowed(Method::POST, &[SESSION, ("origin", "https://example.org")], &own));
        assert!(!allowed(Method::POST, &[SESSION, ("origin", "http://example.org")], &own));
        assert!(!allowed(Method::DELETE, &[SESSION, ("origin", "null")], &own));
        assert!(allowed(Method::DELETE, &[SESSION, ("x-xsrf-token", "t0ken")], &own));
        assert!(!allowed(Method::DELETE, &[SESSION, ("x-xsrf-token", "t0ke")], &own));
        assert!(!allowed(Method::PUT, &[("cookie", "aredvi_session=x; XSRF-TOKEN="), ("x-xsrf-token", "")], &own));
    }

    #[test]
    fn reads_and_bearers_need_nothing() {
        assert!(allowed(Method::GET, &[SESSION], &[]));
        assert!(allowed(Method::POST, &[SESSION, ("authorization", "Bearer ar1_x")], &[]));
        assert!(allowed(Method::POST, &[], &[]));
    }

    #[test]
    fn without_a_known_origin_the_host_is_compared() {
        assert!(allowed(Method::POST, &[SESSION, ("origin", "http://[::1]:8080"), ("host", "[::1]:8080")], &[]));
        assert!(!allowed(Method::POST, &[SESSION, ("origin", "http://evil.example"), ("host", "[::1]:8080")], &[]));
        assert!(!allowed(Method::POST, &[SESSION, ("origin", "http://a"), ("host", "b")], &["http://b"]));
    }
}
