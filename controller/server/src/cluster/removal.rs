//! Am I still one of them, and new enough? A removed controller hears nothing any more, so it asks when it is left alone. It must not go
//! on: what it serves gets older and older.

use crate::{
    peers::{CallError, Client, Request, Roster, limits::STATUS_LIMIT},
    raft::Raft,
};
use std::time::Duration;
use wharden_state::{LEVEL, State};

/// Between two looks. Nothing is sent while there is a leader and this controller is a member.
const LOOK: Duration = Duration::from_secs(1);

/// Asks the others while this controller has no leader or is no member; for ever.
pub async fn watch(raft: Raft, roster: Roster) {
    loop {
        tokio::time::sleep(LOOK).await;
        let members = raft.members();
        let own = raft.number();
        let member = members.voters.iter().any(|set| set.contains(&own)) || members.learners.contains(&own);
        if member && raft.leader().is_some() {
            continue;
        }
        for number in roster.others() {
            // Whether it was removed is noticed by whoever carries the answer.
            if let Err(error) = raft.ask(number, Request::Status, STATUS_LIMIT).await {
                tracing::debug!(controller = number, %error, "no answer");
            }
        }
    }
}

/// Why this controller must not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this version ({version}) is too old for this cluster: it can do level {LEVEL}, the cluster uses level {0}. Start a newer version; nothing was changed",
    version = env!("CARGO_PKG_VERSION")
)]
pub struct TooOld(u32);

/// Whether this version can do what the cluster uses.
///
/// # Errors
/// [`TooOld`].
pub fn check_level(state: &State) -> Result<(), TooOld> {
    if state.level > LEVEL { Err(TooOld(state.level)) } else { Ok(()) }
}

/// Ends when the cluster uses more than this version can do; says so.
pub async fn too_old(raft: &Raft) -> TooOld {
    let mut state = raft.watch();
    // The sender lives as long as the replica.
    let level = state.wait_for(|state| check_level(state).is_err()).await.map_or(0, |state| state.level);
    TooOld(level)
}

/// Ends when this controller was removed; says so.
pub async fn removed(raft: &Raft, client: &Client) -> CallError {
    let own = raft.number();
    let mut state = raft.watch();
    tokio::select! {
        () = client.removed() => {}
        // The sender lives as long as the replica.
        _ = state.wait_for(|state| state.controllers.was_removed(own)) => {}
    }
    CallError::Removed { number: own }
}
