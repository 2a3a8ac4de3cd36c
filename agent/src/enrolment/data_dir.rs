use crate::limits::STATE_FILE_MAX;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use wharden_runtime::fsync::{make_dir, write_atomic};

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("the data directory {0} is not there: enroll this host first with wharden-agent enroll")]
    Missing(PathBuf),
    #[error("{0} is not a directory: choose another --data-dir")]
    NotADirectory(PathBuf),
    #[error("the data directory {path} can be used by others (mode {mode:o}): run chmod 700 {path}")]
    Open { path: PathBuf, mode: u32 },
    #[error("another wharden-agent uses {0}: stop it first")]
    Locked(PathBuf),
    #[error("{path} is larger than {STATE_FILE_MAX} bytes: it is not what this agent wrote")]
    TooLarge { path: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// The agent's folder, mode 0700; everything in it has mode 0600.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

/// Held while a process works in the folder; the kernel frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl DataDir {
    /// An existing folder that nobody else may use.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let meta = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(DataDirError::Missing(path.into())),
            other => other.map_err(|source| DataDirError::Io { path: path.into(), source })?,
        };
        if !meta.is_dir() {
            return Err(DataDirError::NotADirectory(path.into()));
        }
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(DataDirError::Open { path: path.into(), mode });
        }
        Ok(Self(path.to_owned()))
    }

    /// The folder, made if it is not there.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn create(path: &Path) -> Result<Self, DataDirError> {
        // Something else in its place is named by `open`.
        if path.is_dir() || !path.exists() {
            make_dir(path, 0o700).map_err(|source| DataDirError::Io { path: path.into(), source })?;
        }
        Self::open(path)
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// [`DataDirError::Locked`] when another process has it.
    pub fn lock(&self) -> Result<Lock, DataDirError> {
        let path = self.file("lock");
        let fail = |source| DataDirError::Io { path: path.clone(), source };
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Locked(self.0.clone())),
            Err(TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Reads a file; `None` when it is not there.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DataDirError> {
        let path = self.file(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(STATE_FILE_MAX + 1).read_to_end(&mut bytes));
        match read {
            Ok(n) if n as u64 > STATE_FILE_MAX => Err(DataDirError::TooLarge { path }),
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataDirError::Io { path, source }),
        }
    }

    /// Writes a file so that it is whole after a power cut.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        let path = self.file(name);
        write_atomic(&path, bytes, 0o600).map_err(|source| DataDirError::Io { path, source })
    }

    /// Removes a file that may not be there.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn remove(&self, name: &str) -> Result<(), DataDirError> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(DataDirError::Io { path, source }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_open_to_others_is_refused_and_one_process_has_it() {
        let parent = tempfile::tempdir().expect("dir");
        let path = parent.path().join("a/b");
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Missing(_))));
        let dir = DataDir::create(&path).expect("made");
        let lock = dir.lock().expect("free");
        assert!(matches!(dir.lock(), Err(DataDirError::Locked(_))));
        drop(lock);
        drop(dir.lock().expect("free again"));
        dir.write("x", b"1").expect("write");
        assert_eq!(fs::metadata(dir.file("x")).expect("meta").permissions().mode() & 0o777, 0o600);
        assert_eq!(dir.read("x").expect("read"), Some(b"1".to_vec()));
        assert_eq!(dir.read("y").expect("read"), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("chmod");
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Open { mode: 0o750, .. })));
    }
}
