//! Where mail goes.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use aredvi_journal::local_path;

/// Where mail goes: `file:DIR`, `smtp://[user:password@]host[:port]` or `smtps://…`. Neither `Debug` nor `Display` show
/// the password.
#[derive(Clone, PartialEq, Eq)]
pub enum MailUrl {
    /// One `.eml` file a message; an empty directory is `outbox` in the data directory.
    File {
        /// The directory.
        dir: PathBuf,
    },
    /// A server.
    Smtp(Server),
}

/// A mail server and who we are there.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// As lettre reads it: with the user, the password and how the connection is encrypted.
    pub(super) url: String,
    shown: String,
}

/// A text that is no URL of mail. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("mail goes to file:DIR, smtp://[user:password@]host[:port] or smtps://[user:password@]host[:port]")]
pub struct NotAMailUrl;

impl FromStr for MailUrl {
    type Err = NotAMailUrl;

    fn from_str(text: &str) -> Result<Self, NotAMailUrl> {
        if let Some(dir) = text.strip_prefix("file:") {
            return Ok(Self::File { dir: local_path(dir) });
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotAMailUrl)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, host) = place.rsplit_once('@').map_or((None, place), |(user, host)| (Some(user), host));
        let host = host.trim_end_matches('/');
        let (name, port) = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).unwrap_or((host, "25"));
        let is_host = !name.is_empty() && !name.contains(['/', '@']) && port.parse::<u16>().is_ok_and(|port| port > 0);
        let is_user = user.is_none_or(|user| user.contains(':'));
        if !is_host || !is_user || !matches!(scheme, "smtp" | "smtps") || text.contains(char::is_whitespace) {
            return Err(NotAMailUrl);
        }
        let loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        let encrypt = match (scheme, user) {
            _ if !query.is_empty() => format!("?{query}"),
            ("smtp", Some(_)) if !loopback => "?tls=required".to_owned(),
            ("smtp", None) if !loopback => "?tls=opportunistic".to_owned(),
            _ => String::new(),
        };
        Ok(Self::Smtp(Server {
            url: format!("{scheme}://{}{encrypt}", place.trim_end_matches('/')),
            shown: format!("{scheme}://{host}"),
        }))
    }
}

impl fmt::Display for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { dir } => write!(f, "file:{}", dir.display()),
            Self::Smtp(server) => f.write_str(&server.shown),
        }
    }
}

impl fmt::Debug for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url: MailUrl = "smtps://ana:s3cret@mail.example:465".parse().expect("a url");
        assert_eq!(format!("{url} {url:?}"), "smtps://mail.example:465 smtps://mail.example:465");
        let refused = "smtp://ana:s3cret".parse::<MailUrl>();
        assert_eq!(refused, Err(NotAMailUrl), "no port, so the password would be shown as one");
        assert_eq!("file:data/outbox".parse::<MailUrl>().expect("a url").to_string(), "file:data/outbox");
    }

    #[test]
    fn a_directory_is_shown_as_the_same_one() {
        for (text, shown) in
            [("file:///srv/mail", "file:/srv/mail"), ("file:////srv/mail", "file:/srv/mail"), ("file://a", "file:a")]
        {
            let url: MailUrl = text.parse().expect("a url");
            assert_eq!(url.to_string(), shown);
            assert!(url.to_string().parse::<MailUrl>() == Ok(url), "{text}");
        }
    }

    #[test]
    fn a_password_leaves_the_machine_only_encrypted() {
        let server = |text: &str| match text.parse::<MailUrl>().expect("a url") {
            MailUrl::Smtp(server) => server.url,
            MailUrl::File { dir } => dir.display().to_string(),
        };
        assert_eq!(server("smtp://ana:s3cret@mail.example:587"), "smtp://ana:s3cret@mail.example:587?tls=required");
        assert_eq!(server("smtp://mail.example"), "smtp://mail.example?tls=opportunistic");
        assert_eq!(server("smtp://127.0.0.1:2525"), "smtp://127.0.0.1:2525");
        assert_eq!(server("smtps://mail.example"), "smtps://mail.example");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "mail.example", "http://mail.example", "smtp://", "smtp://ana@mail.example", "smtp://a b"] {
            assert_eq!(text.parse::<MailUrl>(), Err(NotAMailUrl), "{text:?}");
        }
    }
}
