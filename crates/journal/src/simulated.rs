//! The engine that a simulation brings: a log whose delivery and faults follow from a seed. No server is built with it.

use std::pin::Pin;

use aredvi_events::{JournalId, Place, Positions, Record, Stored, Topic};

use crate::error::{AppendError, ReadError};
use crate::tail::BatchLimits;

/// What is awaited.
pub type Awaited<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A log, as [`Journal`](crate::Journal) promises it; each method is that of the same name there.
#[expect(missing_docs, reason = "each method is the journal's of the same name")]
pub trait Log: Send + Sync {
    fn id(&self) -> JournalId;
    fn append(&self, records: Vec<Record>) -> Awaited<'_, Result<Vec<Place>, AppendError>>;
    fn tail<'a>(&'a self, from: &'a Positions) -> Awaited<'a, Result<Box<dyn LogTail>, ReadError>>;
    fn ends<'a>(&'a self, topics: &'a [Topic]) -> Awaited<'a, Result<Positions, ReadError>>;
    fn starts<'a>(&'a self, topics: &'a [Topic]) -> Awaited<'a, Result<Positions, ReadError>>;
}

/// Who reads it, as [`Tail`](crate::Tail) promises it.
#[expect(missing_docs, reason = "each method is the tail's of the same name")]
pub trait LogTail: Send {
    fn next<'a>(&'a mut self, limits: &'a BatchLimits) -> Awaited<'a, Result<Vec<Stored>, ReadError>>;
    fn positions(&self) -> &Positions;
}
