//! The cluster key: how it is, and the beginning of a change of it. How a change goes on is in `crate::sealing`.

use super::{
    App, AppError, Caller,
    signing::{sealing_since, signing_since},
};
use crate::{
    cluster::survey,
    peers::{Reply, Request, limits::HOLD_LIMIT},
    raft::ProposeError,
};
use futures::future::join_all;
use std::sync::Arc;
use wharden_model::{
    AdminAction, KeyId,
    api::{ClusterKeyStatus, KeyHolder, KeyStep, Keys, Secret, SigningKey},
};
use wharden_pki::ClusterKey;
use wharden_state::{Actor, Command, KeyCommand, LEVEL_KEYS, Rejection, State};

const STATUS: &str = "`wharden cluster status` shows how the controllers are";

impl App {
    pub async fn list_keys(&self, caller: &Caller) -> Result<Keys, AppError> {
        self.may(caller, AdminAction::ClusterRead, &self.cluster()).await?;
        self.keys_of(&self.state()).await
    }

    /// Changes the cluster key. When this returns the new one seals and is on every disk, or nothing has changed.
    pub async fn rotate_cluster_key(&self, caller: &Caller) -> Result<Keys, AppError> {
        self.may(caller, AdminAction::KeyRotate, &self.cluster()).await?;
        let state = self.raft.linearizable().await?;
        ready(&state, &self.keys_of(&state).await?.cluster)?;
        let new = ClusterKey::generate();
        let (key, present) = (new.id(), self.keys.sealing().current());
        self.change(caller, Command::Key(KeyCommand::Offer { key, present })).await?;
        let holders = match self.hand_over(new).await {
            Ok(holders) => holders,
            Err(why) => return Err(self.withdraw(key, why, STATUS).await),
        };
        match self.raft.propose(Actor::System, Command::Key(KeyCommand::Use { key, holders })).await {
            Ok(_) => {}
            Err(ProposeError::Rejected(why)) => return Err(self.withdraw(key, why.to_string(), "try again").await),
            // It may have been committed all the same; then it goes on by itself. If not, the offer ends by itself.
            Err(error) => return Err(error.into()),
        }
        tracing::info!(%key, "all controllers hold a new cluster key; it seals from now on");
        self.keys_of(&self.state()).await
    }

    /// Brings the key to the disk of every controller; their numbers.
    async fn hand_over(&self, key: ClusterKey) -> Result<Vec<u64>, String> {
        let (id, line) = (key.id(), Secret::new(key.to_line().to_string()));
        let keys = Arc::clone(&self.keys);
        let own = self.raft.number();
        let taken = tokio::task::spawn_blocking(move || keys.holder.take(&key)).await.map_err(|e| e.to_string())?;
        taken.map_err(|error| format!("controller {own} cannot keep it: {error}"))?;
        let state = self.raft.state();
        let asked = state.controllers.others(own).map(|number| {
            let request = Request::Hold { key: line.clone() };
            async move {
                match self.raft.ask(number, request, HOLD_LIMIT).await {
                    Ok(Reply::Holds(held)) if held == id => Ok(number),
                    Ok(Reply::Failed(why)) => Err(format!("controller {number} did not take it: {why}")),
                    Ok(_) => Err(format!("controller {number} gave an odd answer")),
                    Err(error) => Err(format!("controller {number} cannot be reached: {error}")),
                }
            }
        });
        let held: Result<Vec<u64>, String> = join_all(asked).await.into_iter().collect();
        Ok([held?, vec![own]].concat())
    }

    /// Takes the offer back; the error for the caller.
    async fn withdraw(&self, key: KeyId, why: String, hint: &'static str) -> AppError {
        let message = format!("the cluster key stays as it is: {why}");
        // If this is not committed either, the keeper does it later.
        if let Err(error) = self.raft.propose(Actor::System, Command::Key(KeyCommand::Withdraw { key, why })).await {
            tracing::warn!(%error, "an offer of a cluster key could not be withdrawn yet");
        }
        AppError::Conflict { message, hint }
    }

