//! The data folder: whose it is, and in which form. Looked at before anything in it is opened.

use crate::{backend::Engine, error::OpenError};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wharden_runtime::fsync::{make_dir, write_atomic};

/// Only the owner may read what is in the folder.
const MODE: u32 = 0o700;

pub(crate) const MARKER: &str = "FORMAT";
const MARKER_TMP: &str = ".FORMAT.tmp";
/// First line of the marker, up to its version.
const FORM: &str = "wharden-store ";
/// The newest form. Form 1 has sled and does not say so; form 2 names its engine. A program that knows form 1 only must
/// not take a folder of another engine for an empty one, hence the new number.
const NEWEST: &str = "wharden-store 2";
const SLED_ONLY: &str = "wharden-store 1";
const ENGINE: &str = "engine ";
/// Last line of the marker once the log in the folder holds something.
const USED: &str = "in use";

/// The places in a data folder that is ours.
pub(crate) struct Folder {
    pub log: PathBuf,
    pub snapshots: PathBuf,
    pub engine: Engine,
    /// The log was made before, so it cannot be empty.
    pub used: bool,
    marker: PathBuf,
}

impl Folder {
    /// Takes a folder that is ours, or makes an empty or missing one ours, with this engine. Any other is not touched.
    pub(crate) fn take(path: &Path, engine: Engine) -> Result<Self, OpenError> {
        let failed = |error: io::Error| OpenError::Folder { path: path.to_owned(), error };
        make_dir(path, MODE).map_err(failed)?;
        let found = Self::find(path)?;
        let folder = match found {
            Some(folder) => folder,
            None if is_empty(path).map_err(failed)? => {
                let folder = Self::at(path, engine, false);
                folder.mark().map_err(failed)?;
                folder
            }
            None => return Err(OpenError::NotOurs { path: path.to_owned() }),
        };
        for part in [&folder.log, &folder.snapshots] {
            make_dir(part, MODE).map_err(failed)?;
        }
        Ok(folder)
    }

    /// A folder that is ours, as it is; `None` when it has no marker.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, OpenError> {
        match fs::read(path.join(MARKER)) {
            Ok(found) => check(path, &found).map(|(engine, used)| Some(Self::at(path, engine, used))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(OpenError::Folder { path: path.to_owned(), error }),
        }
    }

    fn at(path: &Path, engine: Engine, used: bool) -> Self {
        Self { log: path.join("log"), snapshots: path.join("snapshots"), engine, used, marker: path.join(MARKER) }
    }

    /// Remembers that the log holds something from now on.
    pub(crate) fn mark_used(&mut self) -> Result<(), OpenError> {
        self.used = true;
        self.mark().map_err(|error| OpenError::Folder { path: self.marker.clone(), error })
    }

    /// Removes what the log holds.
    pub(crate) fn empty_log(&self) -> Result<(), OpenError> {
        let emptied = fs::remove_dir_all(&self.log).and_then(|()| make_dir(&self.log, MODE));
        emptied.map_err(|error| OpenError::Folder { path: self.log.clone(), error })
    }

    fn mark(&self) -> io::Result<()> {
        write_atomic(&self.marker, text(self.engine, self.used).as_bytes(), 0o600)
    }
}

fn text(engine: Engine, used: bool) -> String {
    let used = if used { format!("{USED}\n") } else { String::new() };
    match engine {
        Engine::Sled => format!("{SLED_ONLY}\n{used}"),
        Engine::Journal | Engine::Redb => format!("{NEWEST}\n{ENGINE}{engine}\n{used}"),
    }
}

/// The engine, and whether the log was made already, if the folder is ours.
fn check(path: &Path, found: &[u8]) -> Result<(Engine, bool), OpenError> {
    let found = String::from_utf8_lossy(found);
    let mut lines = found.lines().map(|line| line.chars().take(80).collect::<String>());
    let form = lines.next().unwrap_or_default();
    let engine = match form.as_str() {
        SLED_ONLY => Engine::Sled,
        NEWEST => {
            let line = lines.next().unwrap_or_default();
            let name = line.strip_prefix(ENGINE).unwrap_or_default();
            name.parse().map_err(|_| OpenError::UnknownEngine { path: path.to_owned(), found: name.to_owned() })?
        }
        _ if form.starts_with(FORM) => {
            return Err(OpenError::UnknownVersion { path: path.to_owned(), found: form, known: NEWEST });
        }
        _ => return Err(OpenError::NotOurs { path: path.to_owned() }),
    };
    Ok((engine, lines.next().as_deref() == Some(USED)))
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
        for engine in [Engine::Sled, Engine::Redb] {
            let folder = Folder::take(&path, engine).expect("ours");
            assert_eq!(folder.engine, Engine::Sled, "a folder keeps the engine that it was made with");
            assert_eq!(names(&path), ["FORMAT", "log", "snapshots"]);
        }
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o700);
        let crashed = dir.path().join("crashed");
        fs::create_dir(&crashed).expect("folder");
        fs::write(crashed.join(MARKER_TMP), "whar").expect("half a marker");
        Folder::take(&crashed, Engine::Redb).expect("ours");
    }

    /// A changed form here is a folder that the version before cannot open.
    #[test]
    fn the_forms_of_the_marker_are_frozen() {
        let mut all = String::new();
        for engine in [Engine::Sled, Engine::Redb] {
            for used in [false, true] {
                let text = text(engine, used);
                assert_eq!(check(Path::new("x"), text.as_bytes()).expect("ours"), (engine, used));
                all.push_str(&format!("[{engine}, used: {used}]\n{text}"));
            }
        }
        insta::assert_snapshot!("marker", all);
    }

    #[test]
    fn folders_of_another_version_or_of_something_else_are_not_touched() {
        let dir = tempfile::tempdir().expect("dir");
        let take = |path: &Path| Folder::take(path, Engine::Redb);
        fs::write(dir.path().join(MARKER), "wharden-store 3\nengine redb\nin use\n").expect("marker");
        let error = take(dir.path()).err().expect("refused");
        assert!(matches!(&error, OpenError::UnknownVersion { found, .. } if found == "wharden-store 3"), "{error}");
        assert!(error.to_string().contains("wharden-store 3") && error.to_string().contains(NEWEST), "{error}");

        fs::write(dir.path().join(MARKER), "wharden-store 2\nengine fjall\nin use\n").expect("marker");
        let error = take(dir.path()).err().expect("refused");
        assert!(matches!(&error, OpenError::UnknownEngine { found, .. } if found == "fjall"), "{error}");
        fs::write(dir.path().join(MARKER), "wharden-store 2\n").expect("marker");
        assert!(matches!(take(dir.path()), Err(OpenError::UnknownEngine { .. })));
        fs::write(dir.path().join(MARKER), "something else").expect("marker");
        assert!(matches!(take(dir.path()), Err(OpenError::NotOurs { .. })));
        assert_eq!(names(dir.path()), ["FORMAT"]);

        let other = tempfile::tempdir().expect("dir");
        fs::write(other.path().join("conf"), "x").expect("file");
        assert!(matches!(take(other.path()), Err(OpenError::NotOurs { .. })));
        assert_eq!(names(other.path()), ["conf"]);
        assert!(matches!(take(&other.path().join("conf")), Err(OpenError::Folder { .. })));
    }
}
