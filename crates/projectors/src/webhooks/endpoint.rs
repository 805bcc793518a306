//! The address of a receiver, as far as it can be judged without asking anybody.

use std::fmt;

use url::{Host, Url};

/// The most characters of an address.
pub const MAX_URL_CHARS: usize = 2_048;
/// Below this, ports belong to other protocols.
const FIRST_FREE_PORT: u16 = 1024;

/// Where a subscription's events are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why a text is no address that events may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// It is no URL.
    #[error("must be a URL of at most {MAX_URL_CHARS} characters")]
    NoUrl,
    /// Neither https nor an allowed http.
    #[error("must begin with https:// (http:// only where the server has --webhooks-allow-http)")]
    Scheme,
    /// A name or a password in it.
    #[error("must not hold a user name or a password")]
    UserInfo,
    /// A fragment, which is never sent.
    #[error("must not hold a fragment")]
    Fragment,
    /// A port of another protocol.
    #[error("must use port 443, or one from {FIRST_FREE_PORT} on")]
    Port,
}

impl Endpoint {
    /// Reads an address as browsers do (WHATWG URL): every spelling of an IPv4 address becomes that address.
    ///
    /// # Errors
    /// [`BadEndpoint`].
    pub fn read(text: &str, allow_http: bool) -> Result<Self, BadEndpoint> {
        if text.chars().count() > MAX_URL_CHARS {
            return Err(BadEndpoint::NoUrl);
        }
        let url = Url::parse(text).map_err(|_| BadEndpoint::NoUrl)?;
        let port = match url.scheme() {
            "https" => 443,
            "http" if allow_http => 80,
            _ => return Err(BadEndpoint::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadEndpoint::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(BadEndpoint::Fragment);
        }
        if url.port().is_some_and(|given| given != port && given < FIRST_FREE_PORT) {
            return Err(BadEndpoint::Port);
        }
        match url.host() {
            Some(Host::Domain("")) => Err(BadEndpoint::NoUrl),
            Some(_) if url.as_str().len() <= MAX_URL_CHARS => Ok(Self(url)),
            Some(_) | None => Err(BadEndpoint::NoUrl),
        }
    }

    /// Whether it is spoken to through TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The name or the address.
    pub fn host(&self) -> Option<Host<&str>> {
        self.0.host()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// What the header `Host` says.
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// What the request's first line names.
    pub fn path_and_query(&self) -> String {
        let path = self.0.path();
        self.0.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_without_credentials_and_on_a_port_of_its_own() {
        for (text, refused) in [
            ("https://hooks.example/in?x=1", None),
            ("https://hooks.example:8443/", None),
            ("https://hooks.example:443/", None),
            ("http://hooks.example/", Some(BadEndpoint::Scheme)),
            ("ftp://hooks.example/", Some(BadEndpoint::Scheme)),
            ("file:///etc/passwd", Some(BadEndpoint::Scheme)),
            ("gopher://hooks.example:70/", Some(BadEndpoint::Scheme)),
            ("https://ana@hooks.example/", Some(BadEndpoint::UserInfo)),
            ("https://ana:pw@hooks.example/", Some(BadEndpoint::UserInfo)),
            ("https://hooks.example@127.0.0.1/", Some(BadEndpoint::UserInfo)),
            ("https://hooks.example/#part", Some(BadEndpoint::Fragment)),
            ("https://hooks.example:25/", Some(BadEndpoint::Port)),
            ("https://hooks.example:80/", Some(BadEndpoint::Port)),
            ("https://hooks.example:99999/", Some(BadEndpoint::NoUrl)),
            ("https://", Some(BadEndpoint::NoUrl)),
            ("hooks.example", Some(BadEndpoint::NoUrl)),
            ("", Some(BadEndpoint::NoUrl)),
            (format!("https://hooks.example/{}", "x".repeat(MAX_URL_CHARS)).as_str(), Some(BadEndpoint::NoUrl)),
        ] {
            assert_eq!(Endpoint::read(text, false).err(), refused, "{text}");
        }
        assert!(Endpoint::read("http://hooks.example/", true).is_ok());
        assert_eq!(Endpoint::read("http://hooks.example:22/", true), Err(BadEndpoint::Port));
    }

    #[test]
    fn it_says_what_a_request_needs() {
        let endpoint = Endpoint::read("https://Hooks.Example:8443/a b?q=é", false).expect("an address");
        assert_eq!((endpoint.authority().as_str(), endpoint.port()), ("hooks.example:8443", 8443));
        assert_eq!(endpoint.path_and_query(), "/a%20b?q=%C3%A9");
        assert_eq!(Endpoint::read("https://[2001:db8::1]/", false).expect("an address").authority(), "[2001:db8::1]");
    }
}
