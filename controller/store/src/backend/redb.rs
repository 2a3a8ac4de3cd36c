//! Records in redb 4.
//!
//! Changes wait in memory until the barrier, which commits all of them in one transaction: one append, one commit, one
//! fsync. Readers see those that wait laid over what is committed.
//!
//! A commit writes new pages beside the old ones, then a header with the checksum of the new tree, then syncs the file
//! once. After a power cut redb takes the newest header whose whole tree matches its checksums: the last commit that was
//! acknowledged, or the one that was under way.

use super::{Backend, BackendError, Op, Visitor};
use crate::{
    error::OpenError,
    limits::{CACHE_BYTES, WAITING_BYTES},
};
use redb::{Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition};
use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};
use wharden_runtime::fsync::{sync_and_reread, sync_dir};

const FILE: &str = "log.redb";
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("log");

/// One table of one redb file.
pub struct Redb {
    db: Database,
    waiting: RwLock<Waiting>,
    failed: AtomicBool,
}

/// Changes since the last barrier; `None` removes.
#[derive(Default)]
struct Waiting {
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Redb {
    /// Opens the database in the folder `path`, or makes one.
    ///
    /// # Errors
    /// [`OpenError`] when another process has it, it is damaged, or the disk fails or is full.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = path.join(FILE);
        let failed = |error| OpenError::Folder { path: file.clone(), error };
        let is_new = !file.try_exists().map_err(failed)?;
        if !is_new {
            sync_and_reread(&file).map_err(failed)?;
        }
        // Checks every page against its checksum, as the rest of the store reads the whole log when it opens.
        let open = || {
            let cache = usize::try_from(CACHE_BYTES).unwrap_or(usize::MAX);
            let mut builder = Database::builder();
            builder.set_cache_size(cache).set_check_integrity_on_open(true);
            if is_new { builder.create(&file) } else { builder.open(&file) }
        };
        let damaged = |reason: String| OpenError::Log { path: path.to_owned(), reason };
        let db = match catch_unwind(AssertUnwindSafe(open)).map_err(|_| damaged("it is damaged".to_owned()))? {
            Ok(db) => db,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(DatabaseError::Storage(StorageError::Io(error))) if error.raw_os_error().is_some() => {
                return Err(failed(error));
            }
            Err(error) => return Err(damaged(error.to_string())),
        };
        sync_dir(path).map_err(failed)?;
        let redb = Self { db, waiting: RwLock::default(), failed: AtomicBool::new(false) };
        redb.commit(&BTreeMap::new()).map_err(|error| damaged(error.0))?;
        Ok(redb)
    }

    /// Also makes the table, so that it is there for readers.
    fn commit(&self, changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Result<(), BackendError> {
        let transaction = self.db.begin_write().map_err(reason)?;
        {
            let mut table = transaction.open_table(TABLE).map_err(reason)?;
            for (key, value) in changes {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()).map(drop),
                    None => table.remove(key.as_slice()).map(drop),
                }
                .map_err(reason)?;
            }
        }
        // Durability::Immediate is redb's default: this returns after the fsync.
        transaction.commit().map_err(reason)
    }

    /// What waits is not kept, also not when this is dropped.
    pub(super) fn forget(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// True when what waits is not kept, since something was not written.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

impl Backend for Redb {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = waiting.changes.get(key) {
            return Ok(value.clone());
        }
        // Begun before the lock is let go, so that what was waiting is seen either there or here.
        let transaction = self.db.begin_read().map_err(reason)?;
        drop(waiting);
        let table = transaction.open_table(TABLE).map_err(reason)?;
        Ok(table.get(key).map_err(reason)?.map(|value| value.value().to_vec()))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), BackendError> {
        self.batch(vec![Op::Put(key.to_vec(), value.to_vec())])
    }

    fn batch(&self, ops: Vec<Op>) -> Result<(), BackendError> {
        let is_full = {
            let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
            for op in ops {
                let (key, value) = match op {
                    Op::Put(key, value) => (key, Some(value)),
                    Op::Remove(key) => (key, None),
                };
                waiting.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                waiting.changes.insert(key, value);
            }
            waiting.bytes > WAITING_BYTES
        };
        if is_full { self.barrier() } else { Ok(()) }
    }

    fn range(&self, from: &[u8], to: &[u8], visit: &mut Visitor<'_>) -> Result<(), BackendError> {
        if from >= to {
            return Ok(());
        }
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
        let laid_over: Vec<_> = waiting
            .changes
            .range(from.to_vec()..to.to_vec())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let transaction = self.db.begin_read().map_err(reason)?;
        drop(waiting);
        let table = transaction.open_table(TABLE).map_err(reason)?;
        let mut laid_over = laid_over.into_iter().peekable();
        for pair in table.range(from..to).map_err(reason)? {
            let (key, value) = pair.map_err(reason)?;
            let mut is_replaced = false;
            while let Some((new, change)) = laid_over.next_if(|(new, _)| new.as_slice() <= key.value()) {
                is_replaced = new == key.value();
                if change.is_some_and(|change| visit(&new, &change).is_break()) {
                    return Ok(());
                }
            }
            if !is_replaced && visit(key.value(), value.value()).is_break() {
                return Ok(());
            }
        }
        for (key, change) in laid_over {
            if change.is_some_and(|change| visit(&key, &change) == ControlFlow::Break(())) {
                break;
            }
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), BackendError> {
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
        if !waiting.changes.is_empty() {
            // Readers go on meanwhile; changes come from the one thread that is in here.
            if let Err(error) = self.commit(&waiting.changes) {
                self.forget();
                return Err(error);
            }
        }
        drop(waiting);
        *self.waiting.write().unwrap_or_else(PoisonError::into_inner) = Waiting::default();
        Ok(())
    }
}

impl Drop for Redb {
    /// What nobody waits for is kept too when the process ends in peace.
    fn drop(&mut self) {
        if !self.has_failed()
            && let Err(error) = self.barrier()
        {
            tracing::warn!(%error, "the last changes that need not be durable are lost");
        }
    }
}

fn reason(error: impl Into<redb::Error>) -> BackendError {
    BackendError(error.into().to_string())
}
