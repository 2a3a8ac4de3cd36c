//! A disk by seed: what was not synced when the power goes is lost, or kept up to some change.

use super::chance::Chance;
use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use wharden_store::backend::{Backend, BackendError, Op, Visitor};

pub struct Disk(Mutex<Platter>);

/// The keys of one change, with what was there before.
type Replaced = Vec<(Vec<u8>, Option<Vec<u8>>)>;

struct Platter {
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What each change since the last barrier replaced, oldest first.
    unsynced: Vec<Replaced>,
    /// It says that it has synced and has not.
    lies: bool,
    fails: bool,
    slow: bool,
    chance: Chance,
}

impl Disk {
    pub fn new(chance: Chance, lies: bool) -> Self {
        let map = BTreeMap::new();
        Self(Mutex::new(Platter { map, unsynced: Vec::new(), lies, fails: false, slow: false, chance }))
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power is gone: of the changes that were not synced a beginning is kept, or none. How many were lost.
    pub fn crash(&self) -> usize {
        let mut platter = self.lock();
        let unsynced = std::mem::take(&mut platter.unsynced);
        let kept = match platter.chance.within(0..3) {
            0 => 0,
            _ => platter.chance.within(0..unsynced.len() as u64 + 1) as usize,
        };
        for change in unsynced[kept..].iter().rev() {
            for (key, old) in change.iter().rev() {
                match old {
                    Some(value) => platter.map.insert(key.clone(), value.clone()),
                    None => platter.map.remove(key),
                };
            }
        }
        platter.fails = false;
        unsynced.len() - kept
    }

    /// The next barrier fails, and every one after it until the restart.
    pub fn fail(&self) {
        self.lock().fails = true;
    }

    pub fn slow(&self, slow: bool) {
        self.lock().slow = slow;
    }

    /// How long the next barrier takes.
    pub fn latency(&self) -> Duration {
        let mut platter = self.lock();
        let range = if platter.slow { 100..1500 } else { 0..3 };
        Duration::from_millis(platter.chance.within(range))
    }
}

impl Backend for Disk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.lock().map.get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), BackendError> {
        self.batch(vec![Op::Put(key.to_vec(), value.to_vec())])
    }

    fn batch(&self, ops: Vec<Op>) -> Result<(), BackendError> {
        let mut platter = self.lock();
        let mut replaced = Vec::with_capacity(ops.len());
        for op in ops {
            replaced.push(match op {
                Op::Put(key, value) => (key.clone(), platter.map.insert(key, value)),
                Op::Remove(key) => {
                    let old = platter.map.remove(&key);
                    (key, old)
                }
            });
        }
        platter.unsynced.push(replaced);
        Ok(())
    }

    fn range(&self, from: &[u8], to: &[u8], visit: &mut Visitor<'_>) -> Result<(), BackendError> {
        let platter = self.lock();
        if from >= to {
            return Ok(());
        }
        for (key, value) in platter.map.range(from.to_vec()..to.to_vec()) {
            if visit(key, value) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), BackendError> {
        let mut platter = self.lock();
        if platter.fails {
            return Err(BackendError("the simulated disk failed".to_owned()));
        }
        if !platter.lies {
            platter.unsynced.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(seed: u64, lies: bool) -> Disk {
        Disk::new(Chance::new(seed, "disk"), lies)
    }

    #[test]
    fn a_crash_keeps_what_was_synced_and_a_beginning_of_the_rest() {
        let mut kept = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let disk = disk(seed, false);
            disk.put(b"a", b"1").expect("put");
            disk.barrier().expect("synced");
            disk.put(b"a", b"2").expect("put");
            disk.batch(vec![Op::Put(b"b".to_vec(), b"3".to_vec()), Op::Remove(b"a".to_vec())]).expect("batch");
            let lost = disk.crash();
            let held = (disk.get(b"a").expect("get"), disk.get(b"b").expect("get"));
            let expected = match lost {
                2 => (Some(b"1".to_vec()), None),
                1 => (Some(b"2".to_vec()), None),
                _ => (None, Some(b"3".to_vec())),
            };
            assert_eq!(held, expected);
            kept.insert(lost);
        }
        assert_eq!(kept, [0, 1, 2].into());
    }

    #[test]
    fn a_disk_that_lies_can_lose_what_it_said_it_had() {
        let lost = (0..20).any(|seed| {
            let disk = disk(seed, true);
            disk.put(b"a", b"1").expect("put");
            disk.barrier().expect("it says so");
            disk.crash();
            disk.get(b"a").expect("get").is_none()
        });
        assert!(lost);
    }
}
