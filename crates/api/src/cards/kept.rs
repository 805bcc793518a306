//! A bounded cache that never keeps what is older than what was heard.

use std::hash::Hash;
use std::sync::Arc;

use moka::policy::EvictionPolicy;

/// Values by key, each with the offset of the last event in it.
pub struct Kept<K, V> {
    values: quick_cache::sync::Cache<K, (u64, Arc<V>)>,
    needed: moka::sync::Cache<K, u64>,
}

impl<K: Hash + Eq + Send + Sync + Copy + 'static, V: Send + Sync + 'static> Kept<K, V> {
    /// Room for `capacity` values.
    pub fn new(capacity: usize) -> Self {
        // What is needed must be remembered whatever else is asked for.
        let needed = moka::sync::Cache::builder().max_capacity(capacity as u64).eviction_policy(EvictionPolicy::lru()).build();
        Self { values: quick_cache::sync::Cache::new(capacity), needed }
    }

    /// An event of `key` at `offset` was heard: only values that include it may be kept. Whether nothing of it was heard
    /// before, as far as that is remembered.
    pub fn needs(&self, key: K, offset: u64) -> bool {
        let first = !self.needed.contains_key(&key);
        self.needed.insert(key, offset);
        self.values.remove(&key);
        first
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
                self.values.remove(&key);
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
        assert!(kept.needs(1, 6));
        assert_eq!(kept.get(1), None);
        kept.put(1, 5, &Arc::new("five"));
        assert_eq!(kept.get(1), None);
        kept.put(1, 6, &Arc::new("six"));
        assert_eq!(kept.get(1).as_deref(), Some(&"six"));
        assert!(!kept.needs(1, 7), "it was heard of before");
    }
}
