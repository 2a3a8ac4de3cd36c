//! Somebody who lets controllers join, gives them votes and takes them out, all the time.

use super::{
    chance::Chance,
    clients::Outside,
    message::{Ask, Told},
    workload::{allow, join, promote, remove, request},
};
use crate::limits::CONTROLLERS_MAX;
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::time::sleep;
use wharden_state::{Applied, Command, ControllerStatus, Controllers, Rejection};

/// The client's number of the operator.
pub const OPERATOR: u64 = 1000;

pub struct Operator {
    pub outside: Arc<Outside>,
    pub chance: Chance,
}

impl Operator {
    /// Changes the membership until it is over.
    pub async fn work(mut self) {
        loop {
            sleep(Duration::from_millis(self.chance.within(1500..5000))).await;
            if self.outside.is_over() {
                return;
            }
            if let Some(controllers) = self.members().await {
                self.change(&controllers).await;
            }
        }
    }

    /// Lets controllers join until there are so many voters.
    pub async fn grow(&mut self, voters: usize) {
        loop {
            let Some(controllers) = self.members().await else { continue };
            let settled = controllers.members.values().filter(|c| c.status == ControllerStatus::Voter).count();
            if controllers.changing.is_none() {
                if settled >= voters {
                    return;
                }
                self.add(&controllers, true).await;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn change(&mut self, controllers: &Controllers) {
        if controllers.changing.is_some() && self.chance.in_thousand(700) {
            return;
        }
        let numbers: Vec<u64> = controllers.members.keys().copied().collect();
        let learners: Vec<u64> =
            controllers.members.iter().filter(|(_, c)| !c.wants_vote).map(|(number, _)| *number).collect();
        let voters = controllers.wanted_voters().count();
        match self.chance.within(0..4) {
            0 if !learners.is_empty() => {
                if let Some(number) = self.chance.pick(&learners) {
                    // That it was refused is an answer too.
                    drop(self.until_known(promote(number)).await);
                }
            }
            1 | 2 if numbers.len() < CONTROLLERS_MAX => {
                let voter = self.chance.in_thousand(700);
                self.add(controllers, voter).await;
            }
            _ if voters > 2 => {
                if let Some(number) = self.chance.pick(&numbers) {
                    drop(self.until_known(remove(number)).await);
                }
            }
            _ => {}
        }
    }

    async fn members(&mut self) -> Option<Controllers> {
        let to = self.outside.somebody(&mut self.chance);
        match self.outside.ask_once(OPERATOR, to, Ask::Members).await {
            Some(Told::Members(controllers)) => Some(controllers),
            _ => None,
        }
    }

    async fn add(&mut self, controllers: &Controllers, voter: bool) {
        let code = self.outside.number();
        if self.until_known(allow(code, voter)).await.is_err() {
            return;
        }
        let mut number = controllers.last_number + 1;
        loop {
            match self.until_known(join(code, number)).await {
                Ok(Applied::Controller { number }) => {
                    self.outside.joined.lock().unwrap_or_else(PoisonError::into_inner).push(number);
                    return;
                }
                Err(Rejection::NotNext { next }) => number = next,
                _ => return,
            }
        }
    }

    /// Asks until there is an answer: whether a controller is one must be known.
    async fn until_known(&mut self, command: Command) -> Result<Applied, Rejection> {
        let id = request(self.outside.number());
        loop {
            let to = self.outside.somebody(&mut self.chance);
            let ask = Ask::Write { request: id.clone(), command: Box::new(command.clone()) };
            if let Some(Told::Wrote(reply)) = self.outside.ask_once(OPERATOR, to, ask).await {
                return reply;
            }
            sleep(Duration::from_millis(self.chance.within(10..300))).await;
        }
    }
}
