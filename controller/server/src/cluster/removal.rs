//! Am I still one of them? A removed controller hears nothing any more, so it asks when it is left alone. It must not go
//! on: what it serves gets older and older.

use crate::{
    peers::{CallError, Client, Request, Roster, limits::STATUS_LIMIT},
    raft::Raft,
};
use std::time::Duration;

/// Between two looks. Nothing is sent while there is a leader and this controller is a member.
const LOOK: Duration = Duration::from_secs(1);

/// Asks the others while this controller has no leader or is no member; for ever.
pub async fn watch(raft: Raft, roster: Roster) {
    loop {
        tokio::time::sleep(LOOK).await;
        let members = raft.members();
        let own = raft.number();
        let member = members.voters.iter().any(|set| set.contains(&own)) || members.learners.contains(&own);
        if member && raft.metrics().current_leader.is_some() {
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
