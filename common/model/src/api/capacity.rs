use crate::{
    capacity::{
        Advice, CapacityAlert, CapacityPlan, ContainerRef, HostRef, Mark, Obstacle, Resource, Signal, ThresholdName,
        ThresholdRule, Transition,
    },
    id::UserName,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `GET /v1/capacity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityStatus {
    /// Hosts whose usage is known.
    pub watched: u32,
    /// Hosts that have not told what they use.
    pub unknown: u32,
    pub alerts: Vec<CapacityAlert>,
    /// The soonest first.
    pub forecasts: Vec<CapacityForecast>,
    /// When the plan was made last; `None` when nothing needed one yet.
    pub planned_at: Option<Timestamp>,
    pub advice: u32,
    pub stuck: u32,
    /// Controllers that did not answer: what their hosts say is missing here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<u64>,
}

/// A host that will be over a high mark, if it goes on like this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityForecast {
    /// Hours from now, with the interval of 95 %.
    pub likely_h: u32,
    pub earliest_h: u32,
    /// `None` beyond 90 days.
    pub latest_h: Option<u32>,
    pub host: HostRef,
    pub resource: Resource,
    pub value_permille: u16,
    pub high_permille: u16,
}

/// `GET /v1/capacity/plan`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityAdvice {
    pub plan: CapacityPlan,
    /// Moves that somebody accepted and that have not been seen to be done.
    pub accepted: Vec<AcceptedMove>,
    /// Controllers that did not answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<u64>,
}

/// Advice that somebody follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AcceptedMove {
    pub advice: Advice,
    pub by: UserName,
    pub at: Timestamp,
    /// Until then the room on the target is kept.
    pub until: Timestamp,
}

/// `POST /v1/capacity/hosts/{host}/snooze`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacitySnooze {
    /// Seconds, 60 to 2,592,000 (30 days).
    pub for_s: u64,
    /// Only this one; all alerts of the host without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
}

/// `GET /v1/capacity/hosts/{host}/containers/{container}`: where it could go, and what stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityExplanation {
    pub container: ContainerRef,
    pub source: HostRef,
    /// What holds it where it is; then nothing else matters.
    pub held: Vec<Obstacle>,
    /// Some of the hosts that would take it, the least to carry first.
    pub targets: Vec<HostRef>,
    pub targets_in_all: u32,
    /// What is in the way on the others, by its kind, with an example.
    pub obstacles: Vec<Obstacle>,
}

/// `GET /v1/capacity/history`, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityHistory {
    pub records: Vec<CapacityRecord>,
    /// Controllers that did not answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<u64>,
}

/// Something that has happened to the room on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityRecord {
    pub at: Timestamp,
    pub host: HostRef,
    #[serde(flatten)]
    pub what: CapacityHappening,
}

/// See [`CapacityRecord`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "happening", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CapacityHappening {
    Alert {
        signal: Signal,
        transition: Transition,
        value_permille: u16,
        /// Who acknowledged or snoozed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserName>,
    },
    /// Somebody follows advice.
    Accepted { container: ContainerRef, target: HostRef, by: UserName },
    /// A container that was accepted to move was seen on its target.
    Moved { container: ContainerRef, target: HostRef },
    /// It was not seen there in time; its room is free again.
    Expired { container: ContainerRef, target: HostRef },
}

/// `GET /v1/capacity/thresholds`; `PUT` and `DELETE /v1/capacity/thresholds/{name}` change one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityThresholds {
    pub rules: Vec<NamedThresholds>,
    /// What holds where no rule says otherwise.
    pub standard: BTreeMap<Signal, Mark>,
}

/// One set of thresholds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedThresholds {
    pub name: ThresholdName,
    #[serde(flatten)]
    pub rule: ThresholdRule,
    pub updated_by: String,
    pub updated_at: Timestamp,
}

/// `GET /v1/capacity/advice/{id}/commands`: what a person would run, in this order. Nothing runs them but people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MovePreview {
    pub advice: Advice,
    pub steps: Vec<MoveStep>,
    /// What to think of first.
    pub notes: Vec<String>,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MoveStep {
    /// The host to run it on.
    pub on: HostRef,
    pub why: String,
    /// For a POSIX shell.
    pub command: String,
}
