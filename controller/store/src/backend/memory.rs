//! A map in memory. Nothing is durable, so the barrier has nothing to do.

use super::{Backend, BackendError, Op, Visitor};
use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

/// Records that end with the process.
#[derive(Debug, Default)]
pub struct Memory(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Backend for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), BackendError> {
        self.batch(vec![Op::Put(key.to_vec(), value.to_vec())])
    }

    fn batch(&self, ops: Vec<Op>) -> Result<(), BackendError> {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for op in ops {
            match op {
                Op::Put(key, value) => map.insert(key, value),
                Op::Remove(key) => map.remove(&key),
            };
        }
        Ok(())
    }

    fn range(&self, from: &[u8], to: &[u8], visit: &mut Visitor<'_>) -> Result<(), BackendError> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if from >= to {
            return Ok(());
        }
        for (key, value) in map.range(from.to_vec()..to.to_vec()) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), BackendError> {
        Ok(())
    }
}
