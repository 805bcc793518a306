//! Which keys were written, told without asking the engine.

use std::hash::Hash;
use std::sync::OnceLock;

use fastbloom::AtomicBloomFilter;

/// Of a hundred keys that were never written one may count as written.
const FALSE_POSITIVES: f64 = 0.01;
/// Room is made for at most so many keys, about 10 bits each; with more of them more count as written.
const MOST: u64 = 64_000_000;

/// The keys that the only writer of some tables has written to them since they were empty: a row of any other key cannot
/// be there. Some keys count as written that were not; none that were are missing.
pub struct KeysWritten {
    expected: u64,
    /// Made with the first key: who writes no keys needs no room for them.
    filter: OnceLock<AtomicBloomFilter>,
}

impl KeysWritten {
    /// None yet, with room for about so many.
    pub const fn none(expected: u64) -> Self {
        Self { expected, filter: OnceLock::new() }
    }

    /// Whether the table may hold a row of this key.
    pub fn may_hold(&self, table: &'static str, key: &impl Hash) -> bool {
        self.filter.get().is_some_and(|filter| filter.contains(&(table, key)))
    }

    /// The table may hold a row of this key from now on.
    pub fn add(&self, table: &'static str, key: &impl Hash) {
        let expected = usize::try_from(self.expected.clamp(1, MOST)).unwrap_or(usize::MAX);
        let made = || AtomicBloomFilter::with_false_pos(FALSE_POSITIVES).expected_items(expected);
        self.filter.get_or_init(made).insert(&(table, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_that_was_written_is_missing_and_few_others_count_as_written() {
        let written = KeysWritten::none(10_000);
        assert!(!written.may_hold("one", &1_u64));
        for key in 0..10_000_u64 {
            written.add("one", &key);
        }
        assert!((0..10_000_u64).all(|key| written.may_hold("one", &key)));
        let by_mistake = (0..10_000_u64).filter(|key| written.may_hold("another", key)).count();
        assert!(by_mistake < 300, "{by_mistake} of 10,000");
    }
}
