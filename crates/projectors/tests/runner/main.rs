//! The runner, with a small view, on every engine that there is.

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../engines/mod.rs"]
mod engines;
mod leases;
mod parking;
mod reading;
mod rebuilding;
mod view;
mod world;
