//! Aredvi over HTTP: commands, queries, the feed index and the live stream.
//!
//! A handler takes what [`extract`] gives, answers one of the [`shapes`], or refuses with a [`problem`].

pub mod admin;
pub mod admission;
pub mod answer;
pub mod app;
pub mod bells;
pub mod caller;
pub mod cards;
pub mod commands;
pub mod cookies;
pub mod cursor;
pub mod etag;
pub mod extract;
pub mod feed;
mod gauges;
pub mod hashtags;
pub mod headers;
pub mod load;
pub mod mentions;
pub mod middleware;
pub mod openapi;
pub mod passwords;
pub mod problem;
pub mod reserved;
pub mod said;
pub mod serve;
pub mod shapes;
pub mod sse;
pub mod streams;
pub mod text;
pub mod v1;
pub mod verdicts;
pub mod writing;
