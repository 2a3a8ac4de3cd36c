use crate::enrolment::{DataDir, DataDirError};
use data_encoding::HEXLOWER;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wharden_model::BreakGlassNotice;
use wharden_runtime::fsync::{make_dir, write_atomic};

const FOLDER: &str = "notices";

/// Notices on disk, a file each, `<number>-<id>.json`. Each is one command of root's or the end of one; so there are few.
#[derive(Clone, Debug)]
pub struct Notices(PathBuf);

/// A notice that no controller has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// 32 hex digits.
    pub id: String,
    pub notice: BreakGlassNotice,
}

impl Notices {
    pub(super) fn new(dir: &DataDir) -> Self {
        Self(dir.file(FOLDER))
    }

    /// Keeps a notice until it is told. It is on disk when this returns. Not for two at one time.
    pub(super) fn add(&self, notice: &BreakGlassNotice) -> Result<(), DataDirError> {
        make_dir(&self.0, 0o700).map_err(|source| self.fail(source))?;
        let last = self.names()?.last().and_then(|(number, ..)| number.parse::<u64>().ok()).unwrap_or(0);
        let id = HEXLOWER.encode(&rand::random::<[u8; 16]>());
        let json = serde_json::to_vec(notice).map_err(|error| self.fail(error.into()))?;
        let path = self.0.join(format!("{:020}-{id}.json", last + 1));
        write_atomic(&path, &json, 0o600).map_err(|source| DataDirError::Io { path, source })
    }

    /// The oldest that wait.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn oldest(&self, max: usize) -> Result<Vec<Pending>, DataDirError> {
        let mut found = Vec::new();
        for (_, id, path) in self.names()? {
            if found.len() == max {
                break;
            }
            let bytes = fs::read(&path).map_err(|source| DataDirError::Io { path: path.clone(), source })?;
            match serde_json::from_slice(&bytes) {
                Ok(notice) => found.push(Pending { id, notice }),
                Err(error) => tracing::error!(%error, path = %path.display(), "a notice on disk cannot be read"),
            }
        }
        Ok(found)
    }

    /// A controller has it.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn told(&self, id: &str) -> Result<(), DataDirError> {
        for (_, known, path) in self.names()? {
            if known == id {
                fs::remove_file(&path).map_err(|source| DataDirError::Io { path, source })?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<(String, String, PathBuf)>, DataDirError> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| self.fail(source))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|source| self.fail(source))?.path();
            if let Some((number, id)) = name(&path) {
                names.push((number, id, path));
            }
        }
        names.sort();
        Ok(names)
    }

    fn fail(&self, source: io::Error) -> DataDirError {
        DataDirError::Io { path: self.0.clone(), source }
    }
}

fn name(path: &Path) -> Option<(String, String)> {
    let (number, id) = path.file_name()?.to_str()?.strip_suffix(".json")?.split_once('-')?;
    (number.len() == 20).then(|| (number.to_owned(), id.to_owned()))
}
