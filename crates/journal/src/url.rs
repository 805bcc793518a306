//! Where a journal is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The file of the embedded journal when the URL names none.
const DEFAULT_FILE: &str = "journal.db";

/// The most bytes a prefix of topic names may have: Kafka allows 249 for the whole name.
const MAX_PREFIX_BYTES: usize = 200;

/// Where a journal is: `sqlite:PATH` or `kafka://HOST:PORT[,HOST:PORT…][/PREFIX]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalUrl {
    /// One file on this machine.
    Embedded {
        /// The file; empty for `sqlite:` alone, see [`JournalUrl::within`].
        path: PathBuf,
    },
    /// A Kafka cluster.
    Kafka {
        /// `HOST:PORT`, separated by commas.
        bootstrap: String,
        /// Topics are called `PREFIX.identity` and so on, so that several journals can share a cluster.
        prefix: Option<String>,
    },
}

/// A text that names no journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a journal: write sqlite:PATH or kafka://HOST:PORT[,HOST:PORT…][/PREFIX]")]
pub struct NotAJournalUrl(String);

impl JournalUrl {
    /// Puts the embedded journal that names no file into `data`; all others stay as they are.
    #[must_use]
    pub fn within(self, data: &Path) -> Self {
        match self {
            Self::Embedded { path } if path.as_os_str().is_empty() => Self::Embedded { path: data.join(DEFAULT_FILE) },
            Self::Embedded { .. } | Self::Kafka { .. } => self,
        }
    }
}

/// The path in a URL of something on this machine, which stands after the scheme's colon. Two slashes before it belong to the URL;
/// more of them are one, so that what is shown of the path is the same path again.
pub fn local_path(after_scheme: &str) -> PathBuf {
    let path = after_scheme.strip_prefix("//").unwrap_or(after_scheme);
    if path.starts_with("//") { format!("/{}", path.trim_start_matches('/')).into() } else { path.into() }
}

impl FromStr for JournalUrl {
    type Err = NotAJournalUrl;

    fn from_str(text: &str) -> Result<Self, NotAJournalUrl> {
        let refused = || NotAJournalUrl(text.to_owned());
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Self::Embedded { path: local_path(path) });
        }
        let rest = text.strip_prefix("kafka://").ok_or_else(refused)?;
        let (bootstrap, prefix) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), None),
            Some((bootstrap, prefix)) => (bootstrap, Some(prefix)),
        };
        if !bootstrap.split(',').all(is_broker) || !prefix.is_none_or(is_prefix) {
            return Err(refused());
        }
        Ok(Self::Kafka { bootstrap: bootstrap.to_owned(), prefix: prefix.map(str::to_owned) })
    }
}

impl fmt::Display for JournalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { path } => write!(f, "sqlite:{}", path.display()),
            Self::Kafka { bootstrap, prefix: None } => write!(f, "kafka://{bootstrap}"),
            Self::Kafka { bootstrap, prefix: Some(prefix) } => write!(f, "kafka://{bootstrap}/{prefix}"),
        }
    }
}

fn is_broker(text: &str) -> bool {
    let host = |host: &str| !host.is_empty() && !host.contains(['@', '?', '#']) && !host.contains(char::is_whitespace);
    text.rsplit_once(':').is_some_and(|(name, port)| host(name) && port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_prefix(text: &str) -> bool {
    text.len() <= MAX_PREFIX_BYTES && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_written_alike() {
        for text in ["sqlite:data/journal.db", "sqlite:", "kafka://h1:9092,h2:9092", "kafka://[::1]:9092/staging.eu"] {
            assert_eq!(text.parse::<JournalUrl>().expect(text).to_string(), text);
        }
        let kafka = JournalUrl::Kafka { bootstrap: "h1:9092".to_owned(), prefix: None };
        assert_eq!("kafka://h1:9092/".parse(), Ok(kafka));
    }

    #[test]
    fn a_path_is_shown_as_the_same_one_however_many_slashes_it_was_written_with() {
        for (text, shown) in [
            ("sqlite:///srv/journal.db", "sqlite:/srv/journal.db"),
            ("sqlite:////srv/journal.db", "sqlite:/srv/journal.db"),
            ("sqlite://journal.db", "sqlite:journal.db"),
        ] {
            let url: JournalUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), shown);
            assert_eq!(shown.parse(), Ok(url));
        }
    }

    #[test]
    fn anything_else_is_refused_in_one_line() {
        for text in
            ["", "journal.db", "mysql://h/x", "kafka://", "kafka://h1", "kafka://h1:x", "kafka://h1:9092,", "kafka://h:1/a/b"]
        {
            let line = text.parse::<JournalUrl>().expect_err(text).to_string();
            assert!(line.starts_with(&format!("`{text}` is not a journal: write sqlite:PATH or kafka://")), "{line}");
            assert!(!line.contains('\n'));
        }
    }

    #[test]
    fn the_default_file_lies_in_the_data_directory() {
        let within = |text: &str| text.parse::<JournalUrl>().expect(text).within(Path::new("data")).to_string();
        assert_eq!(within("sqlite:"), "sqlite:data/journal.db");
        assert_eq!(within("sqlite:other.db"), "sqlite:other.db");
    }
}
