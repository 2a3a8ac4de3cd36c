//! The state as bytes: one version byte, then JSON. Maps are ordered, so equal states are equal bytes.

use crate::apply::State;

/// Newest version of the form; raised when an old reader could not read a new file.
const FORMAT: u8 = 2;
/// The form of a state without a level, which the version before levels reads.
const FORMAT_BEFORE: u8 = 1;

/// Why bytes are not a state.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("the snapshot is empty")]
    Empty,
    #[error("the snapshot has version {0}; this program knows up to {FORMAT}: start the version that wrote it")]
    Version(u8),
    #[error("the snapshot cannot be read: {0}")]
    Content(#[from] serde_json::Error),
}

impl State {
    /// The whole state.
    ///
    /// # Errors
    /// When a key cannot be written as JSON, which no type of this crate allows.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether [`State::from_bytes`] knows the version of these bytes.
    ///
    /// # Errors
    /// [`SnapshotError::Version`] when it does not, [`SnapshotError::Empty`] when there is none.
    pub fn check_version(bytes: &[u8]) -> Result<(), SnapshotError> {
        match bytes.first() {
            None => Err(SnapshotError::Empty),
            Some(&(FORMAT_BEFORE | FORMAT)) => Ok(()),
            Some(&version) => Err(SnapshotError::Version(version)),
        }
    }

    /// The same, as it is made.
    ///
    /// # Errors
    /// As [`State::to_bytes`], and whatever the writer says.
    pub fn write_to(&self, mut out: impl std::io::Write) -> Result<(), SnapshotError> {
        // A version that knows no levels would lose it without a word.
        let format = if self.level == 0 { FORMAT_BEFORE } else { FORMAT };
        out.write_all(&[format]).map_err(serde_json::Error::io)?;
        serde_json::to_writer(out, self)?;
        Ok(())
    }

    /// A state from what [`State::to_bytes`] gave.
    ///
    /// # Errors
    /// [`SnapshotError`] when the version is unknown or the content is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        match bytes.split_first() {
            None => Err(SnapshotError::Empty),
            Some((&(FORMAT_BEFORE | FORMAT), json)) => Ok(serde_json::from_slice(json)?),
            Some((&version, _)) => Err(SnapshotError::Version(version)),
        }
    }
}
