//! Moving sockets. Each step leaves the usual path either with the guard or with what was there before, never empty: an
//! engine that is just starting sets owner and mode of its socket by that path, and fails when there is nothing.

use super::Record;
use crate::{
    guard::{self, ListenError, Listener},
    limits::PROTECT_GRACE,
};
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    time::Duration,
};

/// Why the sockets cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("{path} can be used by others (owner {uid}, mode {mode:o}): it must be root's, mode 700")]
    Folder { path: PathBuf, uid: u32, mode: u32 },
    #[error("{0} is there and is not a socket: see what it is, and remove it")]
    NotASocket(PathBuf),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.to_owned();
    move |source| PlaceError::Io { path, source }
}

/// Makes the private folder, or checks the one that is there.
///
/// # Errors
/// [`PlaceError`].
pub fn folder(private: &Path) -> Result<(), PlaceError> {
    let folder = private.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
    }
    let meta = fs::symlink_metadata(folder).map_err(at(folder))?;
    let mode = meta.permissions().mode() & 0o777;
    if !meta.is_dir() || mode & 0o077 != 0 || meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(PlaceError::Folder { path: folder.to_owned(), uid: meta.uid(), mode });
    }
    Ok(())
}

/// Whether the usual path may be taken, that has been empty for this long. An engine that starts removes what is there and
/// then binds: whoever takes the path between the two keeps it from starting.
pub fn may_take(empty_for: Option<Duration>, engine_answers: bool) -> bool {
    engine_answers || empty_for.is_none_or(|empty_for| empty_for >= PROTECT_GRACE)
}

/// Takes the usual path for the guard. An engine's socket that is there goes to the private place.
///
/// # Errors
/// [`PlaceError`]; the usual path is then as it was.
pub fn take(record: &Record, mode: u32) -> Result<Listener, PlaceError> {
    folder(&record.private)?;
    let there = fs::symlink_metadata(&record.public);
    if there.is_ok_and(|meta| !meta.file_type().is_socket()) {
        return Err(PlaceError::NotASocket(record.public.clone()));
    }
    let folder = private_folder(record);
    find_again(record, folder)?;
    let (listener, displaced) = guard::bind_over(&record.public, mode, folder)?;
    if let Some(displaced) = displaced {
        put_away(&displaced, record)?;
    }
    Ok(listener)
}

fn private_folder(record: &Record) -> &Path {
    record.private.parent().unwrap_or(Path::new("/"))
}

/// Puts the engine's socket in its place that an agent had taken away and not yet put there, when it was ended.
fn find_again(record: &Record, folder: &Path) -> Result<(), PlaceError> {
    if answers(&record.private) {
        return Ok(());
    }
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(at(folder))?,
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let is_of_an_agent =
            path.extension().is_some_and(|end| end.to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
        if is_of_an_agent && path.file_stem() == record.private.file_name() && answers(&path) {
            fs::rename(&path, &record.private).map_err(at(&record.private))?;
            tracing::info!(from = %path.display(), to = %record.private.display(), "the engine's socket was found again");
            break;
        }
    }
    Ok(())
}

fn put_away(displaced: &Path, record: &Record) -> Result<(), PlaceError> {
    // Not answering is no proof that nobody will: an engine binds first and listens then. But there is only one engine, so
    // that where one answers already, this is what an agent left behind.
    match (answers(&record.private), answers(displaced)) {
        (true, false) => fs::remove_file(displaced).map_err(at(displaced)),
        (true, true) => {
            let inode = fs::symlink_metadata(displaced).map_err(at(displaced))?.ino();
            let aside = record.private.with_extension(format!("{inode}.sock"));
            tracing::error!(
                path = %record.public.display(),
                moved_to = %aside.display(),
                "a second server listens at the engine's usual path, beside the engine: see what it is"
            );
            fs::rename(displaced, &aside).map_err(at(&aside))
        }
        (false, _) => {
            fs::rename(displaced, &record.private).map_err(at(&record.private))?;
            tracing::info!(from = %record.public.display(), to = %record.private.display(), "the engine's socket was moved");
            Ok(())
        }
    }
}