    pub(super) async fn keys_of(&self, state: &State) -> Result<Keys, AppError> {
        let answers = survey(&self.raft, self.started_at).await;
        let held = self.keys.sealing();
        let own = self.raft.number();
        let controllers = state.controllers.members.iter().map(|(number, c)| {
            let answer = answers.get(number);
            let keys = match answer {
                _ if *number == own => held.ids(),
                Some(status) => status.cluster_keys.clone(),
                None => Vec::new(),
            };
            KeyHolder { number: *number, name: c.seat.name.clone(), reachable: answer.is_some(), keys }
        });
        let controllers: Vec<KeyHolder> = controllers.collect();
        let sealing = state.sealing.as_ref();
        let key_id = sealing.map_or_else(|| held.current(), |sealing| sealing.current);
        let more = |holder: &KeyHolder| holder.keys.iter().any(|key| *key != key_id);
        let step = match sealing {
            Some(sealing) if sealing.offered().is_some() => Some(KeyStep::HandingOver),
            Some(sealing) if sealing.outgoing().is_some() => Some(KeyStep::SealingAnew),
            _ => controllers.iter().any(more).then_some(KeyStep::Destroying),
        };
        let since = sealing_since(state, self.now());
        let left = state.sealed_before().count() as u64;
        let ring = self.keys.access(state).map_err(AppError::internal)?;
        Ok(Keys {
            signing: SigningKey { key_id: ring.key_id().to_owned(), since: signing_since(state, self.now()) },
            cluster: ClusterKeyStatus { key_id, since, step, left, controllers },
        })
    }
}

/// Refuses what could not be brought to its end, before anything is touched.
fn ready(state: &State, keys: &ClusterKeyStatus) -> Result<(), AppError> {
    let refuse = |message: String, hint| Err(AppError::Conflict { message, hint });
    if state.level < LEVEL_KEYS {
        let message = format!("it needs level {LEVEL_KEYS} and the cluster is at {}", state.level);
        return refuse(message, "upgrade all controllers first");
    }
    if let Some(number) = state.controllers.changing {
        return Err(Rejection::Changing { number }.into());
    }
    if let Some(away) = keys.controllers.iter().find(|controller| !controller.reachable) {
        let (number, name) = (away.number, &away.name);
        let message = format!(
            "controller {number} ({name}) does not answer, and every controller must hold the new key before it is used"
        );
        return refuse(message, "start it, or remove it from the cluster, then try again");
    }
    match keys.step {
        None => Ok(()),
        Some(KeyStep::Destroying) => {
            refuse("a controller has not destroyed the key before yet".to_owned(), "try again in a moment")
        }
        Some(_) => Err(Rejection::KeyChanging.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::Timestamp;

    fn holder(number: u64, reachable: bool) -> KeyHolder {
        KeyHolder { number, name: format!("ctl{number}"), reachable, keys: Vec::new() }
    }

    #[test]
    fn a_change_that_could_not_end_is_refused_with_the_reason() {
        let mut state = State::default();
        state.level = LEVEL_KEYS;
        let mut keys = ClusterKeyStatus {
            key_id: KeyId::from_bytes([1; 8]),
            since: Timestamp(1),
            step: None,
            left: 0,
            controllers: vec![holder(1, true), holder(2, true)],
        };
        ready(&state, &keys).expect("nothing is in the way");
        let why = |state: &State, keys: &ClusterKeyStatus| ready(state, keys).expect_err("refused").to_string();
        for (step, words) in [
            (KeyStep::HandingOver, "under way"),
            (KeyStep::SealingAnew, "under way"),
            (KeyStep::Destroying, "has not destroyed"),
        ] {
            keys.step = Some(step);
            assert!(why(&state, &keys).contains(words));
        }
        keys.step = None;
        keys.controllers[1].reachable = false;
        assert!(why(&state, &keys).contains("controller 2 (ctl2) does not answer"));
        state.controllers.changing = Some(2);
        assert!(why(&state, &keys).contains("controller 2"));
        state.level = LEVEL_KEYS - 1;
        assert!(why(&state, &keys).contains("level"));
    }
}
