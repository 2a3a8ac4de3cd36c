use super::Line;
use crate::{
    alert::{Message, Route},
    hex::Hex,
};
use serde::{Deserialize, Serialize};
use wharden_model::{AlertFact, AlertId, ChannelName, Severity, Timestamp};

/// Alerts, many at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertCommand {
    /// What is so and what is so no more.
    Update { raised: Vec<AlertFact>, resolved: Vec<AlertId> },
    /// Somebody takes care of it.
    Acknowledge { id: AlertId, note: String },
    /// Silence.
    Snooze { id: AlertId, until: Timestamp },
    /// Channels took these messages.
    Delivered(Vec<Delivery>),
}

/// A channel took a message about one time that an alert was raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: AlertId,
    pub raised_at: Timestamp,
    pub channel: ChannelName,
    pub message: Message,
    pub at: Timestamp,
}

impl AlertCommand {
    /// What people do is in the audit; what machines find is in the alerts themselves.
    pub(super) fn line(&self) -> Option<Line> {
        match self {
            Self::Update { .. } | Self::Delivered(_) => None,
            Self::Acknowledge { id, note } => {
                Some(Line::new("alert.update", format!("alert {id}"), format!("acknowledged: {note:?}")))
            }
            Self::Snooze { id, until } => {
                Some(Line::new("alert.update", format!("alert {id}"), format!("silent until {until}")))
            }
        }
    }
}

/// Ways that alerts are sent on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelCommand {
    Create {
        name: ChannelName,
        route: Box<Route>,
        /// Sealed under the cluster key for `channel/<name>`.
        sealed: Hex,
        min_severity: Severity,
        kinds: Vec<wharden_model::AlertKind>,
        repeat_s: u64,
        /// PEM; empty for the CAs that the machine knows.
        ca_pem: String,
    },
    Delete {
        name: ChannelName,
    },
}

impl ChannelCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Create { name, route, min_severity, .. } => {
                Line::new("channel.create", format!("channel {name}"), format!("{route}, from {min_severity} on"))
            }
            Self::Delete { name } => Line::new("channel.delete", format!("channel {name}"), ""),
        }
    }
}
