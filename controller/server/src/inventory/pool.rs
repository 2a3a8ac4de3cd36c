//! Whole things that many hosts have alike, each held once: images.

use std::{collections::HashSet, hash::Hash, sync::Arc};

/// See the module.
pub struct Pool<T>(HashSet<Arc<T>>);

impl<T: Eq + Hash> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: Eq + Hash> Pool<T> {
    /// The one that is held, or this one from now on.
    pub fn take(&mut self, thing: T) -> Arc<T> {
        if let Some(held) = self.0.get(&thing) {
            return Arc::clone(held);
        }
        let thing = Arc::new(thing);
        self.0.insert(Arc::clone(&thing));
        thing
    }

    /// Gives it back; who gives back the last one lets it go.
    pub fn release(&mut self, thing: &Arc<T>) {
        // One is the pool's own, one is this.
        if Arc::strong_count(thing) <= 2 {
            self.0.remove(thing);
        }
    }

    /// Things held.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_are_one_until_nobody_has_it() {
        let mut pool = Pool::default();
        let (one, other) = (pool.take("a".to_owned()), pool.take("a".to_owned()));
        assert!(Arc::ptr_eq(&one, &other));
        pool.release(&one);
        drop(one);
        assert_eq!(pool.len(), 1);
        pool.release(&other);
        assert_eq!(pool.len(), 0);
    }
}
