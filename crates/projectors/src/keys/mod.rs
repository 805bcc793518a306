//! The data keys of actors: made before the append that needs them, fetched a batch at a time, destroyed by an erasure.
//!
//! They stand in the schema `keys`, wrapped by the master key, and nowhere in the journal. Nothing here reads an event's
//! meaning: who is erased, and when, is the journal's to say.

mod cached;
mod error;
pub mod master;
mod seals;
mod store;
pub mod wrapped;

pub use error::KeyError;
pub use seals::{Opener, Sealer};
pub use store::{Key, KeyStore};
