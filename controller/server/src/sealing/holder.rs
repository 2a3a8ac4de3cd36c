//! The keys in memory and their file: the file first, whenever one comes or goes.

use arc_swap::ArcSwap;
use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use wharden_model::KeyId;
use wharden_pki::{ClusterKey, ClusterKeys, MissingKey};
use wharden_runtime::fsync::write_atomic;
use wharden_state::State;

/// Holds the cluster keys of this controller.
pub struct Holder {
    /// `None` where nothing is kept, as when a backup is looked at.
    path: Option<PathBuf>,
    held: ArcSwap<ClusterKeys>,
    /// One writer of the file at a time.
    writing: Mutex<()>,
}

impl From<ClusterKeys> for Holder {
    fn from(keys: ClusterKeys) -> Self {
        Self { path: None, held: ArcSwap::from_pointee(keys), writing: Mutex::default() }
    }
}

/// The keys, as this state uses them.
///
/// # Errors
/// [`MissingKey`] when one is not there that the state needs.
pub fn arranged(state: &State, keys: &ClusterKeys) -> Result<ClusterKeys, MissingKey> {
    let Some(sealing) = &state.sealing else { return keys.arranged(keys.first()?, Vec::new()) };
    if let Some(old) = sealing.outgoing().filter(|old| !keys.holds(*old)) {
        return Err(MissingKey::Key(old));
    }
    keys.arranged(sealing.current, sealing.former.iter().copied().collect())
}

impl Holder {
    /// Keys that were read from this file.
    pub fn on_disk(path: PathBuf, keys: ClusterKeys) -> Self {
        Self { path: Some(path), ..Self::from(keys) }
    }

    /// The keys of now.
    pub fn now(&self) -> Arc<ClusterKeys> {
        self.held.load_full()
    }

    /// Seals as this state says from now on.
    ///
    /// # Errors
    /// As [`arranged`]; it then goes on as before.
    pub fn follow(&self, state: &State) -> Result<(), MissingKey> {
        let held = self.now();
        let as_it_is = match &state.sealing {
            Some(sealing) => held.current() == sealing.current && sealing.former.iter().eq(held.former()),
            None => held.former().is_empty() && held.first() == Ok(held.current()),
        };
        if !as_it_is {
            arranged(state, &held)?;
            // One that came or went meanwhile is none that this state uses.
            self.held.rcu(|held| arranged(state, held).unwrap_or_else(|_| (**held).clone()));
        }
        Ok(())
    }

    /// Holds one more key. It is on the disk when this returns. Blocks.
    ///
    /// # Errors
    /// What the system says about the file, which is then unchanged or holds the key.
    pub fn take(&self, key: &ClusterKey) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.now().holds(key.id()) {
            self.write(&self.now().with(key.clone()), false)?;
            self.held.rcu(|held| held.with(key.clone()));
        }
        Ok(())
    }

    /// Destroys those of the `known` keys that the newest state has no use for; says which. Blocks.
    ///
    /// Keys that were not known before that state was read are let alone: it may be older than they are.
    ///
    /// # Errors
    /// What the system says about the file, or that a key is missing.
    pub fn destroy_unneeded(&self, newest: &State, known: &[KeyId]) -> io::Result<Vec<KeyId>> {
        let Some(sealing) = &newest.sealing else { return Ok(Vec::new()) };
        let gone: Vec<KeyId> = known.iter().filter(|id| !sealing.needs(**id)).copied().collect();
        if gone.is_empty() {
            return Ok(gone);
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.follow(newest).map_err(io::Error::other)?;
        self.write(&self.now().without(&gone), true)?;
        self.held.rcu(|held| held.without(&gone));
        Ok(gone)
    }

    /// With `destroy` the bytes of the file before are overwritten too, as far as the file system writes in place.
    fn write(&self, keys: &ClusterKeys, destroy: bool) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let old = if destroy { Some(OpenOptions::new().write(true).open(path)?) } else { None };
        write_atomic(path, keys.to_file_text().as_bytes(), 0o600)?;
        if let Some(mut old) = old {
            let len = usize::try_from(old.metadata()?.len()).map_err(io::Error::other)?;
            old.write_all(&vec![0; len])?;
            old.sync_all()?;
        }
        Ok(())
    }
}
