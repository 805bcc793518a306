//! What must hold when processes and engines fail. Each test has a site of its own.

mod emptied;
mod fsync;
mod kill;
mod load;
mod survivors;
