//! The data folder: whose it is, and in which form. Looked at before anything in it is opened.

use crate::error::OpenError;
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use wharden_runtime::fsync::{sync_dir, write_atomic};

const MARKER: &str = "FORMAT";
const MARKER_TMP: &str = ".FORMAT.tmp";
const FORM: &str = "wharden-store 1";
/// Second line of the marker once the log in the folder holds something.
const USED: &str = "in use";

/// The places in a data folder that is ours.
pub(crate) struct Folder {
    pub log: PathBuf,
    pub snapshots: PathBuf,
    /// The log was made before, so it cannot be empty.
    pub used: bool,
    marker: PathBuf,
}

impl Folder {
    /// Takes a folder that is ours, or makes an empty or missing one ours. Any other is not touched.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |error: io::Error| OpenError::Folder { path: path.to_owned(), error };
        let marker = path.join(MARKER);
        let used = match fs::read(&marker) {
            Ok(found) => check(path, &found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path).map_err(failed)?;
                if !is_empty(path).map_err(failed)? {
                    return Err(OpenError::NotOurs { path: path.to_owned() });
                }
                write_atomic(&marker, format!("{FORM}\n").as_bytes(), 0o600).map_err(failed)?;
                false
            }
            Err(error) => return Err(failed(error)),
        };
        let folder = Self { log: path.join("log"), snapshots: path.join("snapshots"), used, marker };
        for part in [&folder.log, &folder.snapshots] {
            make(part).map_err(failed)?;
        }
        sync_dir(path).map_err(failed)?;
        Ok(folder)
    }

    /// Remembers that the log holds something from now on.
    pub(crate) fn mark_used(&self) -> Result<(), OpenError> {
        write_atomic(&self.marker, format!("{FORM}\n{USED}\n").as_bytes(), 0o600)
            .map_err(|error| OpenError::Folder { path: self.marker.clone(), error })
    }
}

/// Whether the log was made already, if the folder is ours.
fn check(path: &Path, found: &[u8]) -> Result<bool, OpenError> {
    let found = String::from_utf8_lossy(found);
    let mut lines = found.lines();
    let found: String = lines.next().unwrap_or_default().chars().take(80).collect();
    if found == FORM {
        return Ok(lines.next() == Some(USED));
    }
    if found.starts_with("wharden-store ") {
        return Err(OpenError::UnknownVersion { path: path.to_owned(), found, known: FORM });
    }
    Err(OpenError::NotOurs { path: path.to_owned() })
}

/// Makes a folder that only its owner may read; says nothing when it is there.
fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A marker that a crash left unfinished does not count.
fn is_empty(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        if entry?.file_name() != MARKER_TMP {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(path)
            .expect("lists")
            .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_empty_or_missing_folder_becomes_ours_and_stays_ours() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a/store");
        for _ in 0..2 {
            Folder::take(&path).expect("ours");
            assert_eq!(names(&path), ["FORMAT", "log", "snapshots"]);
        }
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o700);
        let crashed = dir.path().join("crashed");
        fs::create_dir(&crashed).expect("folder");
        fs::write(crashed.join(MARKER_TMP), "whar").expect("half a marker");
        Folder::take(&crashed).expect("ours");
    }

    #[test]
    fn folders_of_another_version_or_of_something_else_are_not_touched() {
        let dir = tempfile::tempdir().expect("dir");
        fs::write(dir.path().join(MARKER), "wharden-store 2\n").expect("marker");
        let error = Folder::take(dir.path()).err().expect("refused");
        assert!(matches!(&error, OpenError::UnknownVersion { found, .. } if found == "wharden-store 2"), "{error}");
        assert_eq!(names(dir.path()), ["FORMAT"]);

        fs::write(dir.path().join(MARKER), "something else").expect("marker");
        assert!(matches!(Folder::take(dir.path()), Err(OpenError::NotOurs { .. })));

        let other = tempfile::tempdir().expect("dir");
        fs::write(other.path().join("conf"), "x").expect("file");
        assert!(matches!(Folder::take(other.path()), Err(OpenError::NotOurs { .. })));
        assert_eq!(names(other.path()), ["conf"]);
        assert!(matches!(Folder::take(&other.path().join("conf")), Err(OpenError::Folder { .. })));
    }
}
