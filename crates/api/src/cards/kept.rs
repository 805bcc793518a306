//! A bounded cache that never keeps what is older than what was heard.

use std::hash::Hash;
use std::sync::Arc;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Values by key, each with the offset of the last event in it.
pub struct Kept<K, V> {
    values: Cache<K, (u64, Arc<V>)>,
    needed: Cache<K, u64>,
}

impl<K: Hash + Eq + Send + Sync + Copy + 'static, V: Send + Sync + 'static> Kept<K, V> {
    /// Room for `capacity` values.
    pub fn new(capacity: u64) -> Self {
        // What is needed must be remembered whatever else is asked for.
        let needed = Cache::builder().max_capacity(capacity).eviction_policy(EvictionPolicy::lru()).build();
        Self { values: Cache::new(capacity), needed }
    }

    /// An event of `key` at `offset` was heard: only values that include it may be kept.
    pub fn needs(&self, key: K, offset: u64) {
        self.needed.insert(key, offset);
        self.values.invalidate(&key);
    }

    /// What is kept.
    pub fn get(&self, key: K) -> Option<Arc<V>> {
        self.values.get(&key).map(|(_, value)| value)
    }

    /// Keeps a value read from its view, if it is new enough.
    pub fn put(&self, key: K, offset: u64, value: &Arc<V>) {
        if self.new_enough(key, offset) {
            self.values.insert(key, (offset, Arc::clone(value)));
            // An event heard between the question and the insert invalidated nothing.
            if !self.new_enough(key, offset) {
                self.values.invalidate(&key);
            }
        }
    }

    /// Whether a value that includes the events up to `offset` is as new as what was heard.
    pub fn new_enough(&self, key: K, offset: u64) -> bool {
        self.needed.get(&key).is_none_or(|needed| offset >= needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_older_than_what_was_heard_is_not_kept() {
        let kept = Kept::new(10);
        kept.put(1, 5, &Arc::new("five"));
        assert_eq!(kept.get(1).as_deref(), Some(&"five"));
        kept.needs(1, 6);
        assert_eq!(kept.get(1), None);
        kept.put(1, 5, &Arc::new("five"));
        assert_eq!(kept.get(1), None);
        kept.put(1, 6, &Arc::new("six"));
        assert_eq!(kept.get(1).as_deref(), Some(&"six"));
    }
}
