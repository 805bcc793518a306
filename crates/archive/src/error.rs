//! Why a file could not be written, read, or taken in.

use std::io;
use std::path::{Path, PathBuf};

use aredvi_journal::{AppendError, ReadError};
use aredvi_projectors::db::DbError;
use aredvi_projectors::keys::KeyError;

/// What went wrong; each says what to do where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file system.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is none of ours, is torn, or was changed.
    #[error("{}: {what}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The log.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// The log.
    #[error("the log did not take the records; run it again, what is there stays")]
    Append(#[from] AppendError),
    /// The schemas.
    #[error("a schema is unavailable: {}", .0.chain())]
    Db(#[from] DbError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A backup of another community stands in the directory.
    #[error("{} holds a backup of another log; choose another directory", path.display())]
    OtherJournal {
        /// The directory.
        path: PathBuf,
    },
    /// There is no backup.
    #[error("{} holds no backup", path.display())]
    NoBackup {
        /// The directory.
        path: PathBuf,
    },
    /// The target is in use.
    #[error("a community lives on these engines already: import into empty ones")]
    Inhabited,
    /// The target holds other records.
    #[error("the log holds records that are not of this file: import into an empty one")]
    OtherRecords,
    /// The target's keys are others.
    #[error("the schema `keys` holds other keys: import into an empty one")]
    OtherKeys,
}

impl ArchiveError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn unreadable(path: &Path, what: impl Into<String>) -> Self {
        Self::Unreadable { path: path.to_owned(), what: what.into() }
    }
}
