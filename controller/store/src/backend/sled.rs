//! Records in sled 0.34.
//!
//! Its `flush` hands the log to the kernel but does not make it durable on Linux, and large values go to files of their
//! own that it never syncs. So the barrier is `flush`, then fsync of every file that sled wrote and of the folders whose
//! names changed. `syncfs` would be one call for all of that, but it also waits for whatever else is written on the same
//! disk, and on FUSE file systems the kernel answers it without telling anybody. The database file stays open, so that the
//! kernel reports every write-back error since.
//!
//! After an error sled may wait for ever on the write that failed, also when it is dropped. So it is never dropped then:
//! the process has to end anyway.

use super::{Backend, BackendError, Op, Visitor};
use crate::{error::OpenError, limits::CACHE_BYTES};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use wharden_runtime::fsync::{sync_and_reread, sync_dir};

/// The file that changes; all others are written once.
const DATABASE: &str = "db";
/// Where sled puts large values.
const BLOBS: &str = "blobs";

/// One tree of one sled database.
pub struct Sled {
    db: sled::Db,
    folder: PathBuf,
    database: File,
    /// Files that are durable with their names.
    durable: Mutex<BTreeSet<PathBuf>>,
}

impl Sled {
    /// Opens the database in `path`, or makes one.
    ///
    /// # Errors
    /// [`OpenError`] when another process has it, it is damaged, or the disk fails or is full.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let log = |reason: String| OpenError::Log { path: path.to_owned(), reason };
        let failed = |error| OpenError::Folder { path: path.to_owned(), error };
        for file in files(path).map_err(failed)? {
            sync_and_reread(&file).map_err(failed)?;
        }
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
        let database = File::open(path.join(DATABASE)).map_err(failed)?;
        let sled = Self { db, folder: path.to_owned(), database, durable: Mutex::default() };
        sled.sync().map_err(failed)?;
        Ok(sled)
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
        self.sync().map_err(|error| BackendError(error.to_string()))
    }
}

impl Sled {
    fn sync(&self) -> io::Result<()> {
        self.database.sync_all()?;
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let found: BTreeSet<_> = files(&self.folder)?.into_iter().collect();
        if found == *durable {
            return Ok(());
        }
        for file in found.difference(&durable) {
            match File::open(file).and_then(|file| file.sync_all()) {
                // Sled removes what it does not need any more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                synced => synced?,
            }
        }
        for folder in [self.folder.join(BLOBS), self.folder.clone()] {
            sync_dir(&folder)?;
        }
        *durable = found;
        Ok(())
    }

    fn failed(&self, error: &sled::Error) -> BackendError {
        std::mem::forget(self.db.clone());
        reason(error)
    }
}

/// All files of a database. One that is being written and renamed by a thread of sled's is a new name at the next barrier.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in [folder.to_owned(), folder.join(BLOBS)] {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

fn reason(error: &sled::Error) -> BackendError {
    BackendError(error.to_string())
}
