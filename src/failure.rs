//! How the program fails: one line on stderr and an exit code.

use std::fmt;
use std::process::ExitCode;

/// The exit code when the program could not do what it was asked for.
const FAILED: u8 = 1;
/// The exit code when it was asked for something that cannot be.
const MISUSED: u8 = 2;

/// A command line or a setting that cannot be; one line.
#[derive(Debug)]
pub struct Misuse(pub String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// Says on stderr what went wrong, in one line, and gives the exit code.
pub fn told(error: &anyhow::Error) -> ExitCode {
    eprintln!("aredvi: {}", line(error));
    ExitCode::from(if error.is::<Misuse>() { MISUSED } else { FAILED })
}

/// An error with its causes in one line; a cause that its error repeats stands once, and of one with many lines stands the
/// first.
pub fn line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let said = cause.to_string();
        let mut lines = said.lines().filter(|line| !line.trim().is_empty());
        let first = lines.next().unwrap_or_default().trim();
        let said = match lines.count() {
            0 => first.to_owned(),
            more => format!("{first} (and {more} more)"),
        };
        if line.is_empty() {
            line = said;
        } else if !line.contains(&said) {
            line.push_str(": ");
            line.push_str(&said);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_failure_is_one_line_with_its_causes() {
        let error = anyhow!("no such file").context("cannot open it").context("cannot start");
        assert_eq!(line(&error), "cannot start: cannot open it: no such file");
        assert_eq!(line(&anyhow!("a: missing\nb: missing\nc: missing\n")), "a: missing (and 2 more)");
    }

    #[test]
    fn a_repeated_cause_is_said_once() {
        assert_eq!(line(&anyhow!("gone").context("it is gone")), "it is gone");
    }
}
