//! What an environment remembers of the tables for a few seconds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How long an environment works with what it read. A change takes effect everywhere after this.
const CACHED_FOR: SignedDuration = SignedDuration::from_secs(3);
/// Beyond this many entries the cache starts over: an environment lives for hours.
const MAX_CACHED: usize = 10_000;

/// What was read a moment ago, by key.
#[derive(Debug)]
pub(crate) struct Cache<K, V>(Mutex<HashMap<K, (Timestamp, V)>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    pub(crate) fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, value) = entries.get(key)?;
        (now.duration_since(*read_at) < CACHED_FOR).then(|| value.clone())
    }

    pub(crate) fn put(&self, key: K, value: V, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_CACHED {
            entries.clear();
        }
        entries.insert(key, (now, value));
    }

    /// Changes what is remembered, which gets no younger by that.
    pub(crate) fn update(&self, key: &K, change: impl FnOnce(&mut V)) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = entries.get_mut(key) {
            change(value);
        }
    }

    pub(crate) fn forget(&self, key: &K) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_forgotten_after_three_seconds() {
        let cache = Cache::default();
        let read_at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        cache.put("key", 1, read_at);
        assert_eq!(
            cache.get(&"key", read_at + SignedDuration::from_millis(2_999)),
            Some(1)
        );
        assert_eq!(cache.get(&"key", read_at + CACHED_FOR), None);
        cache.update(&"key", |value| *value = 2);
        assert_eq!(cache.get(&"key", read_at), Some(2));
        assert_eq!(cache.get(&"key", read_at + CACHED_FOR), None);
        cache.forget(&"key");
        assert_eq!(cache.get(&"key", read_at), None);
    }
}
