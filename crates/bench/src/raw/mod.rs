//! What the engines and the machine do at most, measured in the same run: the comparison for our own numbers.

pub mod bare;
pub mod kafka;
pub mod memory;
pub mod redis;
pub mod sql;
