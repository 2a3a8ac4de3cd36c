//! The first controller enters itself; every controller tells when it is reached elsewhere.

use crate::{
    config::Config,
    keys::Keys,
    limits::PROPOSE_LIMIT,
    peers::{PeerIdentity, Reply, Request, Roster},
    raft::{Raft, new_request_id},
};
use anyhow::Context;
use std::{convert::Infallible, path::Path, time::Duration};
use wharden_model::Timestamp;
use wharden_pki::Ca;
use wharden_state::{Actor, Command, ControllerCommand, Entry};

/// Before the others are told once more where this controller is: the log may come meanwhile.
const ANNOUNCE: Duration = Duration::from_secs(2);

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

/// The same before the log has come: it goes to where the others believe this controller to be, so the one that leads is
/// told without it. For ever; ends only with whoever waits for the log.
pub async fn announce(
    raft: &Raft,
    roster: &Roster,
    config: &Config,
    identity: &PeerIdentity,
    now: Timestamp,
) -> Infallible {
    let entry = Entry {
        request_id: new_request_id(),
        actor: Actor::System,
        issued_at: now,
        if_revision: None,
        origin: None,
        command: registration(config, identity),
    };
    loop {
        tokio::time::sleep(ANNOUNCE).await;
        let state = raft.state();
        if state.controllers.members.get(&identity.number).is_none_or(|known| known.seat == config.seat()) {
            continue;
        }
        for number in roster.others() {
            // The same change under the same id: however many take it, it is done once.
            match raft.ask(number, Request::Propose(vec![entry.clone()]), PROPOSE_LIMIT).await {
                Ok(Reply::Proposed { .. }) => break,
                answer => tracing::debug!(controller = number, ?answer, "it does not lead"),
            }
        }
    }
}

async fn register(raft: &Raft, config: &Config, identity: &PeerIdentity) -> anyhow::Result<()> {
    raft.propose(Actor::System, registration(config, identity)).await?;
    Ok(())
}

fn registration(config: &Config, identity: &PeerIdentity) -> Command {
    let (seat, serial) = (config.seat(), identity.serial.clone());
    Command::Controller(ControllerCommand::Register { number: identity.number, seat, serial })
}
