//! What a backup's directory holds, with checksums.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use aredvi_events::{ActorId, Positions};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::file::{Written, checksum};
use crate::line::{self, FORMAT};
use crate::{ArchiveError, Reader};

const FILE: &str = "manifest.json";
const ERASURES: &str = "erasures.json";

/// What a directory holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub aredvi: u32,
    /// The journal.
    pub journal: Uuid,
    /// When the last backup was made, Unix milliseconds.
    pub made_ms: i64,
    /// The log, in the order of the backups.
    pub log: Vec<Part>,
    /// The keys as they were after the last part of the log.
    pub keys: Part,
    /// By `topic/partition`, how far the log is in it.
    pub to: BTreeMap<String, u64>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name in the directory.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
    /// The records in it.
    pub records: u64,
}

/// Who was erased; the list is kept beside the backup, and may be newer than it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Erasures {
    pub(crate) journal: Uuid,
    pub(crate) erased: Vec<ActorId>,
}

impl Manifest {
    /// Of a directory; `None` when it holds no backup.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn read(dir: &Path) -> Result<Option<Self>, ArchiveError> {
        let manifest: Option<Self> = read(&dir.join(FILE))?;
        match manifest {
            Some(found) if found.aredvi > FORMAT => {
                Err(ArchiveError::unreadable(&dir.join(FILE), "a newer program wrote it: use that one"))
            }
            found => Ok(found),
        }
    }

    /// How far the log is in it.
    ///
    /// # Errors
    /// [`ArchiveError::Unreadable`].
    pub fn positions(&self, dir: &Path) -> Result<Positions, ArchiveError> {
        line::positions(&self.to).ok_or_else(|| ArchiveError::unreadable(&dir.join(FILE), "it names no such partition"))
    }

    /// Every file, the keys last.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.log.iter().chain([&self.keys])
    }

    /// Whether every file is as it was written.
    ///
    /// # Errors
    /// [`ArchiveError`] of the first that is not.
    pub fn verify(&self, dir: &Path) -> Result<(), ArchiveError> {
        self.parts().try_for_each(|part| part.verify(dir))
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), ArchiveError> {
        write(&dir.join(FILE), self)
    }
}

impl Part {
    pub(crate) fn of(file: String, written: Written) -> Self {
        Self { file, bytes: written.bytes, sha256: written.sha256, records: written.records }
    }

    pub(crate) fn open(&self, dir: &Path) -> Result<Reader<'static>, ArchiveError> {
        let path = dir.join(&self.file);
        Reader::open(&path, File::open(&path).map_err(ArchiveError::io(&path))?)
    }

    fn verify(&self, dir: &Path) -> Result<(), ArchiveError> {
        let path = dir.join(&self.file);
        let file = File::open(&path).map_err(ArchiveError::io(&path))?;
        let found = checksum(file).map_err(ArchiveError::io(&path))?;
        if found == (self.sha256.clone(), self.bytes) {
            Ok(())
        } else {
            Err(ArchiveError::unreadable(&path, "it is not as it was written: its checksum differs"))
        }
    }
}

impl Erasures {
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, ArchiveError> {
        read(&dir.join(ERASURES))
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), ArchiveError> {
        write(&dir.join(ERASURES), self)
    }
}

/// Makes what was written under another name `name`, durably.
pub(crate) fn settle(dir: &Path, file: &File, temporary: &Path, name: &str) -> Result<(), ArchiveError> {
    file.sync_all().map_err(ArchiveError::io(temporary))?;
    let path = dir.join(name);
    std::fs::rename(temporary, &path).map_err(ArchiveError::io(&path))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(ArchiveError::io(dir))
}

/// The name that a file has until it is whole.
pub(crate) fn unfinished(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.part"))
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, ArchiveError> {
    match std::fs::read(path) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(read) => Ok(Some(read)),
            Err(error) => Err(ArchiveError::unreadable(path, error.to_string())),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ArchiveError::io(path)(error)),
    }
}

fn write<T: Serialize>(path: &Path, what: &T) -> Result<(), ArchiveError> {
    let (dir, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let temporary = unfinished(dir, &name);
    let text = serde_json::to_vec_pretty(what).map_err(|error| ArchiveError::unreadable(path, error.to_string()))?;
    let mut file = File::create(&temporary).map_err(ArchiveError::io(&temporary))?;
    file.write_all(&text).map_err(ArchiveError::io(&temporary))?;
    settle(dir, &file, &temporary, &name)
}
