use super::{
    Guard, answer, connection,
    slots::NoSlot,
    stream::{self, Stream},
};
use crate::{
    caller::{Peer, Process},
    limits::{ACCEPTED_AT_ONCE, HAMMERING_CONNECTIONS, HAMMERING_TIME},
    wire::{Socket, watch},
};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
    net::{SocketFlags, accept_with},
};
use std::{
    fs, io,
    os::{
        fd::AsFd,
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::yield_now,
};
use wharden_runtime::shutdown::Shutdown;

/// Pause after an error of accepting, e.g. no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the guard cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{0} is there and is not a socket: remove it, or choose another path")]
    NotASocket(PathBuf),
    #[error("another process listens on {0}: stop it, or choose another path")]
    InUse(PathBuf),
    #[error("{0} is the engine's own socket: give the agent's sockets other paths")]
    Same(PathBuf),
    #[error("cannot listen on {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// Where a socket of the agent's is.
#[derive(Clone, Debug)]
pub struct Place {
    path: PathBuf,
    inode: (u64, u64),
}

/// A socket of the agent's. Removes its file when dropped, if it is still the same one.
#[derive(Debug)]
pub struct Listener {
    listener: AsyncFd<UnixListener>,
    place: Place,
}

impl Place {
    /// True while the file at the path is this socket.
    pub fn holds(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.inode)
    }

    /// Sets the mode, where it is another.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        if fs::symlink_metadata(&self.path)?.permissions().mode() & 0o777 != mode {
            fs::set_permissions(&self.path, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }
}

/// Binds the socket. It appears at its path in one step, with its mode; a stale one is replaced.
///
/// # Errors
/// [`ListenError`].
pub fn bind(path: &Path, mode: u32, engine_socket: &Path) -> Result<Listener, ListenError> {
    let fail = |source| ListenError::Io { path: path.to_owned(), source };
    if fs::canonicalize(path).is_ok_and(|real| fs::canonicalize(engine_socket).is_ok_and(|engine| engine == real)) {
        return Err(ListenError::Same(path.to_owned()));
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
        Ok(meta) if !meta.file_type().is_socket() => return Err(ListenError::NotASocket(path.to_owned())),
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return Err(ListenError::InUse(path.to_owned()));
        }
        Ok(_) => tracing::info!(path = %path.display(), "replacing a stale socket"),
    }
    let (listener, fresh) = bind_beside(path, mode).map_err(fail)?;
    let place = fs::rename(&fresh, path).and_then(|()| place(path)).map_err(|error| {
        let _ = fs::remove_file(&fresh);
        fail(error)
    })?;
    Ok(Listener { listener, place })
}

/// Binds the socket at a path where something may be. What was there goes into the folder, which is root's alone, to the name that is
/// returned; so the path is never without a socket, and what was there is nowhere else for a moment.
///
/// # Errors
/// [`ListenError`].
pub fn bind_over(path: &Path, mode: u32, folder: &Path) -> Result<(Listener, Option<PathBuf>), ListenError> {
    let fail = |source| ListenError::Io { path: path.to_owned(), source };
    let (listener, fresh) = bind_beside(&folder.join(path.file_name().unwrap_or_default()), mode).map_err(fail)?;
    let exchanged = match renameat_with(CWD, &fresh, CWD, path, RenameFlags::EXCHANGE) {
        Err(Errno::NOENT) => renameat_with(CWD, &fresh, CWD, path, RenameFlags::NOREPLACE).map(|()| None),
        other => other.map(|()| Some(fresh.clone())),
    };
    let displaced = exchanged.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        fail(error.into())
    })?;
    Ok((Listener { listener, place: place(path).map_err(fail)? }, displaced))
}

/// Binds a socket in the same folder, under a name of its own.
fn bind_beside(path: &Path, mode: u32) -> io::Result<(AsyncFd<UnixListener>, PathBuf)> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let fresh = path.with_file_name(name);
    let _ = fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    let ready = || {
        fs::set_permissions(&fresh, fs::Permissions::from_mode(mode))?;
        listener.set_nonblocking(true)?;
        watch(listener, Interest::READABLE)
    };
    let listener = ready().inspect_err(|_| drop(fs::remove_file(&fresh)))?;
    Ok((listener, fresh))
}

fn place(path: &Path) -> io::Result<Place> {
    let meta = fs::symlink_metadata(path)?;
    Ok(Place { path: path.to_owned(), inode: (meta.dev(), meta.ino()) })
}

impl Listener {
    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// True while the file at its path is this socket.
    pub fn holds(&self) -> bool {
        self.place.holds()
    }

