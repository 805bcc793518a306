//! The journal of one machine: one SQLite file, one writer thread with group commit, two readers.
//!
//! An append is answered after the fsync of its commit. Tails are woken in the process; nobody polls the disk. That
//! only one process has the file open is seen to by whoever owns the data directory.

mod file;
mod offsets;
mod readers;
pub mod row;
mod tail;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Clock, JournalId, Mint, Place, Positions, Record, Topic};
use tokio::sync::watch;

use crate::error::{AppendError, CloseError, Fault, OpenError, ReadError};
use offsets::Offsets;
use readers::Readers;
pub use tail::Tail;
use writer::Writer;

/// An open embedded journal.
pub struct Embedded {
    id: JournalId,
    clock: Clock,
    writer: Writer,
    readers: Arc<Readers>,
    starts: Arc<Offsets>,
    ends: watch::Receiver<Offsets>,
}

impl Embedded {
    /// Opens the file, creating it and the record that names it at first use.
    pub async fn open(path: &Path, mint: &Mint) -> Result<Self, OpenError> {
        let (path, mint) = (path.to_owned(), mint.clone());
        let clock = mint.clock().clone();
        let inaccessible = { |source| OpenError::Inaccessible { path: path.clone(), source } };
        let opened = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || file::open(&path, &mint)).await
        };
        let opened = opened.map_err(|died| inaccessible(Fault::new(died)))??;
        let (writer, ends) =
            Writer::start(opened.connection, opened.ends, clock.clone()).map_err(|error| inaccessible(Fault::new(error)))?;
        let readers = Arc::new(Readers::new(path));
        Ok(Self { id: opened.id, clock, writer, readers, starts: Arc::new(opened.starts), ends })
    }

    pub fn id(&self) -> JournalId {
        self.id
    }

    pub async fn append(&self, records: Vec<Record>, bytes: usize) -> Result<Vec<Place>, AppendError> {
        self.writer.append(records, bytes).await
    }

    pub fn tail(&self, from: &Positions) -> Result<Tail, ReadError> {
        let ends = self.ends.borrow();
        for (partition, position) in from.iter() {
            let (start, end) = (self.starts.get(partition), ends.get(partition));
            if !(start..=end).contains(&position) {
                return Err(ReadError::OutsideLog { partition, position, start, end });
            }
        }
        Ok(Tail::new(self.readers.clone(), self.ends.clone(), from.clone(), self.clock.clone()))
    }

    pub fn ends(&self, topics: &[Topic]) -> Positions {
        self.ends.borrow().positions(topics)
    }

    pub fn starts(&self, topics: &[Topic]) -> Positions {
        self.starts.positions(topics)
    }

    pub async fn close(&self, deadline: Duration) -> Result<(), CloseError> {
        self.writer.close(deadline).await
    }
}
