//! Reads that see everything that was acknowledged before them, on any controller: the leader makes sure that it still
//! leads and says how far its log was committed; the reader waits until it has applied that much.

use super::{ProposeError, Raft};
use crate::{
    limits,
    peers::{Reply, Request},
};
use openraft::BasicNode;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout, timeout_at},
};
use wharden_state::State;

/// Reads for callers who have not shown who they are: one at a time, each for everybody who waited when it began. So however
/// many come to a controller, it asks the leader one thing.
#[derive(Default)]
pub(super) struct Rounds {
    begun: AtomicU64,
    /// The last one that came to its end.
    done: Mutex<u64>,
}

impl Raft {
    /// Waits until what was acknowledged anywhere before this call can be read here.
    ///
    /// # Errors
    /// [`ProposeError::Unavailable`] when there is no quorum.
    pub async fn linearizable(&self) -> Result<Arc<State>, ProposeError> {
        let deadline = Instant::now() + limits::READ_LIMIT;
        loop {
            let why = match timeout_at(deadline, self.confirm()).await {
                Ok(Ok(())) => return Ok(self.state()),
                Ok(Err(why)) => why,
                Err(_) => "there is no quorum".to_owned(),
            };
            if Instant::now() + limits::ELECTION_PAUSE >= deadline {
                return Err(ProposeError::Unavailable(why));
            }
            sleep(limits::ELECTION_PAUSE).await;
        }
    }

    /// The same for callers who have not shown who they are; they share reads.
    ///
    /// # Errors
    /// As [`Raft::linearizable`].
    pub async fn linearizable_shared(&self) -> Result<Arc<State>, ProposeError> {
        let begun_before = self.rounds.begun.load(Ordering::SeqCst);
        let read = async {
            let mut done = self.rounds.done.lock().await;
            // One that began after this call has seen all that this one would.
            if *done <= begun_before {
                let round = self.rounds.begun.fetch_add(1, Ordering::SeqCst) + 1;
                self.linearizable().await?;
                *done = round;
            }
            Ok(self.state())
        };
        let waited = timeout(limits::READ_LIMIT, read).await;
        waited.unwrap_or_else(|_| Err(ProposeError::Unavailable("there is no quorum".to_owned())))
    }

    /// This controller's state when `known` holds there, or else one with everything that was acknowledged anywhere: what a
    /// caller shows may have been made at another controller a moment ago.
    ///
    /// # Errors
    /// As [`Raft::linearizable`].
    pub async fn state_where(&self, known: impl Fn(&State) -> bool) -> Result<Arc<State>, ProposeError> {
        let state = self.state();
        if known(&state) { Ok(state) } else { self.linearizable_shared().await }
    }

    async fn confirm(&self) -> Result<(), String> {
        let Err(error) = self.inner.ensure_linearizable().await else { return Ok(()) };
        let Some(forward) = error.forward_to_leader::<BasicNode>() else { return Err(error.to_string()) };
        let leader = forward.leader_id.filter(|leader| *leader != self.link.own).ok_or("there is no leader")?;
        match self.link.transport.call(leader, Request::ReadIndex, limits::READ_LIMIT).await {
            Ok(Reply::ReadIndex { index }) => self.link.applied(index.unwrap_or(0), limits::READ_LIMIT).await,
            Ok(Reply::Failed(why)) => Err(why),
            Ok(_) => Err(format!("controller {leader} does not lead")),
            Err(error) => Err(error.to_string()),
        }
    }
}
