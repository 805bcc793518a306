//! What the subcommands do that are no role: one file each.

pub mod serve;
pub mod topics;
