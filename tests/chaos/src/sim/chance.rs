//! Chance by seed. Each part of the simulation draws from a stream of its own, so that a change in one does not move the
//! others.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

pub struct Chance(Xoshiro256PlusPlus);

impl Chance {
    pub fn new(seed: u64, stream: impl Hash) -> Self {
        // This hasher has no key of its own.
        let mut hasher = DefaultHasher::new();
        (seed, stream).hash(&mut hasher);
        Self(Xoshiro256PlusPlus::seed_from_u64(hasher.finish()))
    }

    pub fn within(&mut self, range: Range<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// True so many times in a thousand.
    pub fn in_thousand(&mut self, times: u64) -> bool {
        self.within(0..1000) < times
    }

    /// One of them; `None` of none.
    pub fn pick<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() {
            return None;
        }
        all.get(self.0.random_range(0..all.len())).cloned()
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.0.random_range(0..=at));
        }
    }
}
