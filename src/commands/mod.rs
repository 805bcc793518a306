//! What the subcommands do that are no role: one file each.

pub mod admin;
pub mod api;
pub mod backup;
pub mod demo;
pub mod journal;
pub mod notifier;
pub mod parked;
pub mod planner;
pub mod projector;
pub mod rebuild;
pub mod restore;
pub mod schema;
pub mod serve;
pub mod token;
pub mod topics;
pub mod views;
pub mod webhooks;
