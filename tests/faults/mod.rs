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

/// Asks for the tests of this folder that need a machine with nothing else to do.
const ALL_FAULTS: &str = "AREDVI_TEST_ALL_FAULTS";

/// Whether they are asked for; says aloud when they are not.
fn all_asked() -> bool {
    let asked = std::env::var_os(ALL_FAULTS).is_some();
    if !asked {
        eprintln!("NOT RUN: it needs a machine with nothing else to do, and {ALL_FAULTS}=1");
    }
    asked
}
