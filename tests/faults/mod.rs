//! What must hold when processes and engines fail. Each test has a site of its own.

mod cache_down;
mod clocks_jump;
mod cut;
mod database_down;
mod disk_full;
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
mod strange_records;
mod survivors;
mod three_brokers;
mod young_sessions;
