//! Opening a store.

use crate::{
    backend::{Backend, Memory, Sled},
    error::OpenError,
    folder::Folder,
    form, keys, load,
    log::LogStore,
    machine::{Sink, StateMachine},
    snapshot::Snapshots,
};
use std::{path::Path, sync::Arc};
use wharden_state::Entry;

/// Makes the two halves that Raft runs on.
pub struct Store;

impl Store {
    /// Opens the store in a folder, or makes one in an empty or missing folder. The sink hears of the state as of the last
    /// snapshot before this returns; the log after it is applied once Raft runs. Blocks while it reads the whole log.
    ///
    /// # Errors
    /// [`OpenError`], naming the file or record; nothing was changed then.
    pub fn open(folder: &Path, sink: impl Sink) -> Result<(LogStore, StateMachine), OpenError> {
        let places = Folder::take(folder)?;
        let backend = Arc::new(Sled::open(&places.log)?);
        prove(&*backend, &places)?;
        let ends = load::ends(&*backend)?;
        let (snapshots, loaded) = Snapshots::open(&places.snapshots, &ends)?;
        let log = LogStore::new(backend, ends).map_err(|error| OpenError::Folder { path: folder.to_owned(), error })?;
        Ok((log, StateMachine::new(snapshots, loaded, Arc::new(sink))))
    }

    /// A store that ends with the process: for tests and simulation.
    ///
    /// # Errors
    /// [`OpenError`] when no thread can be started.
    pub fn in_memory(sink: impl Sink) -> Result<(LogStore, StateMachine), OpenError> {
        Self::over(Arc::new(Memory::default()), sink)
    }

    /// A store over any backend, with snapshots in memory.
    ///
    /// # Errors
    /// [`OpenError`] when what the backend holds is not sound.
    pub fn over(backend: Arc<dyn Backend>, sink: impl Sink) -> Result<(LogStore, StateMachine), OpenError> {
        let ends = load::ends(&*backend)?;
        let log = LogStore::new(backend, ends).map_err(|error| OpenError::Folder { path: "memory".into(), error })?;
        Ok((log, StateMachine::new(Snapshots::in_memory(), None, Arc::new(sink))))
    }

    /// Bytes that a command takes in the log, to be compared with [`crate::limits::COMMAND_MAX`] before it is proposed.
    pub fn command_size(entry: &Entry) -> usize {
        let mut count = Count(0);
        // Counting does not fail; a command that cannot be written at all is too large for any log.
        serde_json::to_writer(&mut count, entry).map_or(usize::MAX, |()| count.0)
    }
}

/// A damaged database can open as an empty one. A controller that believed it would vote again in terms in which it has
/// voted, so a log that was made must show that it is that log.
fn prove(backend: &dyn Backend, folder: &Folder) -> Result<(), OpenError> {
    let path = || folder.log.clone();
    let made = backend.get(keys::MADE).map_err(|error| OpenError::Read { reason: error.0 })?;
    if made.is_none() && folder.used {
        return Err(OpenError::Emptied { path: path() });
    }
    if made.is_none() {
        let written = backend.put(keys::MADE, &form::encode(&true)).and_then(|()| backend.barrier());
        written.map_err(|error| OpenError::Write { path: path(), reason: error.0 })?;
    }
    if folder.used { Ok(()) } else { folder.mark_used() }
}

struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
