//! The cookies that signing in sets and signing out takes away (RFC 6265).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::extract::{credential, xsrf};

/// Sets the session's cookie, which no script can read, and the XSRF token, which only scripts of our origin can.
///
/// `secure`: clients reach this server by HTTPS. What cannot stand in a cookie sets none.
pub fn set(headers: &mut HeaderMap, token: &str, xsrf: &str, lives: Duration, secure: bool) {
    write(headers, credential::SESSION_COOKIE, token, lives, secure, "; HttpOnly");
    write(headers, xsrf::COOKIE, xsrf, lives, secure, "");
}

/// Takes both away.
pub fn clear(headers: &mut HeaderMap, secure: bool) {
    set(headers, "", "", Duration::ZERO, secure);
}

fn write(headers: &mut HeaderMap, name: &str, value: &str, lives: Duration, secure: bool, more: &str) {
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={}; SameSite=Lax{secure}{more}", lives.as_secs());
    if let (true, Ok(mut cookie)) = (plain, HeaderValue::try_from(cookie)) {
        cookie.set_sensitive(true);
        headers.append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(headers: &HeaderMap) -> Vec<&str> {
        headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().expect("text")).collect()
    }

    #[test]
    fn scripts_read_the_xsrf_token_but_not_the_session() {
        let mut headers = HeaderMap::new();
        set(&mut headers, "ar1_x-_9", "t0ken", Duration::from_secs(60), true);
        let expected = [
            "aredvi_session=ar1_x-_9; Path=/; Max-Age=60; SameSite=Lax; Secure; HttpOnly",
            "XSRF-TOKEN=t0ken; Path=/; Max-Age=60; SameSite=Lax; Secure",
        ];
        assert_eq!(written(&headers), expected);
    }

    #[test]
    fn signing_out_takes_both_away() {
        let mut headers = HeaderMap::new();
        clear(&mut headers, false);
        let expected =
            ["aredvi_session=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly", "XSRF-TOKEN=; Path=/; Max-Age=0; SameSite=Lax"];
        assert_eq!(written(&headers), expected);
    }

    #[test]
    fn a_value_cannot_add_attributes() {
        let mut headers = HeaderMap::new();
        set(&mut headers, "x; Domain=evil.example", "y\r\nz", Duration::from_secs(60), false);
        assert_eq!(written(&headers), [""; 0]);
    }
}
