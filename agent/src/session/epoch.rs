//! The fence after a restore. A cluster that is restored from a backup is in a later epoch; once a host has been welcomed in
//! one, controllers of an earlier epoch, which should not run any more, get nothing from it and give it nothing.

use crate::enrolment::{DataDir, DataDirError};
use std::sync::atomic::{AtomicU64, Ordering};

/// In the data folder.
pub const FILE: &str = "epoch";

/// The latest epoch that this host was welcomed in.
pub struct Epoch {
    dir: DataDir,
    held: AtomicU64,
}

/// Why a welcome does not count.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    #[error(
        "the controller is of an earlier epoch ({told}) of this cluster, which was restored from a backup since (epoch {held}): stop it"
    )]
    Earlier { told: u64, held: u64 },
    #[error(transparent)]
    Write(#[from] DataDirError),
}

impl Epoch {
    /// As it was kept; the first one when nothing was. What cannot be read counts as the first: bundles older than the one
    /// held are refused all the same.
    pub fn load(dir: &DataDir) -> Self {
        let held = match dir.read(FILE) {
            Ok(None) => 0,
            Ok(Some(bytes)) => {
                std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()).unwrap_or_else(|| {
                    tracing::warn!("the file `epoch` in the data folder cannot be read");
                    0
                })
            }
            Err(error) => {
                tracing::warn!(%error, "the epoch cannot be read");
                0
            }
        };
        Self { dir: dir.clone(), held: AtomicU64::new(held) }
    }

    /// Takes the epoch of a welcome. A later one is on disk before this returns. Blocks.
    ///
    /// # Errors
    /// [`EpochError`].
    pub fn welcome(&self, told: u64) -> Result<(), EpochError> {
        let held = self.held.load(Ordering::SeqCst);
        if told < held {
            return Err(EpochError::Earlier { told, held });
        }
        if told > held {
            self.dir.write(FILE, format!("{told}\n").as_bytes())?;
            self.held.store(told, Ordering::SeqCst);
            tracing::info!(epoch = told, "the cluster was restored from a backup");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_epoch_is_kept_and_an_earlier_one_refused_through_restarts() {
        let parent = tempfile::tempdir().expect("dir");
        let dir = DataDir::create(&parent.path().join("d")).expect("made");
        let epoch = Epoch::load(&dir);
        epoch.welcome(0).expect("the first");
        epoch.welcome(2).expect("a later one");
        for epoch in [epoch, Epoch::load(&dir)] {
            epoch.welcome(2).expect("the same");
            let refused = epoch.welcome(1).expect_err("an earlier one").to_string();
            assert!(refused.contains("earlier epoch (1)") && refused.contains("(epoch 2)"), "{refused}");
        }
        dir.write("epoch", b"\xff").expect("written");
        Epoch::load(&dir).welcome(0).expect("what cannot be read is the first");
    }
}
