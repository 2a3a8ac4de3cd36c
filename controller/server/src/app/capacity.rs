//! Room on hosts: alerts, advice, thresholds. Each controller knows its own hosts; whoever is asked asks the others.

use super::{App, AppError, Caller};
use crate::{
    capacity::{Ask, CapacityMerge, Told, limits},
    cluster::ask_all,
};
use std::collections::BTreeMap;
use wharden_model::{
    AdminAction,
    api::{
        AcceptedMove, CapacityAdvice, CapacityExplanation, CapacityHistory, CapacitySnooze, CapacityStatus,
        CapacityThresholds, MovePreview, NamedThresholds,
    },
    capacity::{AdviceId, Mark, Signal, ThresholdName, ThresholdRule},
};
use wharden_state::{AuditCommand, CapacityCommand, Command};

impl App {
    pub async fn capacity_status(&self, caller: &Caller) -> Result<CapacityStatus, AppError> {
        self.may(caller, AdminAction::CapacityRead, &self.cluster()).await?;
        let status = |told| if let Told::Status(status) = told { Some(status) } else { None };
        let (mut all, unreachable) = self.capacity_of_all(Ask::Status, status).await;
        all.unreachable = unreachable;
        Ok(all)
    }

    pub async fn capacity_plan(&self, caller: &Caller) -> Result<CapacityAdvice, AppError> {
        self.may(caller, AdminAction::CapacityRead, &self.cluster()).await?;
        let plan = |told| if let Told::Plan(plan) = told { Some(plan) } else { None };
        let (mut all, unreachable) = self.capacity_of_all(Ask::Plan, plan).await;
        all.unreachable = unreachable;
        Ok(all)
    }

    pub async fn capacity_history(&self, caller: &Caller) -> Result<CapacityHistory, AppError> {
        self.may(caller, AdminAction::CapacityRead, &self.cluster()).await?;
        let history = |told| if let Told::History(history) = told { Some(history) } else { None };
        let (mut all, unreachable) = self.capacity_of_all(Ask::History, history).await;
        all.unreachable = unreachable;
        Ok(all)
    }

    pub async fn explain_capacity(
        &self,
        caller: &Caller,
        host: &str,
        container: &str,
    ) -> Result<CapacityExplanation, AppError> {
        self.may(caller, AdminAction::CapacityRead, &self.cluster()).await?;
        let host = self.find_host(&self.state(), host)?;
        let ask = Ask::Explain { host: host.clone(), container: container.to_owned() };
        // The controller of the host knows, and whoever plans for it as a guest.
        let explained = |told| if let Told::Explained(explained) = told { Some(Some(*explained)) } else { None };
        let (explained, _) = self.capacity_of_all::<Option<CapacityExplanation>>(ask, explained).await;
        explained.ok_or_else(|| {
            let shown: String = container.chars().take(80).collect();
            AppError::NoCapacity {
                message: format!("no running container {shown:?} of host {host} is known"),
                hint: "`docker ps` on the host shows its containers; a host that is not connected tells nothing",
            }
        })
    }

    pub async fn move_commands(&self, caller: &Caller, advice: AdviceId) -> Result<MovePreview, AppError> {
        self.may(caller, AdminAction::CapacityRead, &self.cluster()).await?;
        match self.capacity_anywhere(Ask::Commands { advice: advice.clone() }).await {
            Told::Commands(preview) => Ok(*preview),
            _ => Err(no_advice(&advice)),
        }
    }

    /// Somebody follows advice: its room is kept, and the alerts of the source are acknowledged. Moves nothing.
    pub async fn accept_advice(&self, caller: &Caller, advice: AdviceId) -> Result<AcceptedMove, AppError> {
        self.may(caller, AdminAction::CapacityUpdate, &self.cluster()).await?;
        let accepted =
            match self.capacity_anywhere(Ask::Accept { advice: advice.clone(), by: caller.user.clone() }).await {
                Told::Accepted(accepted) => *accepted,
                Told::Full => {
                    return Err(AppError::Conflict {
                        message: format!("{} accepted moves are waited for, which is the limit", limits::ACCEPTED_MAX),
                        hint: "do them first: `wharden capacity advice` shows them",
                    });
                }
                _ => return Err(no_advice(&advice)),
            };
        let (source, target) = (&accepted.advice.source.host, &accepted.advice.target.host);
        let container = &accepted.advice.container.name;
        let detail = format!("container {container} from {} to {}", source.id, target.id);
        self.capacity_done(caller, format!("advice {advice}"), "accept", detail).await?;
        // The controller of the source hears of it when it asks again.
        ask_all(&self.raft, |number| async move { self.raft.ask_capacity(number, &Ask::Look).await }).await;
        self.capacity.answer(Ask::Look).await;
        Ok(accepted)
    }

