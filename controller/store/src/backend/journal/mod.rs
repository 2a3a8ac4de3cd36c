//! Records in redb, behind a journal.
//!
//! A commit of redb writes new pages and makes its file longer now and then, so the file system has to write a journal of
//! its own with each fsync. Here a barrier is one frame in a file whose blocks are there already, and one fdatasync, which
//! is all that the disk has to do. redb keeps the changes in memory meanwhile and gets them, in one commit, when the
//! journal is full, when the store ends and when it is opened.
//!
//! What the journal has to say is not in redb yet: each commit of redb names the next generation, and frames of another
//! one do not count. So a frame is never laid over what came after it, wherever the power goes.

mod file;
mod ops;
#[cfg(test)]
mod tests;

use super::{Backend, BackendError, Op, Redb, Visitor};
use crate::{error::OpenError, limits::JOURNAL_BYTES};
use file::File;
use std::{
    ops::ControlFlow,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

const FILE: &str = "journal";
/// Which generation of frames counts. Not for who reads the records.
const GENERATION: &[u8] = b"journal";

/// A journal before a redb database, in one folder.
pub struct Journal {
    redb: Redb,
    writing: Mutex<Writing>,
}

struct Writing {
    file: File,
    generation: u64,
    /// Changes since the last barrier, as a frame carries them.
    frame: Vec<u8>,
}

impl Journal {
    /// Opens the store in the folder `path`, or makes one.
    ///
    /// # Errors
    /// [`OpenError`] when another process has it, it is damaged, or the disk fails or is full.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let redb = Redb::open(path)?;
        let damaged = |reason: String| OpenError::Log { path: path.to_owned(), reason };
        let place = path.join(FILE);
        let failed = |error| OpenError::Folder { path: place.clone(), error };
        let read = redb.get(GENERATION).map_err(|error| damaged(error.0))?;
        let generation = match read {
            Some(bytes) => {
                let bytes =
                    bytes.try_into().map_err(|_| damaged("the journal's generation is no number".to_owned()))?;
                u64::from_be_bytes(bytes)
            }
            // Nothing was written to a journal before its first generation was in redb.
            None => {
                File::make(&place, JOURNAL_BYTES).map_err(failed)?;
                0
            }
        };
        let file = File::open(&place, JOURNAL_BYTES).map_err(failed)?;
        let frames = file.frames(generation).map_err(failed)?.map_err(|error| damaged(error.to_string()))?;
        for frame in frames {
            let ops = ops::read(&frame).ok_or_else(|| damaged("a frame of the journal cannot be read".to_owned()))?;
            redb.batch(ops).map_err(|error| damaged(error.0))?;
        }
        let journal = Self { redb, writing: Mutex::new(Writing { file, generation, frame: Vec::new() }) };
        let opened = journal.commit(&mut journal.writing());
        opened.map_err(|error| OpenError::Write { path: path.to_owned(), reason: error.0 })?;
        Ok(journal)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything into redb; the journal begins anew.
    fn commit(&self, writing: &mut Writing) -> Result<(), BackendError> {
        let next = writing.generation + 1;
        self.redb.batch(vec![generation(next)])?;
        self.redb.barrier()?;
        writing.begin(next);
        Ok(())
    }
}

fn generation(next: u64) -> Op {
    Op::Put(GENERATION.to_vec(), next.to_be_bytes().to_vec())
}

impl Writing {
    fn begin(&mut self, generation: u64) {
        self.generation = generation;
        self.frame.clear();
        self.file.begin(generation);
    }
}

impl Backend for Journal {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        self.redb.get(key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), BackendError> {
        self.batch(vec![Op::Put(key.to_vec(), value.to_vec())])
    }

    fn batch(&self, mut ops: Vec<Op>) -> Result<(), BackendError> {
        let writing = &mut *self.writing();
        ops::write(&ops, &mut writing.frame);
        if writing.frame.len() <= JOURNAL_BYTES {
            return self.redb.batch(ops);
        }
        // More than any journal holds. In one with the next generation, for redb may commit it at once.
        ops.push(generation(writing.generation + 1));
        self.redb.batch(ops)?;
        self.commit(writing)
    }

    fn range(&self, from: &[u8], to: &[u8], visit: &mut Visitor<'_>) -> Result<(), BackendError> {
        self.redb.range(from, to, &mut |key, value| {
            if key == GENERATION { ControlFlow::Continue(()) } else { visit(key, value) }
        })
    }

    fn barrier(&self) -> Result<(), BackendError> {
        let writing = &mut *self.writing();
        if writing.frame.is_empty() {
            return Ok(());
        }
        if !writing.file.has_room(writing.frame.len()) {
            return self.commit(writing);
        }
        let appended = writing.file.append(&writing.frame);
        writing.frame.clear();
        appended.map_err(|error| {
            // The next start decides what is there: redb must not get what the journal has not.
            self.redb.forget();
            BackendError(format!("{FILE}: {error}"))
        })
    }
}

impl Drop for Journal {
    /// What nobody waits for is kept too when the process ends in peace.
    fn drop(&mut self) {
        if !self.redb.has_failed()
            && let Err(error) = self.commit(&mut self.writing())
        {
            tracing::warn!(%error, "the last changes that need not be durable are lost");
        }
    }
}
