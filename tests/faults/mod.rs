//! What must hold when processes and engines fail. Each test has a site of its own.

mod kill;
mod load;
