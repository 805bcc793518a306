//! The newest events of the rows that changed last, so that one appended again changes nothing in memory either.
//!
//! The views keep these with each row ([`crate::seen`]). Memory cannot afford that for rows at rest: it keeps them for
//! those that changed last, because a repeat comes from one failed append or one restart, so it is near.

use std::collections::HashMap;
use std::hash::Hash;

use uuid::Uuid;

use crate::seen::Seen;

/// Rows whose events are surely known; at most twice as many are held, at about 100 bytes each.
pub const ROWS: usize = 1 << 16;

/// The newest events of the rows that changed last, by the key of the row.
#[derive(Debug)]
pub struct Recent<K> {
    rows: usize,
    young: HashMap<K, Seen>,
    old: HashMap<K, Seen>,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self { rows: ROWS, young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Hash + Eq> Recent<K> {
    /// Takes in what a view remembers of a row.
    pub fn load(&mut self, row: K, seen: &Seen) {
        if !seen.is_empty() {
            self.keep(row, seen.clone());
        }
    }

    /// Remembers an event of a row; false when it was remembered before.
    pub fn is_new(&mut self, row: K, event: Uuid) -> bool {
        let held = self.young.remove(&row).or_else(|| self.old.remove(&row));
        let mut seen = held.unwrap_or_default();
        let new = !seen.knows(event);
        if new {
            seen.remember(event);
        }
        self.keep(row, seen);
        new
    }

    fn keep(&mut self, row: K, seen: Seen) {
        if self.young.len() >= self.rows {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(row, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_that_changed_last_are_known_and_older_ones_let_go() {
        let (first, again) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut recent = Recent { rows: 10, ..Recent::default() };
        assert!(recent.is_new(0, first));
        for other in 1..=10 {
            assert!(recent.is_new(other, first));
        }
        assert!(!recent.is_new(0, first));
        assert!(recent.is_new(0, again));
        for other in 11..1_000 {
            assert!(recent.is_new(other, first));
            assert!(recent.young.len() + recent.old.len() <= 20);
        }
        assert!(recent.is_new(0, first), "forgotten");
    }

    #[test]
    fn what_a_view_remembers_is_known() {
        let mut seen = Seen::default();
        seen.remember(Uuid::from_u128(1));
        let mut recent = Recent::default();
        recent.load('a', &seen);
        assert!(!recent.is_new('a', Uuid::from_u128(1)));
        assert!(recent.is_new('b', Uuid::from_u128(1)));
    }
}
