//! A store for simulation: everything happens in the tasks that ask, no thread is started and nothing is random, so that
//! the same seed gives the same run. What outlives a crash is given from outside.

use crate::{
    backend::Backend,
    error::OpenError,
    load,
    log::LogStore,
    machine::{Sink, StateMachine},
    open::Store,
    snapshot::{Meta, Snapshots},
    writer::Writer,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long the next barrier takes.
pub type Latency = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What a simulated controller has on its disk.
#[derive(Clone)]
pub struct Simulated {
    pub backend: Arc<dyn Backend>,
    pub snapshots: Arc<Shelf>,
    pub latency: Latency,
    /// On purpose wrong: a leader that was restarted leads on in its term.
    pub resumes: bool,
}

/// The newest snapshot, whole or not there, as the files of a folder are.
#[derive(Default)]
pub struct Shelf(Mutex<Option<(Meta, Vec<u8>)>>);

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

impl Shelf {
    pub(crate) fn put(&self, meta: Meta, bytes: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((meta, bytes));
    }

    pub(crate) fn get(&self) -> Option<(Meta, Vec<u8>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Who does work that blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hands {
    /// A thread that may.
    Thread,
    /// The task that asks: what is asked of it does not block.
    Own,
}

impl Hands {
    /// Does it; an error when it panicked.
    pub(crate) async fn work<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
        match self {
            Self::Thread => tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string()),
            Self::Own => Ok(work()),
        }
    }
}

impl Store {
    /// Opens the store on a simulated disk, inside the runtime of the simulated controller.
    ///
    /// # Errors
    /// [`OpenError`] when what the disk holds is not sound.
    pub fn simulated(disk: &Simulated, sink: impl Sink) -> Result<(LogStore, StateMachine), OpenError> {
        let ends = load::ends(&*disk.backend)?;
        let (snapshots, loaded) = Snapshots::on_shelf(&disk.snapshots, &ends)?;
        let writer = Writer::in_task(Arc::clone(&disk.backend), crate::limits::WRITE_LIMIT, Arc::clone(&disk.latency));
        let mut log = LogStore::with(Arc::clone(&disk.backend), ends, writer, Hands::Own);
        log.resumes = disk.resumes;
        let machine = StateMachine::new(snapshots, loaded, Arc::new(sink), Hands::Own, log.durable());
        Ok((log, machine))
    }
}
