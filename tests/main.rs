//! The program from outside: real processes, real engines, HTTP. One file a feature, each test on both columns.

mod access;
mod browsers;
mod cards;
mod carrying;
mod clocks;
mod comments;
mod email;
mod erasure;
mod faults;
mod first_steps;
mod follow;
mod idempotency;
mod malformed;
mod notifications;
mod pages;
mod privacy;
mod rate_limits;
mod reading;
mod round_trips;
mod sessions;
mod stream;
mod subscriptions;
mod tokens;
mod warm;
mod world;
