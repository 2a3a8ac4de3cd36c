//! Where the programs under test are.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Takes programs that are started from now on from another folder: to try two versions together.
pub fn take_from(folder: &Path) {
    *FOLDER.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder.to_owned());
}

/// The path of a program of this workspace: in the folder that was chosen last, else in `WHARDEN_BIN`, else beside the running
/// test or program.
///
/// # Panics
/// When it is not there.
pub fn path(name: &str) -> PathBuf {
    let chosen = FOLDER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let folder = chosen.or_else(|| env::var_os("WHARDEN_BIN").map(PathBuf::from)).unwrap_or_else(|| {
        let own = env::current_exe().expect("path of the running program");
        // A program lies beside the others; a test in target/debug/deps, one below them.
        let beside = own.parent().expect("a folder");
        let above = beside.parent().filter(|_| beside.ends_with("deps"));
        above.unwrap_or(beside).to_owned()
    });
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not there: run `cargo build --workspace --bins` first, or set WHARDEN_BIN",
        path.display()
    );
    path
}
