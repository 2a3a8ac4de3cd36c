//! What is inside of the encryption: one line of JSON, a line break, and the bytes of the state until the end. The
//! encryption (age) authenticates all of it, the end too, so a file that was cut or changed does not open.

use super::limits::HEADER_MAX;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read};
use wharden_model::{ClusterId, Timestamp, api::Secret};

/// Version of the form; raised when an old reader could not read a new file.
pub(super) const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Version of the form.
    pub wharden_backup: u32,
    pub cluster_id: ClusterId,
    pub created_at: Timestamp,
    /// The log entry that the state reaches to.
    pub index: u64,
    /// Version of the program that wrote it.
    pub program: String,
    /// Text of the cluster key file.
    pub cluster_key: Secret,
}

/// Why the first line was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeaderError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is not a backup of Wharden: the first line is longer than {HEADER_MAX} bytes or has no end")]
    NoLine,
    #[error("it is not a backup of Wharden: {0}")]
    Content(serde_json::Error),
    #[error(
        "it has version {0} of the form and this program knows {VERSION}: use the version of wharden-controller that wrote it, or a newer one"
    )]
    Version(u32),
}

impl Header {
    pub(super) fn read(from: &mut impl BufRead) -> Result<Self, HeaderError> {
        let mut line = Vec::new();
        from.take(HEADER_MAX as u64).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(HeaderError::NoLine);
        }
        /// The version is looked at before anything else of the line is.
        #[derive(Deserialize)]
        struct Version {
            wharden_backup: u32,
        }
        let Version { wharden_backup } = serde_json::from_slice(&line).map_err(HeaderError::Content)?;
        if wharden_backup != VERSION {
            return Err(HeaderError::Version(wharden_backup));
        }
        serde_json::from_slice(&line).map_err(HeaderError::Content)
    }
}
