//! What must hold when processes and engines fail. Each test has a site of its own.

mod emptied;
mod fsync;
mod journal_down;
mod kill;
mod load;
mod log;
mod restarted;
mod survivors;
mod young_sessions;
