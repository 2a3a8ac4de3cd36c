//! Writing a backup: encrypted as it is made, so that nothing readable ever touches a disk.

use super::{
    form::{Header, VERSION},
    key::{KeyError, Recipients},
};
use std::io::{self, Write};
use wharden_model::{Timestamp, api::Secret};
use wharden_pki::{ClusterKeys, MissingKey};
use wharden_state::{SnapshotError, State};

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("{0}: the cluster key is being changed at this moment, try again")]
    Missing(#[from] MissingKey),
    #[error("the cluster is not initialised")]
    NotInitialised,
    #[error("the state cannot be written: {0}")]
    State(#[from] SnapshotError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes a backup of `state`, which the log made up to `index`. Blocks.
///
/// # Errors
/// [`WriteError`]; what was written until then does not open.
pub fn write(
    state: &State,
    index: u64,
    key: &ClusterKeys,
    recipients: &Recipients,
    at: Timestamp,
    out: impl Write,
) -> Result<(), WriteError> {
    let cluster = state.cluster.as_ref().ok_or(WriteError::NotInitialised)?;
    crate::sealing::arranged(state, key)?;
    let header = Header {
        wharden_backup: VERSION,
        cluster_id: cluster.id.clone(),
        created_at: at,
        index,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        cluster_key: Secret::new(key.to_file_text().to_string()),
    };
    let mut sealed = recipients.encryptor()?.wrap_output(out)?;
    serde_json::to_writer(&mut sealed, &header).map_err(io::Error::from)?;
    sealed.write_all(b"\n")?;
    state.write_to(&mut sealed)?;
    sealed.finish()?.flush()?;
    Ok(())
}
