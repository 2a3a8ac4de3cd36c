//! Things that are dear to make and often needed again, kept up to a bound.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A bounded cache. When it is full, all is dropped: what is in use comes back at once, and nothing can grow.
#[derive(Debug)]
pub(crate) struct Kept<K, V> {
    most: usize,
    map: Mutex<BTreeMap<K, Arc<V>>>,
}

impl<K: Ord, V> Kept<K, V> {
    pub const fn new(most: usize) -> Self {
        Self { most, map: Mutex::new(BTreeMap::new()) }
    }

    /// The value, if it is there.
    pub fn get<Q>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.map.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Keeps a value. It was made outside of the lock; two that make the same are harmless.
    pub fn put(&self, key: K, value: V) -> Arc<V> {
        let value = Arc::new(value);
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= self.most {
            map.clear();
        }
        map.insert(key, Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_again_and_the_bound_holds() {
        let kept: Kept<String, usize> = Kept::new(2);
        assert_eq!(kept.get("a"), None);
        kept.put("a".to_owned(), 1);
        assert_eq!(kept.get("a").as_deref(), Some(&1));
        kept.put("b".to_owned(), 2);
        kept.put("c".to_owned(), 3);
        assert!(kept.map.lock().expect("not poisoned").len() <= 2);
        assert_eq!(kept.get("c").as_deref(), Some(&3));
    }
}
