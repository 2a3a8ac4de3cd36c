use super::{Record, Stage, place};
use crate::{enrolment::DataDir, guard::Guard, limits::PROTECT_CHECK};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::{io, path::Path, sync::Arc};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    task::JoinHandle,
    time::{Instant, timeout},
};
use wharden_runtime::shutdown::Shutdown;

/// Keeps the guard at the engine's usual path while that is wanted, for ever. Looks at once when something happens in the
/// folder of the socket, and every [`PROTECT_CHECK`].
pub async fn keep(dir: DataDir, guard: Arc<Guard>, mode: u32, shutdown: Shutdown) {
    let mut keeper = Keeper { dir, guard, mode, shutdown, held: None, empty: None, problem: String::new() };
    loop {
        keeper.look();
        match keeper.held.as_mut().and_then(|held| held.watch.as_mut()) {
            Some(watch) => {
                if let Ok(Err(error)) = timeout(PROTECT_CHECK, watch.changed()).await {
                    tracing::warn!(%error, "the folder of the engine's socket cannot be watched: it is looked at instead");
                    if let Some(held) = &mut keeper.held {
                        held.watch = None;
                    }
                }
            }
            None => tokio::time::sleep(PROTECT_CHECK).await,
        }
    }
}

struct Keeper {
    dir: DataDir,
    guard: Arc<Guard>,
    mode: u32,
    shutdown: Shutdown,
    held: Option<Held>,
    /// Since when there is nothing at the usual path.
    empty: Option<Instant>,
    /// The last that was said of what does not work.
    problem: String,
}

struct Held {
    place: crate::guard::Place,
    task: JoinHandle<()>,
    watch: Option<Watch>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // Connections are tasks of their own, and go on.
        self.task.abort();
    }
}

impl Keeper {
    fn look(&mut self) {
        let problem = match self.step() {
            Ok(()) => String::new(),
            Err(error) => error,
        };
        if problem != self.problem && !problem.is_empty() {
            tracing::error!(%problem, "the engine's usual path is not guarded as it should be");
        }
        self.problem = problem;
    }

    fn step(&mut self) -> Result<(), String> {
        let Some(mut record) = Record::load(&self.dir).map_err(|error| error.to_string())? else {
            self.held = None;
            return Ok(());
        };
        if record.stage == Stage::Restoring {
            self.held = None;
            place::give_back(&record).map_err(|error| error.to_string())?;
            self.guard.engine.move_to(&record.public);
            Record::remove(&self.dir).map_err(|error| error.to_string())?;
            tracing::warn!(path = %record.public.display(), "the engine's socket is at its usual path again, unguarded");
            return Ok(());
        }
        self.guard.engine.move_to(&record.private);
        self.guard.hide([&record.public, &record.private]);
        let empty = std::fs::symlink_metadata(&record.public).is_err();
        self.empty = self.empty.filter(|_| empty).or_else(|| empty.then(Instant::now));
        // An engine that starts sets the mode of what is at its path; ours must stay open to those who may ask.
        let kept = self.held.as_ref().is_some_and(|held| held.place.holds() && held.place.set_mode(self.mode).is_ok());
        if kept {
            return Ok(());
        }
        if !place::may_take(self.empty.map(|since| since.elapsed()), place::answers(&record.private)) {
            return Ok(());
        }
        let watch = record.public.parent().and_then(|folder| Watch::new(folder).ok());
        let listener = place::take(&record, self.mode).map_err(|error| error.to_string())?;
        let place = listener.place().clone();
        let task = self.shutdown.spawn("guard", listener.run(Arc::clone(&self.guard), self.shutdown.clone()));
        self.held = Some(Held { place, task, watch });
        self.guard.engine.forget();
        tracing::info!(path = %record.public.display(), "the guard is at the engine's usual path");
        if record.stage == Stage::Wanted {
            record.stage = Stage::Held;
            record.store(&self.dir).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Tells when files come and go in a folder (inotify(7)).
struct Watch(Receiver);

impl Watch {
    fn new(folder: &Path) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let wanted = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::ATTRIB;
        inotify::add_watch(&fd, folder, wanted)?;
        // To its reader an inotify instance is what a pipe is: a descriptor that can be polled and read.
        Ok(Self(Receiver::from_owned_fd_unchecked(fd)?))
    }

    async fn changed(&mut self) -> io::Result<()> {
        // What it was does not matter: everything is looked at. What is left in the queue is the next change.
        let mut events = [0; 4096];
        match self.0.read(&mut events).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
