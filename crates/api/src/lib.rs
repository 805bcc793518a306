//! Aredvi over HTTP: commands, queries, the feed index and the live stream.

pub mod commands;
pub mod feed;
pub mod verdicts;
//!
//! A handler takes what [`extract`] gives, answers one of the [`shapes`], or refuses with a [`problem`].

pub mod extract;
pub mod middleware;
pub mod passwords;
pub mod problem;
pub mod shapes;
pub mod text;
