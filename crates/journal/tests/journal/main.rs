//! What a journal promises, on both engines.

mod world;

mod appending;
mod naming;
mod reopening;
mod tailing;
