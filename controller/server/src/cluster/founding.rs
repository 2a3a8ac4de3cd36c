//! The first controller enters itself; every controller tells when it is reached elsewhere.

use crate::{config::Config, keys::Keys, peers::PeerIdentity, raft::Raft};
use anyhow::Context;
use std::path::Path;
use wharden_model::Timestamp;
use wharden_pki::Ca;
use wharden_state::{Actor, Command, ControllerCommand};

/// Makes the identity of a cluster's only controller and enters it. Also for a cluster that an earlier version made.
///
/// # Errors
/// When the files cannot be written or the log does not take it.
pub async fn enter(
    data_dir: &Path,
    raft: &Raft,
    ca: &Ca,
    config: &Config,
    now: Timestamp,
) -> anyhow::Result<PeerIdentity> {
    let controllers = raft.state().controllers.clone();
    anyhow::ensure!(
        controllers.is_empty(),
        "the certificate of this controller is missing ({}/peer.pem): restore it from a backup, or remove this controller and let it join anew",
        data_dir.display()
    );
    let identity = PeerIdentity::make(data_dir, ca, config.node_id, &config.advertise, now).context("--advertise")?;
    register(raft, config, &identity).await?;
    Ok(identity)
}

/// Tells where this controller is reached, when that is not what the state says.
///
/// # Errors
/// When the log does not take it.
pub async fn keep_seat(
    data_dir: &Path,
    raft: &Raft,
    keys: &Keys,
    config: &Config,
    identity: &PeerIdentity,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        identity.cluster == keys.cluster_id,
        "{} holds the certificate of another cluster ({})",
        data_dir.display(),
        identity.cluster
    );
    let state = raft.state();
    let known = state.controllers.members.get(&identity.number);
    // An identity that the state does not know is of a founding that ended half way.
    if state.controllers.is_empty() || known.is_some_and(|known| known.seat != config.seat()) {
        register(raft, config, identity).await?;
    }
    Ok(())
}

async fn register(raft: &Raft, config: &Config, identity: &PeerIdentity) -> anyhow::Result<()> {
    let command =
        ControllerCommand::Register { number: identity.number, seat: config.seat(), serial: identity.serial.clone() };
    raft.propose(Actor::System, Command::Controller(command)).await?;
    Ok(())
}
