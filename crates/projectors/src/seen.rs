//! The newest events of a row, so that one appended again at a later offset changes nothing.
//!
//! Most repeats are known by the row itself: a story, a comment, a request exists already. What may go to and fro, such
//! as a follow or an edit, needs this.

use uuid::Uuid;

/// How many events a row remembers. A repeat comes from one failed append or one restarted decider, so it is near.
pub const REMEMBERED: usize = 16;
/// Bytes that stand for one event.
const MARK_BYTES: usize = 8;

/// The newest events of a row, as its column holds them: `VARBINARY(128)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(Vec<u8>);

impl Seen {
    /// Of a column; what is no whole mark, or beyond those that are remembered, is not taken.
    pub fn from_column(bytes: &[u8]) -> Self {
        let whole = bytes.len() - bytes.len() % MARK_BYTES;
        Self(bytes[whole.saturating_sub(REMEMBERED * MARK_BYTES)..whole].to_vec())
    }

    /// For the column.
    pub fn into_column(self) -> Vec<u8> {
        self.0
    }

    /// Whether nothing is remembered.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `event` is among the remembered.
    pub fn knows(&self, event: Uuid) -> bool {
        let mark = mark(event);
        self.0.chunks_exact(MARK_BYTES).any(|seen| seen == mark)
    }

    /// Remembers `event`; the oldest is forgotten beyond [`REMEMBERED`].
    pub fn remember(&mut self, event: Uuid) {
        if self.0.len() >= REMEMBERED * MARK_BYTES {
            self.0.drain(..MARK_BYTES);
        }
        self.0.extend(mark(event));
    }
}

/// The two halves of the id laid over each other: both kinds of ids are random in one of them at least.
fn mark(event: Uuid) -> [u8; MARK_BYTES] {
    let (high, low) = event.as_u64_pair();
    (high ^ low).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_events_are_known_and_the_oldest_forgotten() {
        let event = |n: usize| Uuid::from_u128(n as u128 + 1);
        let mut seen = Seen::default();
        for n in 0..REMEMBERED + 1 {
            assert!(!seen.knows(event(n)));
            seen.remember(event(n));
            assert!(seen.knows(event(n)));
        }
        assert!(!seen.knows(event(0)));
        assert!(seen.knows(event(1)));
        assert_eq!(seen.clone().into_column().len(), 128);
    }

    #[test]
    fn a_column_that_was_cut_hides_no_later_event() {
        let mut seen = Seen::from_column(&[1; 102]);
        seen.remember(Uuid::from_u128(7));
        assert!(seen.knows(Uuid::from_u128(7)));
        assert_eq!(seen.into_column().len(), 104);
        assert_eq!(Seen::from_column(&[1; 1_000]).into_column().len(), REMEMBERED * MARK_BYTES);
    }
}
