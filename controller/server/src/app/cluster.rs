//! The controllers of the cluster: how they are, who comes, who goes.
//!
//! A change is refused here when it would leave the voters without a majority that can be reached. The state takes one at
//! a time; carrying it out is for `cluster::keeper`, which looks at the same rule again at every step.

use super::{App, AppError, Caller};
use crate::{
    cluster::{plan, survey},
    limits,
};
use std::collections::BTreeSet;
use wharden_model::{
    AdminAction,
    api::{Controller, ControllerCode, Controllers, NewControllerCode},
};
use wharden_state::{Command, ControllerCommand, ControllerStatus, Kind, Rejection, State};

const NO_QUORUM: &str = "bring the controllers back that do not answer, then try again: `wharden cluster status`";

impl App {
    pub async fn controllers(&self, caller: &Caller) -> Result<Controllers, AppError> {
        self.may(caller, AdminAction::ClusterRead, &self.cluster()).await?;
        let state = self.state();
        let answers = survey(&self.raft, self.started_at).await;
        let leader = self.raft.leader();
        let newest = answers.values().map(|status| status.last_log_index).max().unwrap_or(0);
        let voters = self.voters();
        let controllers = state.controllers.members.iter().map(|(number, c)| {
            let status = answers.get(number);
            Controller {
                number: *number,
                name: c.seat.name.clone(),
                role: role(c).to_owned(),
                leader: leader == Some(*number) && status.is_some(),
                reachable: status.is_some(),
                version: status.map_or_else(String::new, |status| status.version.clone()),
                applied_index: status.map(|status| status.applied_index),
                lag: status.map(|status| newest.saturating_sub(status.applied_index)),
                peer_address: c.seat.peer.clone(),
                rest_url: c.seat.rest.clone(),
                agent_address: c.seat.agent.clone(),
                joined_at: c.joined_at,
            }
        });
        Ok(Controllers {
            controllers: controllers.collect(),
            changing: state.controllers.changing,
            level: state.level,
            quorum: voters.len() as u64 / 2 + 1,
            reachable_voters: voters.iter().filter(|number| answers.contains_key(number)).count() as u64,
        })
    }

    pub async fn add_controller(&self, caller: &Caller, new: NewControllerCode) -> Result<ControllerCode, AppError> {
        self.may(caller, AdminAction::ClusterUpdate, &self.cluster()).await?;
        self.allow(caller, &new, None).await
    }

    pub async fn replace_controller(
        &self,
        caller: &Caller,
        number: u64,
        new: NewControllerCode,
    ) -> Result<ControllerCode, AppError> {
        self.may(caller, AdminAction::ClusterUpdate, &self.cluster()).await?;
        known(&self.state(), number)?;
        if new.learner {
            return Err(AppError::invalid("learner", "a replacement gets the vote of the one that it replaces"));
        }
        self.allow(caller, &new, Some(number)).await
    }

    /// Where the controllers are reached that take requests.
    pub(super) fn rest_urls(&self) -> Vec<String> {
        let state = self.state();
        let takes = |c: &&wharden_state::Controller| !c.leaving && c.status != ControllerStatus::Joining;
        state.controllers.members.values().filter(takes).map(|c| c.seat.rest.clone()).collect()
    }

    async fn allow(
        &self,
        caller: &Caller,
        new: &NewControllerCode,
        replaces: Option<u64>,
    ) -> Result<ControllerCode, AppError> {
        let (shortest, longest) = (limits::CODE_TTL_MIN_S, limits::CODE_TTL_MAX_S);
        if !(shortest..=longest).contains(&new.ttl_s) {
            return Err(AppError::invalid("ttl_s", format!("a code lasts {shortest} to {longest} seconds")));
        }
        let state = self.state();
        nothing_changing(&state)?;
        if !new.learner {
            // The newcomer is there when it gets its vote: the keeper sees to that.
            let next = state.controllers.last_number + 1;
            self.quorum_with(|voters, live| {
                voters.insert(next);
                live.insert(next);
            })
            .await?;
        }
        let code = wharden_pki::ControllerCode::generate(self.keys.ca.fingerprint());
        let expires_at = self.now().plus_secs(new.ttl_s);
        let command = ControllerCommand::Allow {
            id: code.id.clone(),
            hash: code.secret_hash().into(),
            expires_at,
            voter: !new.learner,
            replaces,
        };
        self.change(caller, Command::Controller(command)).await?;
        let own = state.controllers.members.get(&self.raft.number());
        let peer_address = own.map_or_else(String::new, |own| own.seat.peer.clone());
        Ok(ControllerCode { code: code.text(), expires_at, peer_address, replaces })
    }

    pub async fn promote_controller(&self, caller: &Caller, number: u64) -> Result<Controllers, AppError> {
        self.may(caller, AdminAction::ClusterUpdate, &self.cluster()).await?;
        let state = self.state();
        known(&state, number)?;
        nothing_changing(&state)?;
        self.quorum_with(|voters, _| {
            voters.insert(number);
        })
        .await?;
        self.change(caller, Command::Controller(ControllerCommand::Promote { number })).await?;
        self.controllers(caller).await
    }

    pub async fn remove_controller(&self, caller: &Caller, number: u64) -> Result<Controllers, AppError> {
        self.may(caller, AdminAction::ClusterUpdate, &self.cluster()).await?;
        let state = self.state();
        let joining = known(&state, number)? == ControllerStatus::Joining;
        if !joining {
            nothing_changing(&state)?;
        }
        if state.controllers.wanted_voters().any(|other| other != number) {
            self.quorum_with(|voters, _| {
                voters.remove(&number);
            })
            .await?;
        }
        self.change(caller, Command::Controller(ControllerCommand::Remove { number })).await?;
        self.controllers(caller).await
    }

    /// Whether the voters can be reached, now and after a change of them.
    async fn quorum_with(&self, change: impl FnOnce(&mut BTreeSet<u64>, &mut BTreeSet<u64>)) -> Result<(), AppError> {
        let now = self.voters();
        let mut live: BTreeSet<u64> = survey(&self.raft, self.started_at).await.into_keys().collect();
        let mut next = now.clone();
        change(&mut next, &mut live);
        plan::check(&now, &next, &live).map_err(|message| AppError::Conflict { message, hint: NO_QUORUM })
    }

    fn voters(&self) -> BTreeSet<u64> {
        self.raft.members().voters.last().cloned().unwrap_or_default()
    }
}

fn known(state: &State, number: u64) -> Result<ControllerStatus, AppError> {
    let known = state.controllers.members.get(&number);
    Ok(known.ok_or_else(|| AppError::not_found(Kind::Controller, number.to_string()))?.status)
}

fn nothing_changing(state: &State) -> Result<(), AppError> {
    state.controllers.changing.map_or(Ok(()), |number| Err(Rejection::Changing { number }.into()))
}

fn role(controller: &wharden_state::Controller) -> &'static str {
    match controller.status {
        _ if controller.leaving => "leaving",
        ControllerStatus::Joining => "joining",
        ControllerStatus::Learner => "learner",
        ControllerStatus::Voter => "voter",
    }
}
