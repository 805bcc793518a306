//! What can go wrong with a journal, and what a caller may conclude from it.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aredvi_events::Partition;

use crate::topics::TopicsError;

/// What an engine said; clones share it. It names no content of records and may be logged.
#[derive(Debug, Clone)]
pub struct Fault(Arc<dyn Error + Send + Sync>);

impl Fault {
    /// What an engine said, in its own words.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `sqlite:` without a file.
    #[error("the journal needs a file: sqlite:PATH")]
    NoPath,
    /// The file cannot be opened or written.
    #[error("cannot open the journal {}", path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Fault,
    },
    /// The file is of something else.
    #[error("{} is not a journal of Aredvi", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer program made the file.
    #[error("the journal {} has format {found}; this program knows up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// The file's content contradicts itself.
    #[error("the journal {} is damaged ({what}): restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// No broker answers.
    #[error("cannot reach Kafka at {bootstrap}")]
    Unreachable {
        /// Its address.
        bootstrap: String,
        /// Why.
        source: Fault,
    },
    /// The topics do not fit.
    #[error(transparent)]
    Topics(#[from] TopicsError),
    /// The journal's first record does not name it.
    #[error("the first record of `{topic}` is not `journal.created`: create the journal with aredvi topics create")]
    Unnamed {
        /// The name of the topic.
        topic: String,
    },
}

/// Why records were not appended, and whether they may be on the log.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Certainly not on the log.
    #[error("the journal is unavailable, nothing was appended")]
    Unavailable(#[source] Fault),
    /// Some, all or none of the records are on the log, or will be: append the same ids again.
    #[error("the journal did not confirm the append, its outcome is unknown")]
    Unknown(#[source] Fault),
    /// A record is larger than [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES), or all are larger than
    /// [`MAX_APPEND_BYTES`](crate::MAX_APPEND_BYTES). Nothing was appended.
    #[error("the record is too large for the journal, nothing was appended")]
    TooLarge,
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A position that the log does not hold: the log was replaced or cut, or the position belongs to another.
    #[error("position {position} of {partition} is outside of the log, which holds {start} up to {end}")]
    OutsideLog {
        /// The partition.
        partition: Partition,
        /// The next offset that was to be read.
        position: u64,
        /// The first offset that the log holds.
        start: u64,
        /// The next offset that the log will write.
        end: u64,
    },
    /// The engine does not answer: wait and call again, no place is lost.
    #[error("the journal is unavailable")]
    Unavailable(#[source] Fault),
    /// What the engine holds is not what was written.
    #[error("the journal is damaged")]
    Damaged(#[source] Fault),
}

/// Why a journal could not be closed in order. What was confirmed is on the log all the same.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// Appends were still in work at the deadline; their outcome is unknown.
    #[error("the journal still had appends in work when the time to close it was over")]
    Deadline,
    /// The engine failed.
    #[error("the journal could not be closed in order")]
    Failed(#[source] Fault),
}
