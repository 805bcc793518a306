//! Backups: each adds what the log got since the one before, and holds the keys anew.
//!
//! The keys are read after the log, so every event's key is there. The former copy of the keys is removed: with it, keys
//! that an erasure destroyed since.

use std::fs::{self, File};
use std::path::Path;

use aredvi_events::{Clock, Positions, Topic};
use aredvi_journal::Journal;
use aredvi_projectors::control::Control;
use aredvi_projectors::keys::wrapped::WrappedKeys;

use crate::export::{self, Told};
use crate::line::{Begin, FORMAT, named};
use crate::manifest::{Erasures, settle, unfinished};
use crate::{ArchiveError, Manifest, Part, Writer};

/// What is backed up.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The log.
    pub journal: &'a Journal,
    /// The keys.
    pub keys: &'a WrappedKeys,
    /// Who minted ids, and up to when.
    pub control: &'a Control,
    /// What time it is.
    pub clock: &'a Clock,
}

/// What a backup added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// Records that the directory did not hold before.
    pub records: u64,
    /// Records that it holds.
    pub all: u64,
    /// Data keys that it holds, tombstones among them.
    pub keys: u64,
}

/// Brings the backup in `dir` up to now, or makes it; may be run while the community is used.
///
/// # Errors
/// [`ArchiveError::OtherJournal`], or what failed: the directory then is as it was before.
pub async fn run(source: Source<'_>, dir: &Path, told: Told<'_>) -> Result<BackedUp, ArchiveError> {
    fs::create_dir_all(dir).map_err(ArchiveError::io(dir))?;
    let before = of_journal(dir, source.journal)?;
    let to = source.journal.ends(&Topic::ALL).await?;
    let from = match &before {
        Some(manifest) => manifest.positions(dir)?,
        None => source.journal.starts(&Topic::ALL).await?,
    };
    let mut log = before.as_ref().map(|manifest| manifest.log.clone()).unwrap_or_default();
    let new = log_since(source, dir, (&from, &to), log.len() + 1, told).await?;
    let records = new.as_ref().map_or(0, |part| part.records);
    log.extend(new);
    let (keys, count) = keys_now(source, dir, before.as_ref().map(|manifest| manifest.keys.file.as_str())).await?;
    let all = log.iter().map(|part| part.records).sum();
    let made_ms = source.clock.now_ms();
    let manifest = Manifest { aredvi: FORMAT, journal: source.journal.id().0, made_ms, log, keys, to: named(&to) };
    manifest.write(dir)?;
    if let Some(before) = before.filter(|before| before.keys.file != manifest.keys.file) {
        let former = dir.join(before.keys.file);
        fs::remove_file(&former).map_err(ArchiveError::io(&former))?;
    }
    erasures(source, dir).await?;
    Ok(BackedUp { records, all, keys: count })
}

/// Notes beside a backup who is erased by now; how many that are.
///
/// # Errors
/// [`ArchiveError::OtherJournal`], or what failed.
pub async fn erasures(source: Source<'_>, dir: &Path) -> Result<usize, ArchiveError> {
    if of_journal(dir, source.journal)?.is_none() {
        return Err(ArchiveError::NoBackup { path: dir.to_owned() });
    }
    let erased = source.keys.erased().await?;
    let count = erased.len();
    Erasures { journal: source.journal.id().0, erased }.write(dir)?;
    Ok(count)
}

fn of_journal(dir: &Path, journal: &Journal) -> Result<Option<Manifest>, ArchiveError> {
    match Manifest::read(dir)? {
        Some(manifest) if manifest.journal != journal.id().0 => Err(ArchiveError::OtherJournal { path: dir.to_owned() }),
        found => Ok(found),
    }
}

/// The next part of the log; none when nothing happened.
async fn log_since(
    source: Source<'_>,
    dir: &Path,
    (from, to): (&Positions, &Positions),
    number: usize,
    told: Told<'_>,
) -> Result<Option<Part>, ArchiveError> {
    let mut writer = Draft::begin(dir, format!("log-{number:06}.ndjson.zst"), export::begin(source.journal, from, source.clock))?;
    export::records(source.journal, (from, to), &mut writer.writer, told).await?;
    if from.iter().all(|(partition, next)| next >= to.next(partition)) {
        writer.discard()?;
        return Ok(None);
    }
    writer.end(dir, to).map(Some)
}

/// All keys, in a file of another name than the former one.
async fn keys_now(source: Source<'_>, dir: &Path, former: Option<&str>) -> Result<(Part, u64), ArchiveError> {
    let name = |number: u32| format!("keys-{number}.ndjson.zst");
    let name = if former == Some(name(1).as_str()) { name(2) } else { name(1) };
    let nothing = Positions::new();
    let mut draft = Draft::begin(dir, name, export::begin(source.journal, &nothing, source.clock))?;
    let count = export::keys(source.keys, source.control, &mut draft.writer).await?;
    Ok((draft.end(dir, &nothing)?, count))
}

/// A file that is not whole yet.
struct Draft {
    name: String,
    path: std::path::PathBuf,
    writer: Writer<File>,
}

impl Draft {
    fn begin(dir: &Path, name: String, begin: Begin) -> Result<Self, ArchiveError> {
        let path = unfinished(dir, &name);
        let file = File::create(&path).map_err(ArchiveError::io(&path))?;
        let writer = Writer::begin(&path, file, begin)?;
        Ok(Self { name, path, writer })
    }

    fn end(self, dir: &Path, to: &Positions) -> Result<Part, ArchiveError> {
        let (written, file) = self.writer.end(named(to))?;
        settle(dir, &file, &self.path, &self.name)?;
        Ok(Part::of(self.name, written))
    }

    fn discard(self) -> Result<(), ArchiveError> {
        drop(self.writer);
        fs::remove_file(&self.path).map_err(ArchiveError::io(&self.path))
    }
}
