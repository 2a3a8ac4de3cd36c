//! Keeps Raft's membership equal to what the state wants, on the controller that leads.

use super::{
    plan::{self, Picture, Step},
    survey::survey,
};
use crate::raft::Raft;
use std::time::Duration;
use wharden_model::Timestamp;
use wharden_state::{Actor, Command, ControllerCommand};

/// Between two looks. A look that finds nothing to do costs nothing.
const LOOK: Duration = Duration::from_millis(250);
/// A learner with all but so many entries of the log has caught up.
const NEARLY: u64 = 100;

/// Runs for ever; does something only while this controller leads.
pub async fn keep(raft: Raft, started_at: Timestamp) {
    let mut said = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        if !raft.leads() {
            continue;
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
