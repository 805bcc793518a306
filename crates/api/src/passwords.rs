//! Passwords.

pub mod common;
