//! Records in sled 0.34.
//!
//! Its `flush` hands the log to the kernel but does not make it durable on Linux, and large values go to files of their
//! own that it never syncs. So the barrier is `flush`, then `syncfs` of the folder. The folder is opened before anything
//! is written, so that the kernel reports every write-back error since.
//!
//! After an error sled may wait for ever on the write that failed, also when it is dropped. So it is never dropped then:
//! the process has to end anyway.

use super::{Backend, BackendError, Op, Visitor};
use crate::{error::OpenError, limits::CACHE_BYTES};
use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};
use wharden_runtime::fsync::{sync_dir, sync_filesystem_of};

/// One tree of one sled database.
pub struct Sled {
    db: sled::Db,
    folder: File,
}

impl Sled {
    /// Opens the database in `path`, or makes one.
    ///
    /// # Errors
    /// [`OpenError`] when another process has it, it is damaged, or the disk fails or is full.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let log = |reason: String| OpenError::Log { path: path.to_owned(), reason };
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
        // Sled panics on some kinds of damage instead of returning an error.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open())).map_err(|_| log("it is damaged".to_owned()))?;
        let db = match opened {
            Ok(db) => db,
            Err(sled::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock || is_locked(&error) => {
                return Err(OpenError::InUse { path: path.to_owned() });
            }
            Err(sled::Error::Io(error)) => return Err(OpenError::Folder { path: path.to_owned(), error }),
            Err(error) => return Err(log(error.to_string())),
        };
        let folder = File::open(path).map_err(|error| log(error.to_string()))?;
        path.parent().map_or(Ok(()), sync_dir).map_err(|error| log(error.to_string()))?;
        Ok(Self { db, folder })
    }
}

/// Sled wraps the error of a lock that another process holds into its own words.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("WouldBlock")
}

impl Backend for Sled {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        self.db.get(key).map(|value| value.map(|value| value.to_vec())).map_err(|error| reason(&error))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), BackendError> {
        self.db.insert(key, value).map(drop).map_err(|error| self.failed(&error))
    }

    fn batch(&self, ops: Vec<Op>) -> Result<(), BackendError> {
        let mut batch = sled::Batch::default();
        for op in ops {
            match op {
                Op::Put(key, value) => batch.insert(key, value),
                Op::Remove(key) => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(|error| self.failed(&error))
    }

    fn range(&self, from: &[u8], to: &[u8], visit: &mut Visitor<'_>) -> Result<(), BackendError> {
        for pair in self.db.range(from..to) {
            let (key, value) = pair.map_err(|error| reason(&error))?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), BackendError> {
        self.db.flush().map_err(|error| self.failed(&error))?;
        sync_filesystem_of(&self.folder).map_err(|error| BackendError(error.to_string()))
    }
}

impl Sled {
    fn failed(&self, error: &sled::Error) -> BackendError {
        std::mem::forget(self.db.clone());
        reason(error)
    }
}

fn reason(error: &sled::Error) -> BackendError {
    BackendError(error.to_string())
}