/// Gives the engine its path back, with owner and mode as they were. Replaces the guard's socket in one step.
///
/// # Errors
/// [`PlaceError`].
pub fn give_back(record: &Record) -> Result<(), PlaceError> {
    let private = &record.private;
    find_again(record, private_folder(record))?;
    if private.exists() && answers(private) {
        fs::set_permissions(private, fs::Permissions::from_mode(record.mode)).map_err(at(private))?;
        chown(private, Some(record.uid), Some(record.gid)).map_err(at(private))?;
        fs::rename(private, &record.public).map_err(at(&record.public))?;
    } else {
        // The engine is down: it makes its socket where it always did.
        remove(private)?;
        if !answers(&record.public) {
            remove(&record.public)?;
        }
    }
    // Whatever else is in it is not ours to remove.
    let _ = fs::remove_dir(private_folder(record));
    Ok(())
}

fn remove(path: &Path) -> Result<(), PlaceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// True when somebody listens at the path.
pub fn answers(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{super::Stage, *};
    use std::os::unix::net::UnixListener;

    fn record(dir: &Path) -> Record {
        let (public, private) = (dir.join("docker.sock"), dir.join("private/docker.sock"));
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Record { stage: Stage::Held, public, private, mode: 0o640, uid, gid, drop_ins: vec![] }
    }

    #[tokio::test]
    async fn an_engine_that_comes_back_is_moved_again_and_gets_its_path_back_at_the_end() {
        let dir = tempfile::tempdir().expect("dir");
        let record = record(dir.path());
        let engine = UnixListener::bind(&record.public).expect("engine");
        let guard = take(&record, 0o666).expect("moved");
        assert!(answers(&record.public) && answers(&record.private) && guard.holds());
        assert_eq!(fs::metadata(dir.path().join("private")).expect("folder").permissions().mode() & 0o777, 0o700);
        // As engines do: remove what is there, bind anew.
        drop(engine);
        fs::remove_file(&record.public).expect("unlink");
        assert!(!guard.holds());
        let engine = UnixListener::bind(&record.public).expect("engine again");
        let again = take(&record, 0o666).expect("moved again");
        assert!(again.holds());
        // The old one's end must not take the new one with it.
        drop(guard);
        assert!(answers(&record.public) && answers(&record.private));
        give_back(&record).expect("restored");
        assert!(!record.private.parent().expect("folder").exists());
        let meta = fs::metadata(&record.public).expect("meta");
        assert_eq!(meta.permissions().mode() & 0o777, 0o640);
        drop(again);
        assert!(answers(&record.public), "the guard's end leaves the engine's socket");
        drop(engine);
        assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 1, "nothing is left behind");
    }

    #[tokio::test]
    async fn an_engines_socket_that_was_on_its_way_is_found_again() {
        let dir = tempfile::tempdir().expect("dir");
        let record = record(dir.path());
        folder(&record.private).expect("folder");
        // An agent was ended between its two steps: its own socket at the usual path, the engine's under a name of the agent's.
        let _engine = UnixListener::bind(dir.path().join("private/docker.sock.1234")).expect("engine");
        drop(UnixListener::bind(&record.public).expect("stale"));
        let guard = take(&record, 0o666).expect("taken");
        assert!(guard.holds() && answers(&record.private));
        assert_eq!(fs::read_dir(dir.path().join("private")).expect("folder").count(), 1, "the stale one is gone");
    }

    #[test]
    fn an_engine_between_removing_and_binding_is_not_kept_from_starting() {
        assert!(!may_take(Some(Duration::ZERO), false));
        assert!(may_take(Some(PROTECT_GRACE), false), "it is not starting, it is away");
        assert!(may_take(Some(Duration::ZERO), true), "it runs already");
        assert!(may_take(None, false), "what is there is exchanged, not removed");
    }

    #[tokio::test]
    async fn what_an_agent_left_behind_does_not_push_out_the_engine() {
        let dir = tempfile::tempdir().expect("dir");
        let record = record(dir.path());
        folder(&record.private).expect("folder");
        let _engine = UnixListener::bind(&record.private).expect("engine");
        drop(UnixListener::bind(&record.public).expect("stale"));
        let _guard = take(&record, 0o666).expect("taken");
        assert!(answers(&record.private) && answers(&record.public));
        fs::set_permissions(dir.path().join("private"), fs::Permissions::from_mode(0o755)).expect("chmod");
        assert!(matches!(take(&record, 0o666), Err(PlaceError::Folder { mode: 0o755, .. })));
    }
}
