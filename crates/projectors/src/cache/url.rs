//! Where the cache is: `sqlite:PATH` or `redis://HOST[:PORT][/DB][?prefix=P]`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aredvi_journal::local_path;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// The file of the embedded cache when the URL names none.
const DEFAULT_FILE: &str = "cache.db";
/// What every Redis key starts with unless the URL says otherwise.
const DEFAULT_PREFIX: &str = "aredvi";
/// The longest prefix, in bytes: each key carries it.
const MAX_PREFIX_BYTES: usize = 64;

/// The address of a cache. It never shows a password.
#[derive(Clone)]
pub enum CacheUrl {
    /// One file on this machine, for one process; empty for `sqlite:` alone, see [`CacheUrl::within`].
    Sqlite(PathBuf),
    /// A Redis or Valkey server, shared by all processes.
    Redis(RedisUrl),
}

/// Which server, which database, and what our keys start with there.
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) connection: ConnectionInfo,
    pub(super) prefix: String,
}

/// A text that is no address of a cache.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cache URL: {0}; expected sqlite:PATH or redis://HOST:PORT/DB[?prefix=P]")]
pub struct NotACacheUrl(&'static str);

impl CacheUrl {
    /// Puts the embedded cache that names no file into `data`; all others stay as they are.
    #[must_use]
    pub fn within(self, data: &Path) -> Self {
        match self {
            Self::Sqlite(path) if path.as_os_str().is_empty() => Self::Sqlite(data.join(DEFAULT_FILE)),
            Self::Sqlite(_) | Self::Redis(_) => self,
        }
    }
}

impl FromStr for CacheUrl {
    type Err = NotACacheUrl;

    fn from_str(text: &str) -> Result<Self, NotACacheUrl> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(local_path(path)));
        }
        if text.starts_with("rediss://") {
            return Err(NotACacheUrl("rediss:// needs TLS, which this program is built without"));
        }
        if !text.starts_with("redis://") {
            return Err(NotACacheUrl("unknown scheme"));
        }
        let (server, query) = text.split_once('?').unwrap_or((text, ""));
        let connection = server.into_connection_info().map_err(|_| NotACacheUrl("the server's address is malformed"))?;
        Ok(Self::Redis(RedisUrl { connection, prefix: prefix(query)? }))
    }
}

fn prefix(query: &str) -> Result<String, NotACacheUrl> {
    let prefix = match query.split_once('=') {
        None if query.is_empty() => DEFAULT_PREFIX,
        Some(("prefix", prefix)) => prefix,
        Some(_) | None => return Err(NotACacheUrl("the only parameter is `prefix`")),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if prefix.is_empty() || prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(plain) {
        return Err(NotACacheUrl("a prefix is 1 to 64 of A-Z a-z 0-9 . _ : -"));
    }
    Ok(prefix.to_owned())
}

impl fmt::Display for CacheUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let db = self.connection.redis_settings().db();
        // Only plain TCP comes out of a `redis://` URL.
        if let ConnectionAddr::Tcp(host, port) = self.connection.addr() {
            write!(f, "redis://{host}:{port}/{db}?prefix={}", self.prefix)
        } else {
            write!(f, "redis://{}/{db}?prefix={}", self.connection.addr(), self.prefix)
        }
    }
}

impl fmt::Debug for CacheUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let shown = |text: &str| text.parse::<CacheUrl>().map(|url| format!("{url} {url:?}"));
        assert_eq!(
            shown("redis://:hunter2@cache.example:7000/3?prefix=t1").as_deref(),
            Ok("redis://cache.example:7000/3?prefix=t1 redis://cache.example:7000/3?prefix=t1")
        );
        assert_eq!(
            shown("redis://localhost").as_deref(),
            Ok("redis://localhost:6379/0?prefix=aredvi redis://localhost:6379/0?prefix=aredvi")
        );
        assert_eq!(shown("sqlite:data/cache.db").as_deref(), Ok("sqlite:data/cache.db sqlite:data/cache.db"));
    }

    #[test]
    fn the_default_file_lies_in_the_data_directory() {
        let within = |text: &str| text.parse::<CacheUrl>().expect(text).within(Path::new("data")).to_string();
        assert_eq!(within("sqlite:"), "sqlite:data/cache.db");
        assert_eq!(within("sqlite:other.db"), "sqlite:other.db");
    }

    #[test]
    fn what_is_no_url_is_refused_in_one_line_that_shows_no_password() {
        for text in [
            "",
            "mysql://x",
            "rediss://:hunter2@x",
            "redis://:hunter2@x:y/0",
            "redis://x/nine",
            "redis://x?prefix=",
            "redis://x?prefix={s01}",
            "redis://x?password=hunter2",
        ] {
            let refusal = text.parse::<CacheUrl>().expect_err(text).to_string();
            assert!(refusal.starts_with("not a cache URL: ") && !refusal.contains('\n'), "{refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }
}
