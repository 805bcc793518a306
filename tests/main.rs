//! The program from outside: real processes, real engines, HTTP. One file a feature, each test on both columns.

mod access;
mod comments;
mod erasure;
mod faults;
mod first_steps;
mod follow;
mod idempotency;
mod malformed;
mod notifications;
mod privacy;
mod reading;
mod sessions;
mod stream;
mod world;
