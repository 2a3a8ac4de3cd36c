//! Places for what comes from many and may not all be there at once: so many for each key, given back when dropped.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many places each key holds. Clones count the same.
#[derive(Debug)]
pub struct Places<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K> Clone for Places<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// A place for a key, unless it holds so many already.
    pub fn take(&self, key: K, max: usize) -> Option<Place<K>> {
        let mut held = self.held();
        let count = held.entry(key.clone()).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Place { of: self.clone(), key })
    }

    /// Places that a key holds.
    pub fn count(&self, key: &K) -> usize {
        self.held().get(key).copied().unwrap_or(0)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place, until it is dropped.
#[derive(Debug)]
pub struct Place<K: Clone + Eq + Hash> {
    of: Places<K>,
    key: K,
}

impl<K: Clone + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut held = self.of.held();
        match held.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_so_many_and_nothing_stays() {
        let places = Places::default();
        let held: Vec<_> = (0..3).map(|_| places.take("a", 3).expect("room")).collect();
        assert!(places.take("a", 3).is_none());
        assert!(places.take("b", 3).is_some(), "another key is not disturbed");
        assert_eq!(places.count(&"a"), 3);
        drop(held);
        assert!(places.held().is_empty());
        assert!(places.take("a", 1).is_some());
    }
}
