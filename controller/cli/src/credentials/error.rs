use crate::limits::LOCK_WAIT;
use std::{io, path::PathBuf};

/// Why the credentials file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("others may read {path} (mode {mode:04o}), which holds your session")]
    Open { path: PathBuf, mode: u32 },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is no credentials file: line {line}, column {column}")]
    Damaged { path: PathBuf, line: usize, column: usize },
    #[error("{path} has format {format}, which this version of wharden does not know")]
    Format { path: PathBuf, format: u64 },
    #[error("another wharden has held {path} for {} s", LOCK_WAIT.as_secs())]
    Locked { path: PathBuf },
}

impl CredentialsError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Open { path, .. } => {
                let path = path.display();
                format!("`chmod 600 {path}`; if others may have read it, then `wharden logout`, and log in again")
            }
            Self::Read { .. } | Self::Write { .. } => {
                "check the folder's owner and free space, or name another with WHARDEN_CONFIG_DIR".to_owned()
            }
            Self::Damaged { path, .. } => format!("remove {} and log in again", path.display()),
            Self::Format { .. } => "use the newer wharden, or name another folder with WHARDEN_CONFIG_DIR".to_owned(),
            Self::Locked { .. } => "wait for it, or end it".to_owned(),
        }
    }
}
