//! A store that begins with a state instead of with an empty log.

use crate::{
    backend::Engine,
    error::{OpenError, SnapshotFileError},
    folder::Folder,
    snapshot::{Meta, Snapshots},
    types::{Membership, NodeId},
};
use openraft::{BasicNode, CommittedLeaderId, LogId};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use wharden_state::State;

/// Why a store was not made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store holds something already; a state can only begin an empty one")]
    Used,
    #[error("the state cannot be written: {0}")]
    State(#[from] wharden_state::SnapshotError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotFileError),
}

/// Makes a store in an empty or missing folder: its first snapshot is `state` at log entry `index`, its only member is
/// `member`. Opened as any other store after that. Blocks.
///
/// # Errors
/// [`SeedError`].
pub fn seed(folder: &Path, engine: Engine, state: &State, index: u64, member: NodeId) -> Result<(), SeedError> {
    let places = Folder::take(folder, engine)?;
    if places.used {
        return Err(SeedError::Used);
    }
    // Below every term that an election can give.
    let at = LogId::new(CommittedLeaderId::new(0, 0), index);
    let members =
        openraft::Membership::new(vec![BTreeSet::from([member])], BTreeMap::from([(member, BasicNode::default())]));
    let meta = Meta {
        last_log_id: Some(at),
        last_membership: Membership::new(Some(at), members),
        snapshot_id: format!("seed-{index}"),
    };
    Snapshots::in_folder(&places.snapshots).save(&meta, state.to_bytes()?)?;
    Ok(())
}
