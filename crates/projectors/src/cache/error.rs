//! Why the cache did not do it.

/// The cache did not do it. Except for what only the caller can change (no path, an evicting Redis, too long, another
/// scope), it may heal by itself: answer 503 and ask again.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The server refused, or the connection to it is gone.
    #[error("the cache does not answer")]
    Redis(#[source] redis::RedisError),
    /// The embedded cache failed.
    #[error("the cache's file does not answer")]
    Sqlite(#[source] rusqlite::Error),
    /// No answer within the time limit. Whether it was done is not known.
    #[error("the cache did not answer in time")]
    TimedOut,
    /// The embedded cache has ended.
    #[error("the cache has ended")]
    Ended,
    /// The thread of the embedded cache cannot be started.
    #[error("the cache's thread does not start")]
    Thread(#[source] std::io::Error),
    /// The server may throw away what it holds, and with it the mark that somebody signed out.
    #[error("Redis must never evict: it has maxmemory-policy {0}; set `maxmemory-policy noeviction` in its configuration")]
    Policy(String),
    /// An answer of a shape that this program does not know.
    #[error("the cache answered something unknown: {0}")]
    Unknown(&'static str),
    /// The embedded cache without a file.
    #[error("the cache needs a file: sqlite:PATH")]
    NoPath,
    /// A reservation belongs to whoever asks.
    #[error("the reservation is of another scope than the asker")]
    OtherScope,
    /// What was to be kept is longer than its bound.
    #[error("{what} has {bytes} bytes, more than {bound}")]
    TooLong {
        /// Of what.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        bound: usize,
    },
}

impl CacheError {
    /// Refuses what is longer than its bound.
    pub(crate) fn check(what: &'static str, bytes: usize, bound: usize) -> Result<(), Self> {
        if bytes > bound { Err(Self::TooLong { what, bytes, bound }) } else { Ok(()) }
    }
}

impl From<rusqlite::Error> for CacheError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
