//! One line for what fails for many at once, instead of one for each of them.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What lasts is said again after this.
const SAID_EVERY: Duration = Duration::from_secs(60);
/// Reasons that are told apart; further ones are left out until others have grown old.
const MAX_REASONS: usize = 8;

/// Something that may be in trouble for every request, such as an engine.
pub struct Trouble {
    said: Mutex<Vec<Said>>,
}

struct Said {
    reason: String,
    at: Instant,
    left_out: u64,
}

/// That the trouble is to be said now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The error and its sources in one line.
    pub reason: String,
    /// How often it happened since it was said last.
    pub left_out: u64,
}

impl Trouble {
    /// None yet.
    pub const fn new() -> Self {
        Self { said: Mutex::new(Vec::new()) }
    }

    /// It happened. Gives what to say when it is new, and again when it lasts.
    pub fn happened(&self, error: &dyn Error) -> Option<Telling> {
        let reason = chain(error);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = said.iter_mut().find(|before| before.reason == reason) {
            if before.at.elapsed() < SAID_EVERY {
                before.left_out += 1;
                return None;
            }
            before.at = Instant::now();
            return Some(Telling { reason, left_out: std::mem::take(&mut before.left_out) });
        }
        said.retain(|before| before.at.elapsed() < SAID_EVERY);
        if said.len() >= MAX_REASONS {
            return None;
        }
        said.push(Said { reason: reason.clone(), at: Instant::now(), left_out: 0 });
        Some(Telling { reason, left_out: 0 })
    }
}

impl Default for Trouble {
    fn default() -> Self {
        Self::new()
    }
}

/// An error and its sources in one line, joined by `: `; a source that its error repeats stands once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the journal is unavailable")]
    struct Unavailable(#[source] std::io::Error);

    fn error(why: &str) -> Unavailable {
        Unavailable(std::io::Error::other(why.to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_said_once_a_minute_with_how_often_it_happened() {
        let trouble = Trouble::new();
        let told = trouble.happened(&error("full")).expect("said at once");
        assert_eq!(told, Telling { reason: "the journal is unavailable: full".to_owned(), left_out: 0 });
        for _ in 0..100 {
            assert_eq!(trouble.happened(&error("full")), None);
        }
        assert_eq!(trouble.happened(&error("read-only")).expect("another reason").left_out, 0);
        tokio::time::advance(SAID_EVERY).await;
        assert_eq!(trouble.happened(&error("full")).expect("it lasts").left_out, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn ever_new_reasons_are_left_out_too() {
        let trouble = Trouble::new();
        let said = (0..1_000).filter(|number| trouble.happened(&error(&number.to_string())).is_some()).count();
        assert_eq!(said, MAX_REASONS);
        tokio::time::advance(SAID_EVERY).await;
        assert!(trouble.happened(&error("another")).is_some());
    }
}
