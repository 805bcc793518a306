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

/// An error with its causes in one line; a cause that its error repeats stands once.
pub fn line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let said = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
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
        let error = anyhow!("no such\nfile").context("cannot open it").context("cannot start");
        assert_eq!(line(&error), "cannot start: cannot open it: no such file");
    }

    #[test]
    fn a_repeated_cause_is_said_once() {
        assert_eq!(line(&anyhow!("gone").context("it is gone")), "it is gone");
    }
}
