//! What happens to every request around its handler.

pub mod trace;
