//! A folder for one test, readable for the OS users that the test runs clients as, gone when the test is.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A temporary folder. Its path is short, because a unix socket's path has at most 107 bytes.
#[derive(Debug)]
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// Makes one under `/tmp`.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("wharden-t-").tempdir_in("/tmp").expect("temporary folder in /tmp");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("mode of the temporary folder");
        Self { dir }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file in it, readable for all.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("folder of a test file");
        }
        fs::write(&path, content).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode of a test file");
        path
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}
