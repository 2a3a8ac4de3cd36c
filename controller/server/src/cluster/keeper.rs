//! Keeps Raft's membership equal to what the state wants, on the controller that leads.

use super::{
    plan::{self, Picture, Step},
    survey::survey,
};
use crate::raft::Raft;
use std::time::Duration;
use wharden_model::Timestamp;
use wharden_state::{Actor, ClusterCommand, Command, ControllerCommand, LEVEL};

/// Between two looks. A look that finds nothing to do costs nothing.
const LOOK: Duration = Duration::from_millis(250);
/// Looks between two thoughts about the level: each asks all controllers.
const LEVEL_LOOKS: u32 = 8;
/// A learner with all but so many entries of the log has caught up.
const NEARLY: u64 = 100;

/// Runs for ever; does something only while this controller leads.
pub async fn keep(raft: Raft, started_at: Timestamp) {
    let mut said = String::new();
    let mut looks: u32 = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        if !raft.leads() {
            continue;
        }
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LEVEL_LOOKS) && raft.state().level < LEVEL {
            raise(&raft, started_at).await;
        }
        match step(&raft, started_at).await {
            Ok(()) => said.clear(),
            Err(why) if why != said => {
                tracing::info!(%why, "the change of the cluster's membership waits");
                said = why;
            }
            Err(_) => {}
        }
    }
}

/// Raises the level to what all controllers can do, when all of them say so.
async fn raise(raft: &Raft, started_at: Timestamp) {
    let state = raft.state();
    let answers = survey(raft, started_at).await;
    let all = state.controllers.members.keys().map(|number| answers.get(number).map(|status| status.level));
    let Some(level) = all.collect::<Option<Vec<u32>>>().and_then(|levels| levels.into_iter().min()) else { return };
    if level <= state.level {
        return;
    }
    tracing::info!(level, "all controllers can do more; the cluster uses it from now on");
    if let Err(error) = raft.propose(Actor::System, Command::Cluster(ClusterCommand::Raise { level })).await {
        tracing::info!(%error, "the level of the cluster could not be raised yet");
    }
}

async fn step(raft: &Raft, started_at: Timestamp) -> Result<(), String> {
    let mut picture =
        Picture { members: raft.members(), wanted: plan::wants(&raft.state().controllers), ..Picture::default() };
    if picture.wanted.is_empty() || plan::next(&picture) == Step::Nothing {
        return Ok(());
    }
    let newest = raft.metrics().last_log_index.unwrap_or(0);
    let matched = raft.matched().unwrap_or_default();
    picture.caught_up = matched.into_iter().filter(|(_, at)| at + NEARLY >= newest).map(|(n, _)| n).collect();
    picture.live = survey(raft, started_at).await.into_keys().collect();
    match plan::next(&picture) {
        Step::Nothing => Ok(()),
        Step::AddLearner(number) => {
            tracing::info!(controller = number, "a controller is given the log");
            raft.add_learner(number).await
        }
        Step::SetVoters(voters) => {
            tracing::info!(?voters, "changing the voters");
            raft.set_voters(voters).await
        }
        Step::DropLearner(number) => {
            tracing::info!(controller = number, "a controller is given the log no more");
            raft.drop_learner(number).await
        }
        Step::Settle { voters, learners } => {
            let (voters, learners) = (voters.into_iter().collect(), learners.into_iter().collect());
            let command = Command::Controller(ControllerCommand::Settle { voters, learners });
            raft.propose(Actor::System, command).await.map(drop).map_err(|error| error.to_string())
        }
        Step::Wait(why) => Err(why),
    }
}
