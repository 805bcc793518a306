//! Planner, notifier, janitor and key keeper together, on every engine that there is.

mod engines;
mod janitor;
mod key_keeper;
mod ledger;
mod planner;
#[path = "../../../../tests/world/receiver.rs"]
mod receiver;
mod webhooks;
mod world;
