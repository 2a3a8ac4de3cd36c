//! The next step of Raft's membership towards what the state wants. Pure.
//!
//! One controller at a time, and none that would leave the voters that answer without a majority: of the present voters,
//! who have to agree, and of those afterwards, who have to go on.

use crate::raft::Members;
use std::collections::{BTreeMap, BTreeSet};
use wharden_state::{ControllerStatus, Controllers};

/// What is known when the plan is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// What Raft has.
    pub members: Members,
    /// What the state wants.
    pub wanted: BTreeMap<u64, Want>,
    /// Controllers that answer.
    pub live: BTreeSet<u64>,
    /// Learners that have nearly all of the log.
    pub caught_up: BTreeSet<u64>,
}

/// What a controller shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    pub vote: bool,
    pub leaving: bool,
    /// What the state says that it is.
    pub status: ControllerStatus,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// All is as it should be, and the state says so.
    Nothing,
    AddLearner(u64),
    SetVoters(BTreeSet<u64>),
    DropLearner(u64),
    /// Raft is where the state wants it: say so.
    Settle {
        voters: BTreeSet<u64>,
        learners: BTreeSet<u64>,
    },
    /// Not now, and why.
    Wait(String),
}

/// The wishes of a state.
pub fn wants(controllers: &Controllers) -> BTreeMap<u64, Want> {
    let want = |c: &wharden_state::Controller| Want { vote: c.wants_vote, leaving: c.leaving, status: c.status };
    controllers.members.iter().map(|(number, c)| (*number, want(c))).collect()
}

/// More than half of the voters are there.
pub fn has_quorum(voters: &BTreeSet<u64>, live: &BTreeSet<u64>) -> bool {
    voters.intersection(live).count() > voters.len() / 2
}

/// Whether the voters may become `next`.
///
/// # Errors
/// Why not, for people.
pub fn check(now: &BTreeSet<u64>, next: &BTreeSet<u64>, live: &BTreeSet<u64>) -> Result<(), String> {
    for (voters, when) in [(now, "now"), (next, "afterwards")] {
        if !has_quorum(voters, live) {
            let missing: Vec<_> = voters.difference(live).map(u64::to_string).collect();
            let need = voters.len() / 2 + 1;
            let missing =
                if missing.is_empty() { String::new() } else { format!(" (no answer from {})", missing.join(", ")) };
            return Err(format!(
                "this would lose the quorum: of the {} voters {when}, {need} must be reachable, and {} are{missing}",
                voters.len(),
                voters.intersection(live).count()
            ));
        }
    }
    Ok(())
}

/// The next step.
pub fn next(picture: &Picture) -> Step {
    let Picture { members, wanted, live, caught_up } = picture;
    let Some(voters) = members.voters.last() else { return Step::Wait("there are no voters yet".to_owned()) };
    if members.voters.len() > 1 {
        // Half done: the other half needs no more than what is needed anyhow.
        return Step::SetVoters(voters.clone());
    }
    let stays = |number: &u64| wanted.get(number).is_some_and(|want| !want.leaving);
    if let Some(number) = members.learners.iter().find(|number| !stays(number)) {
        return if has_quorum(voters, live) { Step::DropLearner(*number) } else { no_quorum(voters) };
    }
    if let Some(number) = voters.iter().find(|number| !stays(number)) {
        let next: BTreeSet<_> = voters.iter().copied().filter(|other| other != number).collect();
        return if next.is_empty() {
            Step::Wait(format!("controller {number} is the last one with a vote"))
        } else {
            checked(voters, next, live)
        };
    }
    let is_member = |number: &u64| voters.contains(number) || members.learners.contains(number);
    for (number, want) in wanted.iter().filter(|(_, want)| !want.leaving) {
        if !is_member(number) {
            return if has_quorum(voters, live) { Step::AddLearner(*number) } else { no_quorum(voters) };
        }
        if want.vote && !voters.contains(number) {
            if !live.contains(number) || !caught_up.contains(number) {
                return Step::Wait(format!("controller {number} is catching up"));
            }
            let next = voters.iter().copied().chain([*number]).collect();
            return checked(voters, next, live);
        }
    }
    let said = wanted.iter().all(|(number, want)| {
        let is = if voters.contains(number) { ControllerStatus::Voter } else { ControllerStatus::Learner };
        !want.leaving && want.status == is
    });
    if said {
        return Step::Nothing;
    }
    Step::Settle { voters: voters.clone(), learners: members.learners.clone() }
}

fn checked(now: &BTreeSet<u64>, next: BTreeSet<u64>, live: &BTreeSet<u64>) -> Step {
    match check(now, &next, live) {
        Ok(()) => Step::SetVoters(next),
        Err(why) => Step::Wait(why),
    }
}

fn no_quorum(voters: &BTreeSet<u64>) -> Step {
    Step::Wait(format!("fewer than {} of the voters can be reached", voters.len() / 2 + 1))
}

#[cfg(test)]
mod tests;
