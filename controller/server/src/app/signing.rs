//! The key that signs access tokens: rotated by command, and by age.

use super::{App, AppError, Caller};
use crate::{
    auth::{access_token::AccessKeys, keyring},
    limits,
    raft::ProposeError,
};
use std::{sync::Arc, time::Duration};
use wharden_model::{AdminAction, Timestamp, api::RotatedKey};
use wharden_runtime::shutdown::Shutdown;
use wharden_state::{Actor, ClusterCommand, Command, Hex, Rejection, State};

impl App {
    pub async fn rotate_signing_key(&self, caller: &Caller) -> Result<RotatedKey, AppError> {
        self.may(caller, AdminAction::KeyRotate, &self.cluster()).await?;
        let (command, rotated) = self.new_signing_key(None)?;
        self.change(caller, Command::Cluster(command)).await?;
        Ok(rotated)
    }

    fn new_signing_key(&self, if_since: Option<Timestamp>) -> Result<(ClusterCommand, RotatedKey), AppError> {
        let made = AccessKeys::generate(&self.keys.cluster_id).map_err(AppError::internal)?;
        let sealed = Hex(self.keys.sealing().seal(keyring::RECORD, made.pkcs8()));
        // Another controller may sign with the old key until it has applied this, by a clock that is a little off.
        let until = self.now().plus_secs(limits::ACCESS_TTL_S + limits::SIGNING_OVERLAP_S);
        let rotated = RotatedKey { key_id: made.key_id().to_owned(), old_until: until };
        Ok((ClusterCommand::RotateSigning { if_since, sealed, until }, rotated))
    }

    /// Rotates the key whenever it is too old, until the end of the process. Each controller watches; the state takes one
    /// rotation.
    pub async fn rotate_by_age(self: Arc<Self>, shutdown: Shutdown) {
        loop {
            if let Err(error) = self.rotate_if_old().await {
                tracing::warn!(%error, "the signing key could not be rotated; it is tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(limits::SIGNING_CHECK_S)) => {}
                () = shutdown.stopped() => return,
            }
        }
    }

    async fn rotate_if_old(&self) -> Result<(), AppError> {
        let state = self.state();
        let Some(cluster) = &state.cluster else { return Ok(()) };
        if signing_since(&state, self.now()).plus_secs(limits::SIGNING_MAX_AGE_S) > self.now() {
            return Ok(());
        }
        let (command, rotated) = self.new_signing_key(Some(cluster.token_since))?;
        match self.raft.propose(Actor::System, Command::Cluster(command)).await {
            Ok(_) => tracing::info!(key = rotated.key_id, "the signing key was rotated by age"),
            Err(ProposeError::Rejected(Rejection::KeyMoved)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Since when the present key signs.
pub(super) fn signing_since(state: &State, now: Timestamp) -> Timestamp {
    let since = state.cluster.as_ref().map_or(Timestamp(0), |cluster| cluster.token_since);
    if since.0 > 0 {
        return since;
    }
    first_day(state, now)
}

/// Since when the present cluster key seals.
pub(super) fn sealing_since(state: &State, now: Timestamp) -> Timestamp {
    let since = state.sealing.as_ref().map(|sealing| sealing.since).filter(|since| since.0 > 0);
    since.unwrap_or_else(|| first_day(state, now))
}

/// A first key is as old as the cluster, which is as old as its first user.
fn first_day(state: &State, now: Timestamp) -> Timestamp {
    state.users.values().map(|user| user.created_at).min().unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_without_users_has_a_young_key() {
        assert_eq!(signing_since(&State::default(), Timestamp(77)), Timestamp(77));
    }
}
