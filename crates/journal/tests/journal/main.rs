//! What a journal promises, on both engines.

mod world;

mod appending;
mod embedded_file;
mod kafka_restart;
mod kafka_strangers;
mod kafka_topics;
mod naming;
mod reopening;
mod tailing;
