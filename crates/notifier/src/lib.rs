//! Who is told of what, and how it reaches them.

pub mod channels;
pub mod templates;
