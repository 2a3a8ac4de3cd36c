use super::{Guard, answer, connection, stream::Stream};
use crate::caller::{Peer, Process};
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::net::{UnixListener, UnixStream};
use wharden_runtime::shutdown::Shutdown;

/// Pause after an error of accepting, e.g. no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the guard cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{0} is there and is not a socket: remove it, or choose another guard_socket")]
    NotASocket(PathBuf),
    #[error("another process listens on {0}: stop it, or choose another guard_socket")]
    InUse(PathBuf),
    #[error("the guard's socket and the engine's are both {0}: give them different paths")]
    Same(PathBuf),
    #[error("cannot listen on {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// The guard's socket. Removes its file when dropped, if it is still the same one.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    inode: (u64, u64),
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
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let fresh = path.with_file_name(name);
    let _ = fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh).map_err(fail)?;
    let meta = fs::set_permissions(&fresh, fs::Permissions::from_mode(mode))
        .and_then(|()| fs::rename(&fresh, path))
        .and_then(|()| fs::symlink_metadata(path))
        .map_err(|error| {
            let _ = fs::remove_file(&fresh);
            fail(error)
        })?;
    Ok(Listener { listener, path: path.to_owned(), inode: (meta.dev(), meta.ino()) })
}

impl Listener {
    /// Accepts until the order to stop; every connection is a task of `shutdown`.
    pub async fn run(self, guard: Arc<Guard>, shutdown: Shutdown) {
        let stop = shutdown.child();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => admit_process(stream, &guard, &shutdown),
                Err(error) => {
                    tracing::error!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
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
    admit(Stream::Unix(stream), peer, guard, shutdown);
}

/// Serves a connection as a task of its own, unless a limit is reached.
pub(super) fn admit(stream: Stream, peer: Peer, guard: &Arc<Guard>, shutdown: &Shutdown) {
    match guard.slots.take(peer.holder()) {
        Ok(slot) => {
            let (guard, stop) = (Arc::clone(guard), shutdown.child());
            drop(shutdown.spawn("guard connection", async move {
                let _slot = slot;
                connection::serve(guard, stream, peer, stop).await;
            }));
        }
        Err(why) => turn_away(stream, 503, why, guard, shutdown),
    }
}

/// Says why a connection is not served. Beyond a few that are told, a flood is cut off without a word.
pub(super) fn turn_away(stream: Stream, status: u16, why: String, guard: &Guard, shutdown: &Shutdown) {
    guard.stats.turned_away.inc();
    if let Some(courtesy) = guard.slots.courtesy() {
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
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the socket could not be removed");
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
