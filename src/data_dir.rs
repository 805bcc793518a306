//! The data directory: its permissions, and the lock that makes one process its owner.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The lock's file.
const LOCK_FILE: &str = "lock";
/// The socket that a running server answers subcommands on.
const CONTROL_SOCKET: &str = "control.sock";
/// Only the owner may look into the directory, and so into all that lies in it.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What others may do, and the bit of directories that many share, such as `/tmp`.
const OTHERS: u32 = 0o077;
const SHARED: u32 = 0o1000;

/// A data directory. Where it is locked, the lock ends with the value.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: Option<File>,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Another process owns it.
    #[error("{} is in use by another process; stop it, or choose another directory with --data", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It is meant for many, and would have to be closed to them.
    #[error("{} is shared with others; choose a directory of its own with --data", path.display())]
    Shared {
        /// The directory.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot use the data directory {}", path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DataDir {
    /// Opens the directory, makes it when it is missing, and closes it to others. Many processes may have it open.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn open(path: &Path) -> Result<Self, Unusable> {
        let io = |source| Unusable::Io { path: path.to_owned(), source };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(DIR_MODE).create(path).map_err(io)?;
            }
            Err(error) => return Err(io(error)),
            Ok(found) => {
                let mode = found.permissions().mode();
                if mode & SHARED != 0 {
                    return Err(Unusable::Shared { path: path.to_owned() });
                }
                if mode & OTHERS != 0 {
                    fs::set_permissions(path, Permissions::from_mode(DIR_MODE)).map_err(io)?;
                }
            }
        }
        Ok(Self { path: path.to_owned(), lock: None })
    }

    /// Opens the directory as its only owner, until the value is dropped or the process ends, however it ends.
    ///
    /// # Errors
    /// [`Unusable::InUse`] when another process owns it.
    pub fn own(path: &Path) -> Result<Self, Unusable> {
        let opened = Self::open(path)?;
        let file = path.join(LOCK_FILE);
        let io = |source| Unusable::Io { path: file.clone(), source };
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(&file).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { lock: Some(lock), ..opened }),
            Err(TryLockError::WouldBlock) => Err(Unusable::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this process is its only owner.
    pub const fn is_owned(&self) -> bool {
        self.lock.is_some()
    }

    /// Where a running server listens to subcommands.
    pub fn control_socket(&self) -> PathBuf {
        self.path.join(CONTROL_SOCKET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("metadata").permissions().mode() & 0o7777
    }

    #[test]
    fn a_second_owner_is_refused_with_the_directorys_name() {
        let temp = tempfile::tempdir().expect("a directory");
        let path = temp.path().join("data");
        let first = DataDir::own(&path).expect("free");
        let refused = DataDir::own(&path).expect_err("owned").to_string();
        assert!(refused.starts_with(&format!("{} is in use by another process", path.display())), "{refused}");
        assert!(DataDir::open(&path).is_ok());
        drop(first);
        assert!(DataDir::own(&path).is_ok());
    }

    #[test]
    fn it_is_closed_to_others_however_it_was_made() {
        let temp = tempfile::tempdir().expect("a directory");
        let (new, old) = (temp.path().join("a/b"), temp.path().join("old"));
        DirBuilder::new().mode(0o755).create(&old).expect("made");
        for path in [&new, &old] {
            DataDir::own(path).expect("free");
            assert_eq!((mode(path), mode(&path.join("lock"))), (0o700, 0o600));
        }
    }

    #[test]
    fn a_directory_for_everybody_is_refused_and_stays_as_it_is() {
        let temp = tempfile::tempdir().expect("a directory");
        fs::set_permissions(temp.path(), Permissions::from_mode(0o1777)).expect("chmod");
        assert!(matches!(DataDir::own(temp.path()), Err(Unusable::Shared { .. })));
        assert_eq!(mode(temp.path()), 0o1777);
    }
}
