//! What a controller is asked about the capacity of its hosts, by its own callers and by other controllers alike.

use super::guests::{Guest, Hosted};
use serde::{Deserialize, Serialize};
use wharden_model::{
    HostId, Timestamp, UserName,
    api::{AcceptedMove, CapacityAdvice, CapacityExplanation, CapacityHistory, CapacityStatus, MovePreview},
    capacity::{AdviceId, Signal},
};

/// A question. A variant, once released, keeps its form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    Status,
    Plan,
    History,
    /// A container by its id, the beginning of it, or its name.
    Explain {
        host: HostId,
        container: String,
    },
    Commands {
        advice: AdviceId,
    },
    /// Somebody follows the advice.
    Accept {
        advice: AdviceId,
        by: UserName,
    },
    /// Something that others know has changed: look and plan anew.
    Look,
    /// Nothing was found for these at the controller of this number: plan for them, and for no others of it.
    Host {
        of: u64,
        guests: Vec<Guest>,
    },
    /// Nobody wants to hear of the host until then.
    Snooze {
        host: HostId,
        signal: Option<Signal>,
        until: Timestamp,
        by: UserName,
    },
}

/// An answer. A variant, once released, keeps its form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    Status(CapacityStatus),
    Plan(CapacityAdvice),
    History(CapacityHistory),
    Explained(Box<CapacityExplanation>),
    Commands(Box<MovePreview>),
    Accepted(Box<AcceptedMove>),
    Looking,
    /// Those for which moves were found.
    Hosted(Vec<Hosted>),
    /// So many alerts were put off.
    Snoozed(u32),
    /// As many moves are waited for as there may be.
    Full,
    /// The host, container, advice or alert is not known here.
    Unknown,
}

impl CapacityMerge for CapacityStatus {
    fn take(&mut self, other: Self) {
        self.watched += other.watched;
        self.unknown += other.unknown;
        self.alerts.extend(other.alerts);
        self.alerts.sort_by(|a, b| (&a.host, a.signal).cmp(&(&b.host, b.signal)));
        self.forecasts.extend(other.forecasts);
        self.forecasts.sort();
        self.forecasts.truncate(super::limits::FORECASTS_MAX);
        self.planned_at = self.planned_at.max(other.planned_at);
        self.advice += other.advice;
        self.stuck += other.stuck;
    }
}

impl CapacityMerge for CapacityAdvice {
    fn take(&mut self, other: Self) {
        self.plan.at = self.plan.at.max(other.plan.at);
        self.plan.hosts += other.plan.hosts;
        self.plan.advice.extend(other.plan.advice);
        self.plan.stuck.extend(other.plan.stuck);
        self.accepted.extend(other.accepted);
    }
}

impl CapacityMerge for Option<CapacityExplanation> {
    fn take(&mut self, other: Self) {
        let Some(other) = other else { return };
        let Some(own) = self else {
            *self = Some(other);
            return;
        };
        own.targets.extend(other.targets);
        own.targets_in_all += other.targets_in_all;
        for obstacle in other.obstacles {
            match own.obstacles.iter_mut().find(|known| known.kind == obstacle.kind) {
                Some(known) => known.hosts += obstacle.hosts,
                None => own.obstacles.push(obstacle),
            }
        }
    }
}

impl CapacityMerge for CapacityHistory {
    fn take(&mut self, other: Self) {
        self.records.extend(other.records);
        self.records.sort_by_key(|record| std::cmp::Reverse(record.at));
        self.records.truncate(super::limits::HISTORY_PAGE);
    }
}

/// Answers of several controllers, each about its own hosts, as one.
pub trait CapacityMerge {
    fn take(&mut self, other: Self);
}
