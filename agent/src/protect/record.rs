use crate::enrolment::{DataDir, DataDirError};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

const FILE: &str = "protected.json";
/// Folder of the engine's socket while it is protected.
pub const DEFAULT_FOLDER: &str = "/run/wharden-engine";

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The agent takes the place as soon as it runs.
    Wanted,
    /// The guard has the usual path.
    Held,
    /// The engine gets its path back as soon as the agent sees this.
    Restoring,
}

/// What is protected, and all that is needed to undo it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub stage: Stage,
    /// The usual path, links followed.
    pub public: PathBuf,
    /// The engine's socket meanwhile.
    pub private: PathBuf,
    /// Of the engine's socket as it was.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Files that were written for systemd.
    pub drop_ins: Vec<PathBuf>,
}

impl Record {
    /// Reads it; `None` when nothing is protected.
    ///
    /// # Errors
    /// [`DataDirError`], also for a file that cannot be understood.
    pub fn load(dir: &DataDir) -> Result<Option<Self>, DataDirError> {
        let Some(bytes) = dir.read(FILE)? else { return Ok(None) };
        let record = serde_json::from_slice(&bytes);
        record.map(Some).map_err(|error| DataDirError::Io { path: dir.file(FILE), source: error.into() })
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn store(&self, dir: &DataDir) -> Result<(), DataDirError> {
        let json = serde_json::to_vec_pretty(self);
        let json = json.map_err(|error| DataDirError::Io { path: dir.file(FILE), source: error.into() })?;
        dir.write(FILE, &json)
    }

    /// Forgets it.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn remove(dir: &DataDir) -> Result<(), DataDirError> {
        dir.remove(FILE)
    }
}
