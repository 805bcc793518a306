//! The journal: the one durable log that every write is appended to and every view is made from.
//!
//! One API over two engines: Kafka, and one file for a single machine ("embedded"). The same tests run on both.
//! Nothing here knows what a record means, except the first one of all, which names the journal.
//!
//! What callers may rely on:
//! - [`Journal::append`] answers `Ok` only when the records are durable;
//! - a [`Tail`] returns each partition in its order, loses and repeats nothing, and never moves by itself;
//! - offsets grow but are not dense.

mod created;
mod embedded;
mod error;
mod followed;
mod journal;
mod kafka;
mod limits;
#[cfg(feature = "simulation")]
pub mod simulated;
mod tail;
pub mod topics;
mod url;

pub use embedded::row as stored_headers;
pub use error::{AppendError, CloseError, Fault, OpenError, ReadError};
pub use journal::{Journal, OpenOptions};
pub use limits::{APPEND_LIMIT, MAX_APPEND_BYTES, MAX_RECORD_BYTES};
pub use tail::{BatchLimits, Tail};
pub use topics::TopicsError;
pub use url::{JournalUrl, NotAJournalUrl, local_path};
