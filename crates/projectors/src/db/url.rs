//! Where schemas are kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aredvi_journal::local_path;
use sqlx::mysql::MySqlConnectOptions;

/// The prefix of database names when the URL names none.
const DEFAULT_PREFIX: &str = "aredvi";
/// Bytes; a prefix, a view and a generation stay below MySQL's 64 together.
const PREFIX_BYTES: usize = 32;

/// An engine and a place in it for schemas. Neither `Debug` nor `Display` show the password.
#[derive(Clone)]
pub enum DbUrl {
    /// SQLite: `sqlite:DIR`, one file a schema, `DIR/SCHEMA.db`. An empty directory is the data directory's, see
    /// [`DbUrl::or_under`].
    Embedded {
        /// The directory.
        dir: PathBuf,
    },
    /// MySQL, MariaDB or TiDB: `mysql://user:password@host:port/PREFIX`, one database a schema, `PREFIX_SCHEMA`.
    MySql {
        /// The server and who we are there; it names no database.
        server: Box<MySqlConnectOptions>,
        /// What the names of our databases begin with.
        prefix: String,
    },
}

/// A text that is no URL of a database. The text itself is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum NotADbUrl {
    /// Neither `sqlite:` nor `mysql://`.
    #[error("a database is `sqlite:DIR` or `mysql://user:password@host:port/PREFIX`")]
    Scheme,
    /// The part after the host.
    #[error("the prefix of databases has 1 to {PREFIX_BYTES} of a-z, A-Z, 0-9 and _")]
    Prefix,
    /// The server's part.
    #[error("the database URL is malformed")]
    Server(#[source] sqlx::Error),
}

impl DbUrl {
    /// The same, an empty embedded directory replaced by `data`.
    #[must_use]
    pub fn or_under(self, data: &Path) -> Self {
        match self {
            Self::Embedded { dir } if dir.as_os_str().is_empty() => Self::Embedded { dir: data.to_owned() },
            Self::Embedded { .. } | Self::MySql { .. } => self,
        }
    }
}

impl FromStr for DbUrl {
    type Err = NotADbUrl;

    fn from_str(text: &str) -> Result<Self, NotADbUrl> {
        if let Some(dir) = text.strip_prefix("sqlite:") {
            return Ok(Self::Embedded { dir: local_path(dir) });
        }
        let rest = text.strip_prefix("mysql://").or_else(|| text.strip_prefix("mariadb://")).ok_or(NotADbUrl::Scheme)?;
        let (rest, settings) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = if prefix.is_empty() { DEFAULT_PREFIX } else { prefix };
        if prefix.len() > PREFIX_BYTES || !is_name(prefix) {
            return Err(NotADbUrl::Prefix);
        }
        let server = format!("mysql://{authority}/?{settings}").parse().map_err(NotADbUrl::Server)?;
        Ok(Self::MySql { server: Box::new(server), prefix: prefix.to_owned() })
    }
}

/// Whether a text may stand as a schema's name: nothing in it needs quoting.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl fmt::Display for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { dir } => write!(f, "sqlite:{}", dir.display()),
            Self::MySql { server, prefix } => write!(f, "mysql://{}:{}/{prefix}", server.get_host(), server.get_port()),
        }
    }
}

impl fmt::Debug for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<DbUrl>().expect("a url").to_string()
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url: DbUrl = "mysql://ana:s3cret@db.example:3307/club?ssl-mode=disabled".parse().expect("a url");
        assert_eq!(format!("{url} {url:?}"), "mysql://db.example:3307/club mysql://db.example:3307/club");
        assert_eq!(parsed("mysql://ana:s3cret@db.example"), "mysql://db.example:3306/aredvi");
        assert_eq!(parsed("sqlite:data/x"), "sqlite:data/x");
    }

    #[test]
    fn a_wrong_url_is_refused_without_repeating_it() {
        for text in ["", "data", "postgres://a:s3cret@b/c", "mysql://a:s3cret@b/c-d", "mysql://a:s3cret@b:port/c"] {
            let error = text.parse::<DbUrl>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn an_empty_directory_becomes_the_data_directory() {
        let url: DbUrl = "sqlite:".parse().expect("a url");
        assert_eq!(url.or_under(Path::new("data")).to_string(), "sqlite:data");
        let url: DbUrl = "sqlite:/var/x".parse().expect("a url");
        assert_eq!(url.or_under(Path::new("data")).to_string(), "sqlite:/var/x");
    }
}
