//! The log in files: a community that is carried to other engines, and backups of it.
//!
//! A file is zstd-compressed NDJSON: one [`Line`](line::Line) says what it is, one each record, and the last one how
//! many there were, so that a torn file is noticed. Nothing is opened on the way: texts stay sealed, data keys stay
//! wrapped by the master key. Nothing here runs a view, and nothing that is imported makes anybody be told of it.

pub mod backup;
mod error;
pub mod export;
mod file;
pub mod import;
pub mod line;
mod manifest;
pub mod restore;

pub use error::ArchiveError;
pub use file::{Reader, Writer, Written};
pub use manifest::{Manifest, Part};