    pub async fn snooze_capacity(
        &self,
        caller: &Caller,
        host: &str,
        snooze: CapacitySnooze,
    ) -> Result<CapacityStatus, AppError> {
        self.may(caller, AdminAction::CapacityUpdate, &self.cluster()).await?;
        let (shortest, longest) = (limits::SNOOZE_MIN_S, limits::SNOOZE_MAX_S);
        if !(shortest..=longest).contains(&snooze.for_s) {
            return Err(AppError::invalid("for_s", format!("a snooze lasts {shortest} to {longest} seconds")));
        }
        let host = self.find_host(&self.state(), host)?;
        let until = self.now().plus_secs(snooze.for_s);
        let ask = Ask::Snooze { host: host.clone(), signal: snooze.signal, until, by: caller.user.clone() };
        let Told::Snoozed(count) = self.capacity_anywhere(ask).await else {
            let of = snooze.signal.map_or_else(String::new, |signal| format!(" for {signal}"));
            return Err(AppError::NoCapacity {
                message: format!("there is no alert{of} of host {host}"),
                hint: "`wharden capacity status` shows the alerts there are",
            });
        };
        self.capacity_done(caller, format!("host {host}"), "snooze", format!("alerts put off until {until}: {count}"))
            .await?;
        self.capacity_status(caller).await
    }

    pub async fn thresholds(&self, caller: &Caller) -> Result<CapacityThresholds, AppError> {
        self.may(caller, AdminAction::CapacityRead, &self.cluster()).await?;
        let rules = self.state().thresholds.iter().map(|(name, held)| named(name, held)).collect();
        let standard = Signal::ALL.into_iter().map(|signal| (signal, Mark::standard(signal))).collect();
        Ok(CapacityThresholds { rules, standard })
    }

    pub async fn put_thresholds(
        &self,
        caller: &Caller,
        name: ThresholdName,
        rule: ThresholdRule,
    ) -> Result<NamedThresholds, AppError> {
        self.may(caller, AdminAction::CapacityUpdate, &self.cluster()).await?;
        rule.check().map_err(|error| AppError::invalid("marks", error.to_string()))?;
        let command = CapacityCommand::PutThresholds { name: name.clone(), rule };
        self.change(caller, Command::Capacity(command)).await?;
        let state = self.state();
        let held = state.thresholds.get(&name);
        held.map(|held| named(&name, held))
            .ok_or_else(|| AppError::not_found(wharden_state::Kind::Thresholds, name.as_str()))
    }

    pub async fn delete_thresholds(&self, caller: &Caller, name: ThresholdName) -> Result<(), AppError> {
        self.may(caller, AdminAction::CapacityUpdate, &self.cluster()).await?;
        self.change(caller, Command::Capacity(CapacityCommand::DeleteThresholds { name })).await.map(|_| ())
    }

    /// The answers of all controllers as one, and who did not answer.
    async fn capacity_of_all<T: CapacityMerge + Default + Send>(
        &self,
        ask: Ask,
        take: impl Fn(Told) -> Option<T> + Send + Sync,
    ) -> (T, Vec<u64>) {
        let (ask, take) = (&ask, &take);
        let others =
            ask_all(&self.raft, |number| async move { take(self.raft.ask_capacity(number, ask).await?) }).await;
        let state = self.state();
        let members = state.controllers.others(self.raft.number());
        let unreachable = members.filter(|number| !others.contains_key(number)).collect();
        let mut all = take(self.capacity.answer(ask.clone()).await).unwrap_or_default();
        for other in others.into_values() {
            all.take(other);
        }
        (all, unreachable)
    }

    /// The answer of the controller that knows: this one, or another.
    async fn capacity_anywhere(&self, ask: Ask) -> Told {
        match self.capacity.answer(ask.clone()).await {
            Told::Unknown => {}
            told => return told,
        }
        let ask = &ask;
        let others: BTreeMap<u64, Told> = ask_all(&self.raft, |number| async move {
            self.raft.ask_capacity(number, ask).await.filter(|told| !matches!(told, Told::Unknown))
        })
        .await;
        others.into_values().next().unwrap_or(Told::Unknown)
    }

    /// What changes nothing in the state is in the audit all the same.
    async fn capacity_done(
        &self,
        caller: &Caller,
        resource: String,
        what: &str,
        detail: String,
    ) -> Result<(), AppError> {
        let (action, detail) = (AdminAction::CapacityUpdate.name().to_owned(), format!("{what}: {detail}"));
        self.change(caller, Command::Audit(AuditCommand::Done { action, resource, detail })).await.map(|_| ())
    }
}

fn named(name: &ThresholdName, held: &wharden_state::ThresholdsHeld) -> NamedThresholds {
    NamedThresholds {
        name: name.clone(),
        rule: held.rule.clone(),
        updated_by: held.updated_by.clone(),
        updated_at: held.updated_at,
    }
}

fn no_advice(id: &AdviceId) -> AppError {
    AppError::NoCapacity {
        message: format!("there is no advice {id} any more: its container is gone, or the plan is another one by now"),
        hint: "`wharden capacity advice` shows what is advised now",
    }
}
