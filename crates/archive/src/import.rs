//! From a file into an empty log and empty keys.
//!
//! An import that was interrupted is gone on with: what the log holds must be the beginning of what the file says, each
//! partition for itself. Each record keeps its id, its time and its texts, and is marked as history, so that nobody is
//! told of it.

use std::collections::{BTreeMap, VecDeque};

use aredvi_events::{Clock, Partition, Record, Topic, codec};
use aredvi_journal::{BatchLimits, Journal, MAX_APPEND_BYTES};
use aredvi_projectors::control::Control;
use aredvi_projectors::keys::wrapped::{Kept, WrappedKey, WrappedKeys};
use sha2::{Digest as _, Sha256};

use crate::export::Told;
use crate::line::Line;
use crate::{ArchiveError, Reader};

/// Records appended at once.
const RECORDS_PER_APPEND: usize = 250;
/// Within how many records of a partition a repeated one is looked for: an append whose outcome was unknown is repeated at
/// once, and a partition gets a part of it.
const REPEATED_WITHIN: usize = 256;
/// Of an append's bytes, how many are filled: what is counted here is a little less than what the log counts.
const BYTES_PER_APPEND: usize = MAX_APPEND_BYTES / 4;
/// Keys written at once.
const KEYS_PER_WRITE: usize = 1_000;
/// How often an append whose outcome is not known is tried again: the same ids, so that nothing is doubled by it.
const APPEND_TRIES: u32 = 5;
/// The header that says where an event comes from, and what it says of history.
const ORIGIN: (&str, &str) = ("ce_aredviorigin", "import");
/// The record that names a journal; each has its own.
const NAMES_JOURNAL: &str = "journal.created";

/// Where things are imported to.
pub struct Target<'a> {
    /// A log that nobody wrote to.
    pub journal: &'a Journal,
    /// Keys that nobody has.
    pub keys: &'a WrappedKeys,
    /// What no process ever worked on.
    pub control: &'a Control,
    /// For pauses.
    pub clock: &'a Clock,
}

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Records appended.
    pub records: u64,
    /// Records that an earlier try had appended.
    pub found: u64,
    /// Keys.
    pub keys: u64,
}

/// Takes files in, one after the other.
pub struct Import<'a> {
    target: Target<'a>,
    held: BTreeMap<Partition, Chain>,
    filed: BTreeMap<Partition, Chain>,
    batch: Vec<Record>,
    batch_bytes: usize,
    keys: Vec<WrappedKey>,
    done: Imported,
}

/// Records of one partition: how many, and what they come to. One that is repeated soon counts once.
#[derive(Debug, Clone, Default)]
struct Chain {
    count: u64,
    digest: Vec<u8>,
    recent: VecDeque<String>,
}

impl Chain {
    /// Adds a record; `false` for a repeated one.
    fn add(&mut self, record: &Record) -> bool {
        let id = codec::header(record, "ce_id").unwrap_or_default();
        if self.recent.iter().any(|recent| recent == id) {
            return false;
        }
        if self.recent.len() >= REPEATED_WITHIN {
            self.recent.pop_front();
        }
        self.recent.push_back(id.to_owned());
        let mut sha256 = Sha256::new();
        sha256.update(&self.digest);
        sha256.update(id);
        sha256.update(&record.key);
        sha256.update(&record.value);
        self.digest = sha256.finalize().to_vec();
        self.count += 1;
        true
    }
}

impl<'a> Import<'a> {
    /// Looks at what is there.
    ///
    /// # Errors
    /// [`ArchiveError::Inhabited`] where roles have run.
    pub async fn into(target: Target<'a>) -> Result<Self, ArchiveError> {
        if !target.control.all_generations().await?.is_empty() {
            return Err(ArchiveError::Inhabited);
        }
        let held = held(target.journal).await?;
        let (filed, batch, keys) = (BTreeMap::new(), Vec::new(), Vec::new());
        Ok(Self { target, held, filed, batch, batch_bytes: 0, keys, done: Imported::default() })
    }

