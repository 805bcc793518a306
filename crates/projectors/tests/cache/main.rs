//! The cache and the sessions in it, on both engines: each test runs embedded, and on Redis when `AREDVI_CACHE` names
//! one.

mod cards;
mod engines;
mod rates;
mod reservations;
