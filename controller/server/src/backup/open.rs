//! Opening a backup, and everything that can be checked of one without a cluster.

use super::{
    form::{Header, HeaderError},
    key::Identities,
    limits::STATE_MAX,
};
use crate::keys::{Keys, KeysError};
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};
use wharden_pki::ClusterKeys;
use wharden_state::{SnapshotError, State};

/// A backup that is whole: it was decrypted to its end, the state reads, its keys open, its audit chain holds.
pub struct Opened {
    pub header: Header,
    pub state: State,
    /// Records of the audit chain that were recomputed.
    pub audit_records: u64,
}

/// Why a backup is of no use.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("was cut or changed, or cannot be read to its end: {0}")]
    Cut(io::Error),
    #[error("is not encrypted with age, or its beginning is damaged: {0}")]
    Form(String),
    #[error("was encrypted to other keys than the ones given")]
    WrongKey,
    #[error("{0}")]
    Header(String),
    #[error("was cut or changed, or {0}")]
    State(SnapshotError),
    #[error("has a state of more than {STATE_MAX} bytes")]
    TooLarge,
    #[error("holds a cluster key that is damaged: {0}")]
    ClusterKey(String),
    #[error("{0}")]
    Keys(#[from] KeysError),
    #[error("says that it is of cluster {header}, and its state is of {state}")]
    OtherCluster { header: String, state: String },
    #[error("has an audit chain that breaks at record {0}: somebody changed it")]
    Audit(u64),
}

/// Reads a backup whole and checks it. Blocks.
///
/// # Errors
/// [`OpenError`]; the text continues after the file's name.
pub fn open(path: &Path, identities: &Identities) -> Result<Opened, OpenError> {
    let file = BufReader::new(File::open(path)?);
    let decryptor = age::Decryptor::new_buffered(file).map_err(|error| OpenError::Form(error.to_string()))?;
    let plain = decryptor.decrypt(identities.all()).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => OpenError::WrongKey,
        other => OpenError::Form(other.to_string()),
    })?;
    let mut plain = BufReader::new(plain);
    let header = Header::read(&mut plain).map_err(|error| match error {
        HeaderError::Io(error) => OpenError::Cut(error),
        other => OpenError::Header(other.to_string()),
    })?;
    let mut bytes = Vec::new();
    plain.take(STATE_MAX + 1).read_to_end(&mut bytes).map_err(OpenError::Cut)?;
    if bytes.len() as u64 > STATE_MAX {
        return Err(OpenError::TooLarge);
    }
    let state = State::from_bytes(&bytes).map_err(OpenError::State)?;
    drop(bytes);
    check(header, state)
}

fn check(header: Header, state: State) -> Result<Opened, OpenError> {
    let keys = Keys::open(&state, cluster_key(&header)?)?;
    if keys.cluster_id != header.cluster_id {
        let (header, state) = (header.cluster_id.to_string(), keys.cluster_id.to_string());
        return Err(OpenError::OtherCluster { header, state });
    }
    let audit_records = state.audit.verify().map_err(OpenError::Audit)?;
    Ok(Opened { header, state, audit_records })
}

fn cluster_key(header: &Header) -> Result<ClusterKeys, OpenError> {
    ClusterKeys::from_file_text(header.cluster_key.reveal()).map_err(|error| OpenError::ClusterKey(error.to_string()))
}

impl Opened {
    /// The cluster key in it.
    ///
    /// # Errors
    /// [`OpenError::ClusterKey`].
    pub fn cluster_key(&self) -> Result<ClusterKeys, OpenError> {
        cluster_key(&self.header)
    }
}