    /// Takes one file in.
    ///
    /// # Errors
    /// [`ArchiveError`]; what was appended stays, and the import may be run again.
    pub async fn take(&mut self, mut reader: Reader<'_>, told: Told<'_>) -> Result<(), ArchiveError> {
        while let Some(line) = reader.next_line()? {
            match line {
                Line::Record(line) => {
                    let stored = line.into_stored().ok_or_else(|| reader.malformed())?;
                    if codec::header(&stored.record, "ce_type") != Some(NAMES_JOURNAL) {
                        self.record(stored.record).await?;
                        told(self.done.records + self.done.found);
                    }
                }
                Line::Key(key) => {
                    self.keys.push(key);
                    if self.keys.len() >= KEYS_PER_WRITE {
                        self.write_keys().await?;
                    }
                }
                Line::Material(material) => {
                    if self.target.keys.keep_material(&material).await? == Kept::Other {
                        return Err(ArchiveError::OtherKeys);
                    }
                }
                Line::Worker(worker) => self.target.control.keep_minted(&worker).await?,
                Line::Begin(_) | Line::End(_) => return Err(reader.malformed()),
            }
        }
        self.write_keys().await?;
        self.append().await
    }

    /// What came of it.
    ///
    /// # Errors
    /// [`ArchiveError::OtherRecords`] when the log held more than the files.
    pub fn finish(self) -> Result<Imported, ArchiveError> {
        let more =
            self.held.iter().any(|(partition, held)| held.count > self.filed.get(partition).map_or(0, |filed| filed.count));
        if more { Err(ArchiveError::OtherRecords) } else { Ok(self.done) }
    }

    async fn record(&mut self, mut record: Record) -> Result<(), ArchiveError> {
        let partition = Partition::of(record.topic, &record.key);
        let filed = self.filed.entry(partition).or_default();
        if !filed.add(&record) {
            return Ok(());
        }
        let held = self.held.get(&partition);
        if let Some(held) = held.filter(|held| filed.count <= held.count) {
            if filed.count == held.count && filed.digest != held.digest {
                return Err(ArchiveError::OtherRecords);
            }
            self.done.found += 1;
            return Ok(());
        }
        record.headers.retain(|(name, _)| name != ORIGIN.0);
        record.headers.push((ORIGIN.0.to_owned(), ORIGIN.1.to_owned()));
        self.batch_bytes +=
            record.value.len() + record.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        self.batch.push(record);
        if self.batch.len() >= RECORDS_PER_APPEND || self.batch_bytes >= BYTES_PER_APPEND {
            self.append().await?;
        }
        Ok(())
    }

    /// An append whose outcome is unknown may stand on the log twice, which no view minds: the ids are the same.
    async fn append(&mut self) -> Result<(), ArchiveError> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let mut tries = 0;
        while !batch.is_empty() {
            match self.target.journal.append(batch.clone()).await {
                Ok(places) => {
                    self.done.records += places.len() as u64;
                    break;
                }
                Err(error) => {
                    tries += 1;
                    if tries >= APPEND_TRIES {
                        return Err(error.into());
                    }
                    self.target.clock.sleep(aredvi_journal::APPEND_LIMIT).await;
                }
            }
        }
        Ok(())
    }

    async fn write_keys(&mut self) -> Result<(), ArchiveError> {
        let keys = std::mem::take(&mut self.keys);
        self.done.keys += keys.len() as u64;
        match self.target.keys.keep(keys).await? {
            Kept::All => Ok(()),
            Kept::Other => Err(ArchiveError::OtherKeys),
        }
    }
}

/// What the log holds, but for the record that names it.
async fn held(journal: &Journal) -> Result<BTreeMap<Partition, Chain>, ArchiveError> {
    let (starts, ends) = (journal.starts(&Topic::ALL).await?, journal.ends(&Topic::ALL).await?);
    let mut due = starts.clone();
    due.retain(|partition| starts.next(partition) < ends.next(partition));
    let mut held: BTreeMap<Partition, Chain> = BTreeMap::new();
    if due.is_empty() {
        return Ok(held);
    }
    let mut tail = journal.tail(&due).await?;
    while due.iter().any(|(partition, _)| tail.positions().next(partition) < ends.next(partition)) {
        for stored in tail.next(&BatchLimits::default()).await? {
            if codec::header(&stored.record, "ce_type") != Some(NAMES_JOURNAL) {
                held.entry(stored.place.partition).or_default().add(&stored.record);
            }
        }
    }
    Ok(held)
}
