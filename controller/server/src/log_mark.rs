//! What the data folder knows of its log, in a file beside it. A log that is gone, with the disk that it was on or by a hand,
//! looks like one that was never begun; whoever believed that would vote again where it has voted, and what was acknowledged
//! could be lost.
//!
//! ```text
//! nothing ─ the log was opened for the first time ─▶ begun ─ the leader has shown that entries are gone ─▶ lost
//! ```

use crate::data_dir::STORE;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wharden_runtime::fsync::write_atomic;

/// The file's name.
pub const LOG_MARK: &str = "log.mark";
const BEGUN: &str = "begun\n";
const LOST: &str = "lost ";

/// Why a log may not be used any more.
#[derive(Debug, thiserror::Error)]
pub enum LogLost {
    #[error(
        "the log of this controller is gone: it was begun, and {store} does not hold it. Bring the disk or the folder back \
         as it was. {}", instead(.number)
    )]
    Gone { store: PathBuf, number: u64 },
    #[error(
        "the log of this controller has lost what it had acknowledged, entry {entry}: its folder is an old copy, runs a second \
         time elsewhere, or its disk forgot what it had confirmed. Bring the newest folder back. {}", instead(.number)
    )]
    Part { entry: String, number: u64 },
    #[error("{path}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
}

fn instead(number: &u64) -> String {
    format!(
        "If it is lost, it may not vote again: let a new controller take its place, `wharden cluster replace {number}` at one \
         that runs; if there was no other, restore a backup into a new folder, `wharden-controller restore`"
    )
}

/// Before the log is opened: it is there if it ever was, and whole as far as is known.
///
/// # Errors
/// [`LogLost`], for controller `number`.
pub fn check(data_dir: &Path, number: u64) -> Result<(), LogLost> {
    let path = data_dir.join(LOG_MARK);
    let said = match fs::read_to_string(&path) {
        Ok(said) => said,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(LogLost::Unreadable { path, error }),
    };
    if let Some(entry) = said.strip_prefix(LOST) {
        return Err(LogLost::Part { entry: entry.trim_end().to_owned(), number });
    }
    let store = data_dir.join(STORE);
    if wharden_store::is_begun(&store) { Ok(()) } else { Err(LogLost::Gone { store, number }) }
}

/// The log is open. Durable before anybody is answered from it.
///
/// # Errors
/// When the file cannot be written.
pub fn begun(data_dir: &Path) -> io::Result<()> {
    let path = data_dir.join(LOG_MARK);
    if path.exists() { Ok(()) } else { write_atomic(&path, BEGUN.as_bytes(), 0o600) }
}

/// What was acknowledged up to this entry is not there any more.
///
/// # Errors
/// When the file cannot be written.
pub fn lost(data_dir: &Path, entry: u64) -> io::Result<()> {
    write_atomic(&data_dir.join(LOG_MARK), format!("{LOST}{entry}\n").as_bytes(), 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{boot, config::Overrides, offline};
    use wharden_store::Engine;

    async fn founded(dir: &Path) -> PathBuf {
        let folder = dir.join("controller");
        boot::init(&folder, Engine::default(), Overrides::default()).await.expect("made");
        folder
    }

    fn refused(folder: &Path) -> String {
        let why = check(folder, 3).expect_err("refused").to_string();
        assert!(why.contains("`wharden cluster replace 3`") && why.contains("`wharden-controller restore`"), "{why}");
        let told = offline::look(folder).to_string();
        assert!(told.contains("wrong  log: the log of this controller"), "{told}");
        why
    }

    #[tokio::test]
    async fn a_log_that_was_begun_and_is_gone_is_not_begun_anew() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = founded(dir.path()).await;
        check(&folder, 1).expect("as init left it");
        let (store, aside) = (folder.join(STORE), dir.path().join("aside"));
        fs::rename(&store, &aside).expect("moved");
        assert!(refused(&folder).contains(&store.display().to_string()));
        // A disk that is not mounted.
        fs::create_dir(&store).expect("folder");
        refused(&folder);
        fs::remove_dir(&store).expect("removed");
        fs::rename(&aside, &store).expect("moved");
        check(&folder, 1).expect("it is back");
    }

    #[tokio::test]
    async fn a_log_that_has_lost_entries_is_not_used_again() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = founded(dir.path()).await;
        lost(&folder, 17).expect("written");
        begun(&folder).expect("it changes nothing");
        assert!(refused(&folder).contains("entry 17"));
    }
}
