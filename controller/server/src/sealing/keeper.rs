//! Carries a change of the cluster key to its end, on whichever controller leads, and tidies up on each.

use super::reseal;
use crate::{keys::Keys, raft::Raft};
use std::{sync::Arc, time::Duration};
use wharden_model::{KeyId, Timestamp};
use wharden_runtime::clock::Clock;
use wharden_state::{Actor, Command, KeyChange, KeyCommand, State};

/// Between two looks. A look that finds nothing to do costs nothing.
const LOOK: Duration = Duration::from_millis(250);
/// Looks for which nothing may need a key before it is destroyed, 5 s: whoever reads a value off a state opens it well within.
const GRACE_LOOKS: u32 = 20;
/// Seconds after which an offer came to nothing: whoever made it has fallen. Handing a key over takes less than a third.
const OFFER_LIMIT_S: u64 = 60;

/// Seals as the newest state says. Runs for ever.
pub async fn follow(raft: Raft, keys: Arc<Keys>) {
    let mut states = raft.watch();
    loop {
        let state = states.borrow_and_update().clone();
        if let Err(error) = keys.holder.follow(&state) {
            tracing::error!(%error, "this controller lacks a cluster key; it goes on with the one before");
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

/// Runs for ever.
pub async fn keep(raft: Raft, keys: Arc<Keys>, clock: Arc<dyn Clock>) {
    let mut said = String::new();
    let mut unneeded_for: u32 = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        unneeded_for = if unneeded(&raft.state(), &keys.sealing().ids()) { unneeded_for.saturating_add(1) } else { 0 };
        match step(&raft, &keys, Timestamp(clock.now()), unneeded_for > GRACE_LOOKS).await {
            Ok(()) => said.clear(),
            Err(why) if why != said => {
                tracing::warn!(%why, "the change of the cluster key waits");
                said = why;
            }
            Err(_) => {}
        }
    }
}

async fn step(raft: &Raft, keys: &Arc<Keys>, now: Timestamp, unneeded: bool) -> Result<(), String> {
    if raft.leads() {
        lead(raft, keys, now).await?;
    }
    if unneeded { tidy(raft, keys).await } else { Ok(()) }
}

async fn lead(raft: &Raft, keys: &Keys, now: Timestamp) -> Result<(), String> {
    loop {
        let state = raft.state();
        let Some(sealing) = &state.sealing else { return Ok(()) };
        match sealing.change {
            Some(KeyChange::Offered { key, at }) if at.plus_secs(OFFER_LIMIT_S) < now => {
                let why = "it was not handed to all controllers in time".to_owned();
                return propose(raft, KeyCommand::Withdraw { key, why }).await;
            }
            Some(KeyChange::Resealing) => {}
            _ => return Ok(()),
        }
        keys.holder.follow(&state).map_err(|error| error.to_string())?;
        let records = reseal::next(&state, &keys.sealing())?;
        if records.is_empty() {
            let key = sealing.current;
            propose(raft, KeyCommand::Finish { key }).await?;
            tracing::info!(%key, "everything is sealed with the new cluster key");
            return Ok(());
        }
        propose(raft, KeyCommand::Reseal { records }).await?;
    }
}

async fn propose(raft: &Raft, command: KeyCommand) -> Result<(), String> {
    raft.propose(Actor::System, Command::Key(command)).await.map(drop).map_err(|error| error.to_string())
}

/// Destroys what no state needs any more.
async fn tidy(raft: &Raft, keys: &Arc<Keys>) -> Result<(), String> {
    let known = keys.sealing().ids();
    // A state from before a key was offered has no use for it either.
    let newest = raft.linearizable().await.map_err(|error| error.to_string())?;
    let keys = Arc::clone(keys);
    let destroyed = tokio::task::spawn_blocking(move || keys.holder.destroy_unneeded(&newest, &known));
    let destroyed = destroyed.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    for key in destroyed {
        tracing::info!(%key, "a cluster key that is not needed any more was destroyed");
    }
    Ok(())
}

fn unneeded(state: &State, known: &[KeyId]) -> bool {
    state.sealing.as_ref().is_some_and(|sealing| known.iter().any(|key| !sealing.needs(*key)))
}
