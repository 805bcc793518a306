//! Lines on stdout, for whoever started the process.

use std::fmt::Display;
use std::io::Write as _;

/// Says one line; nobody listening is no failure.
pub fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
