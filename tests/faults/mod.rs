//! What must hold when processes and engines fail. Each test has a site of its own.

mod cache_down;
mod database_down;
mod emptied;
mod ended;
mod fsync;
mod journal_down;
mod kill;
mod load;
mod log;
mod rebuilt;
mod restarted;
mod settings;
mod survivors;
mod young_sessions;
