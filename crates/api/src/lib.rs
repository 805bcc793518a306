//! Aredvi over HTTP: commands, queries, the feed index and the live stream.

pub mod commands;
pub mod feed;
pub mod verdicts;
