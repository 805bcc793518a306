//! The cache and the sessions in it, on both engines: each test runs embedded, and on Redis when `AREDVI_CACHE` names
//! one.

mod admit;
mod cards;
mod engines;
mod faults;
mod fold;
mod past;
mod projector;
mod proxy;
mod rates;
mod reservations;