    /// The next connection, not blocking. Nothing is registered for it yet.
    ///
    /// # Errors
    /// Those of accept(2).
    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        self.listener.async_io(Interest::READABLE, |listener| Ok(accept_with(listener, flags)?.into())).await
    }

    /// Accepts until the order to stop; every connection is a task of `shutdown`.
    pub async fn run(self, guard: Arc<Guard>, shutdown: Shutdown) {
        let stop = shutdown.child();
        let mut hammering = Hammering { since: Instant::now(), gone: 0 };
        for accepted in 1_usize.. {
            if accepted.is_multiple_of(ACCEPTED_AT_ONCE) {
                yield_now().await;
            }
            let Some(accepted) = stop.run_until_cancelled(self.accept()).await else { return };
            match accepted {
                // Many come and go before their turn. They cost no more than this, or others would find no place in the
                // kernel's queue.
                Ok(stream) if stream::has_gone(stream.as_fd()) => {
                    guard.stats.gone.inc();
                    hammering.another(&stream);
                }
                Ok(stream) => admit_process(stream, &guard, &shutdown),
                Err(error) => {
                    tracing::error!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Who opens and closes connections as fast as it can takes the kernel's queue from others: that is said, with the account.
struct Hammering {
    since: Instant,
    gone: usize,
}

impl Hammering {
    fn another(&mut self, stream: &UnixStream) {
        if self.since.elapsed() > HAMMERING_TIME {
            *self = Self { since: Instant::now(), gone: 0 };
        }
        self.gone += 1;
        if self.gone == HAMMERING_CONNECTIONS {
            let uid = Process::of(stream).map(|process| process.uid).ok();
            tracing::warn!(
                uid,
                "connections are opened and closed as fast as they are accepted: others may find no place"
            );
        }
    }
}

fn admit_process(stream: UnixStream, guard: &Arc<Guard>, shutdown: &Shutdown) {
    let peer = match Process::of(&stream) {
        Ok(process) => Peer::Process(process),
        Err(error) => {
            tracing::warn!(%error, "a connection was closed");
            return;
        }
    };
    let socket = match Socket::new(stream) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, "a connection was closed");
            return;
        }
    };
    admit(Stream::Unix(socket), peer, guard, shutdown);
}

/// Serves a connection as a task of its own, unless a limit is reached.
pub(super) fn admit(stream: Stream, peer: Peer, guard: &Arc<Guard>, shutdown: &Shutdown) {
    let why = match (guard.connections.take(peer.holder()), guard.valve.enter(peer.holder())) {
        (Ok(slot), Some((entry, ticket))) => {
            stream.narrow(guard.connections.of_user_and_all(peer.holder()));
            let (serving, stop) = (Arc::clone(guard), shutdown.child());
            let task = shutdown.spawn("guard connection", async move {
                let _held = (slot, entry);
                connection::serve(serving, stream, peer, stop).await;
            });
            return guard.valve.begun(&ticket, task.abort_handle());
        }
        (Err(NoSlot::All(max)), _) => {
            format!("all {max} connections are in use: close some, or raise limits.connections")
        }
        (Err(NoSlot::User(max)), _) => format!(
            "your user has all of its {max} connections in use: close some, or raise limits.connections_per_user"
        ),
        (Ok(_), None) => {
            "the agent's memory is nearly used up, and your user has very many connections: close some, or raise \
                          own_memory_mib"
                .to_owned()
        }
    };
    turn_away(stream, 503, why, guard, shutdown);
}

/// Says why a connection is not served. Beyond a few that are told, a flood is cut off without a word.
pub(super) fn turn_away(stream: Stream, status: u16, why: String, guard: &Guard, shutdown: &Shutdown) {
    guard.stats.turned_away.inc();
    if let Some(courtesy) = guard.doorway.courtesy() {
        shutdown.spawn_until_stopped("turned away", async move {
            let _courtesy = courtesy;
            if let Err(error) = answer::turn_away(stream, status, &why).await {
                tracing::debug!(%error, "a connection was closed without an answer");
            }
        });
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.holds()
            && let Err(error) = fs::remove_file(&self.place.path)
        {
            tracing::warn!(%error, path = %self.place.path.display(), "the socket could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().expect("dir");
        let (path, engine) = (dir.path().join("guard.sock"), dir.path().join("engine.sock"));
        let first = bind(&path, 0o660, &engine).expect("free");
        assert_eq!(fs::metadata(&path).expect("meta").permissions().mode() & 0o777, 0o660);
        assert!(matches!(bind(&path, 0o666, &engine), Err(ListenError::InUse(_))));
        assert!(matches!(bind(&path, 0o666, &path), Err(ListenError::Same(_))));
        drop(first);
        assert!(!path.exists());
        drop(std::os::unix::net::UnixListener::bind(&path).expect("stale"));
        let second = bind(&path, 0o666, &engine).expect("replaced");
        drop(second);
        fs::write(&path, "").expect("file");
        assert!(matches!(bind(&path, 0o666, &engine), Err(ListenError::NotASocket(_))));
        assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 1);
    }
}
