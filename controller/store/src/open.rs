//! Opening a store.

use crate::{
    backend::{Backend, Engine, Memory},
    error::OpenError,
    folder::{Folder, MARKER},
    form, keys, load,
    log::LogStore,
    machine::{Sink, StateMachine},
    simulated::Hands,
    snapshot::Snapshots,
};
use std::{fs, path::Path, sync::Arc};
use wharden_state::Entry;

/// Makes the two halves that Raft runs on.
pub struct Store;

impl Store {
    /// Opens the store in a folder, or makes one with this engine in an empty or missing folder. The sink hears of the state
    /// as of the last snapshot before this returns; the log after it is applied once Raft runs. Blocks while it reads the
    /// whole log.
    ///
    /// # Errors
    /// [`OpenError`], naming the file or record; no record was changed then.
    pub fn open(folder: &Path, engine: Engine, sink: impl Sink) -> Result<(LogStore, StateMachine), OpenError> {
        let mut places = Folder::take(folder, engine)?;
        Snapshots::check_versions(&places.snapshots)?;
        let backend = open_log(&mut places)?;
        let ends = load::ends(&*backend)?;
        let (snapshots, loaded) = Snapshots::open(&places.snapshots, &ends)?;
        let log = LogStore::new(backend, ends).map_err(|error| OpenError::Folder { path: folder.to_owned(), error })?;
        let machine = StateMachine::new(snapshots, loaded, Arc::new(sink), Hands::Thread, log.durable());
        Ok((log, machine))
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
        let machine = StateMachine::new(Snapshots::in_memory(), None, Arc::new(sink), Hands::Thread, log.durable());
        Ok((log, machine))
    }

    /// Bytes that a command takes in the log, to be compared with [`crate::limits::COMMAND_MAX`] before it is proposed.
    pub fn command_size(entry: &Entry) -> usize {
        let mut count = Count(0);
        // Counting does not fail; a command that cannot be written at all is too large for any log.
        serde_json::to_writer(&mut count, entry).map_or(usize::MAX, |()| count.0)
    }
}

/// A store was made in this folder and is there, in whichever form.
pub fn is_begun(folder: &Path) -> bool {
    folder.join(MARKER).exists()
}

/// Opens the log of a folder that is ours.
///
/// A damaged database can open as an empty one. A controller that believed it would vote again in terms in which it has
/// voted, so a log that was made must show that it is that log. While the marker does not say that it was made, nothing was
/// ever acknowledged from it: what a crash left of the first start is then removed and made anew.
fn open_log(places: &mut Folder) -> Result<Arc<dyn Backend>, OpenError> {
    let path = places.log.clone();
    let backend = match half_made(places)? {
        Some(backend) => backend,
        None => places.engine.open(&path)?,
    };
    let made = backend.get(keys::MADE).map_err(|error| OpenError::Read { reason: error.0 })?;
    if made.is_none() && places.used {
        return Err(OpenError::Emptied { path });
    }
    if made.is_none() {
        let written = backend.put(keys::MADE, &form::encode(&true)).and_then(|()| backend.barrier());
        written.map_err(|error| OpenError::Write { path, reason: error.0 })?;
    }
    if !places.used {
        places.mark_used()?;
    }
    Ok(backend)
}

/// The log of a first start that did not get as far as the marker, if it has the record that proves it; otherwise it is
/// removed.
fn half_made(places: &Folder) -> Result<Option<Arc<dyn Backend>>, OpenError> {
    if places.used {
        return Ok(None);
    }
    let mut files = fs::read_dir(&places.log).map_err(|error| OpenError::Folder { path: places.log.clone(), error })?;
    if files.next().is_none() {
        return Ok(None);
    }
    match places.engine.open(&places.log) {
        Ok(backend) if matches!(backend.get(keys::MADE), Ok(Some(_))) => return Ok(Some(backend)),
        Err(error @ (OpenError::InUse { .. } | OpenError::Folder { .. })) => return Err(error),
        Ok(_) => tracing::warn!("what the first start left is not a whole log: made anew"),
        Err(error) => tracing::warn!(%error, "what the first start left cannot be opened: made anew"),
    }
    places.empty_log()?;
    Ok(None)
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
