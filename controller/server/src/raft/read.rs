//! Reads that see everything that was acknowledged before them, on any controller: the leader makes sure that it still
//! leads and says how far its log was committed; the reader waits until it has applied that much.

use super::{ProposeError, Raft};
use crate::{
    limits,
    peers::{Reply, Request},
};
use openraft::BasicNode;
use std::sync::Arc;
use tokio::time::{Instant, sleep, timeout_at};
use wharden_state::State;

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
