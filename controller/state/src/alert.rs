//! Alerts and the channels that they are sent on.
//!
//! ```text
//!            ┌────────── Snooze ──────────┐
//!            ▼                            │ until then
//! Update ─▶ raised ── Acknowledge ─▶ acknowledged
//!            │                            │
//!            └───────── Update ───────────┴─▶ resolved ── Update ─▶ raised, as a new time
//! ```
//!
//! What was said to which channel is kept with the alert, so that a new leader neither says it twice nor leaves it out.

use crate::{
    apply::{Context, State},
    command::{AlertCommand, ChannelCommand, Delivery},
    entry::{Applied, Kind, Rejection, Reply},
    hex::Hex,
    limits,
};
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use std::fmt;
use wharden_model::{AlertFact, AlertId, AlertKind, AlertState, ChannelName, Severity, Timestamp, api::MailSecurity};

/// An alert, at the last time that it was raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub severity: Severity,
    pub subject: String,
    pub summary: String,
    pub detail: String,
    pub advice: String,
    pub raised_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// What each channel took last.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub told: OrdMap<ChannelName, Told>,
}

/// Who takes care of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub by: String,
    pub at: Timestamp,
    pub note: String,
}

/// What a channel took last about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub message: Message,
    pub at: Timestamp,
}

/// Messages about one time that an alert was raised, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    Raised,
    /// It still is: for the first, second … time.
    Repeated(u32),
    Resolved,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raised => f.write_str("raised"),
            Self::Repeated(times) => write!(f, "repeated-{times}"),
            Self::Resolved => f.write_str("resolved"),
        }
    }
}

impl Alert {
    fn new(fact: &AlertFact, at: Timestamp) -> Self {
        let AlertFact { severity, subject, summary, detail, advice, .. } = fact.clone();
        Self {
            severity,
            subject,
            summary,
            detail,
            advice,
            raised_at: at,
            resolved_at: None,
            acknowledged: None,
            snoozed_until: None,
            told: OrdMap::new(),
        }
    }

    /// How far it is with it.
    pub fn state(&self, now: Timestamp) -> AlertState {
        match self {
            _ if self.resolved_at.is_some() => AlertState::Resolved,
            _ if self.snoozed_until.is_some_and(|until| until > now) => AlertState::Snoozed,
            _ if self.acknowledged.is_some() => AlertState::Acknowledged,
            _ => AlertState::Raised,
        }
    }

    /// It is so now.
    pub fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }
}

/// A way that alerts are sent on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    pub route: Route,
    /// What is secret about it, sealed under the cluster key for `channel/<name>`.
    pub sealed: Hex,
    pub min_severity: Severity,
    #[serde(default, skip_serializing_if = "Vector::is_empty")]
    pub kinds: Vector<AlertKind>,
    pub repeat_s: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ca_pem: String,
    pub created_at: Timestamp,
    pub created_by: String,
}

impl Channel {
    /// Alerts of this kind and severity go this way.
    pub fn takes(&self, kind: &AlertKind, severity: Severity) -> bool {
        severity >= self.min_severity && (self.kinds.is_empty() || self.kinds.contains(kind))
    }
}

/// Where a channel leads, without what is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    Webhook { server: String },
    Email { host: String, port: u16, security: MailSecurity, from: String, to: Vec<String>, username: String },
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook { server } => write!(f, "webhook at {server}"),
            Self::Email { host, port, to, .. } => write!(f, "e-mail by {host}:{port} to {}", to.join(" ")),
        }
    }
}

impl State {
    pub(crate) fn apply_alert(&mut self, context: &Context<'_>, command: &AlertCommand) -> Reply {
        match command {
            AlertCommand::Update { raised, resolved } => {
                for fact in raised {
                    self.raise(fact, context.at);
                }
                for id in resolved {
                    if let Some(alert) = self.alerts.get_mut(id).filter(|alert| alert.is_open()) {
                        alert.resolved_at = Some(context.at);
                    }
                }
                self.forget_resolved();
            }
            AlertCommand::Acknowledge { id, note } => {
                let by = context.entry.actor.to_string();
                self.open_alert(id)?.acknowledged = Some(Acknowledged { by, at: context.at, note: note.clone() });
            }
            AlertCommand::Snooze { id, until } => self.open_alert(id)?.snoozed_until = Some(*until),
            AlertCommand::Delivered(deliveries) => {
                for delivery in deliveries {
                    self.delivered(delivery);
                }
            }
        }
        Ok(Applied::Done)
    }

    fn raise(&mut self, fact: &AlertFact, at: Timestamp) {
        match self.alerts.get_mut(&fact.id) {
            Some(alert) if alert.is_open() => {
                if fact.severity > alert.severity {
                    // Worse than what was said: it is said again.
                    *alert = Alert { acknowledged: None, ..Alert::new(fact, at) }.into();
                } else {
                    alert.severity = fact.severity;
                    alert.summary.clone_from(&fact.summary);
                    alert.detail.clone_from(&fact.detail);
                }
            }
            Some(alert) => *alert = Alert::new(fact, at).into(),
            None => {
                if self.alerts.len() >= limits::ALERTS_MAX && !self.forget_one_resolved() {
                    self.alerts_dropped += 1;
                    return;
                }
                self.alerts.insert(fact.id.clone(), Alert::new(fact, at).into());
            }
        }
    }

    fn delivered(&mut self, delivery: &Delivery) {
        if !self.channels.contains_key(&delivery.channel) {
            return;
        }
        let Some(alert) = self.alerts.get_mut(&delivery.id).filter(|alert| alert.raised_at == delivery.raised_at)
        else {
            return;
        };
        if alert.told.get(&delivery.channel).is_none_or(|told| told.message < delivery.message) {
            alert.told.insert(delivery.channel.clone(), Told { message: delivery.message, at: delivery.at });
        }
    }

    fn open_alert(&mut self, id: &AlertId) -> Result<&mut Alert, Rejection> {
        let not_found = || Rejection::NotFound { kind: Kind::Alert, name: id.to_string() };
        let alert = self.alerts.get_mut(id).ok_or_else(not_found)?;
        if alert.is_open() { Ok(alert) } else { Err(Rejection::AlertOver) }
    }

    /// Keeps only the newest of those that are over.
    fn forget_resolved(&mut self) {
        let mut over = self.alerts.values().filter(|alert| !alert.is_open()).count();
        while over > limits::ALERTS_RESOLVED_MAX && self.forget_one_resolved() {
            over -= 1;
        }
    }

    /// The one that has been over for longest; false when there is none.
    fn forget_one_resolved(&mut self) -> bool {
        let over = self.alerts.iter().filter_map(|(id, alert)| Some((alert.resolved_at?, id)));
        let oldest = over.min().map(|(_, id)| id.clone());
        oldest.is_some_and(|id| self.alerts.remove(&id).is_some())
    }

    pub(crate) fn apply_channel(&mut self, context: &Context<'_>, command: &ChannelCommand) -> Reply {
        match command {
            ChannelCommand::Create { name, route, sealed, min_severity, kinds, repeat_s, ca_pem } => {
                if self.channels.contains_key(name) {
                    return Err(Rejection::Exists { kind: Kind::Channel, name: name.to_string() });
                }
                if self.channels.len() >= limits::CHANNELS_MAX {
                    return Err(Rejection::Limit { what: Kind::Channel, max: limits::CHANNELS_MAX });
                }
                let channel = Channel {
                    route: (**route).clone(),
                    sealed: sealed.clone(),
                    min_severity: *min_severity,
                    kinds: kinds.iter().cloned().collect(),
                    repeat_s: *repeat_s,
                    ca_pem: ca_pem.clone(),
                    created_at: context.at,
                    created_by: context.entry.actor.to_string(),
                };
                self.channels.insert(name.clone(), channel.into());
            }
            ChannelCommand::Delete { name } => {
                let not_found = || Rejection::NotFound { kind: Kind::Channel, name: name.to_string() };
                self.channels.remove(name).ok_or_else(not_found)?;
                // Another one of this name has heard nothing yet.
                let heard = self.alerts.iter().filter(|(_, alert)| alert.told.contains_key(name));
                let ids: Vec<AlertId> = heard.map(|(id, _)| id.clone()).collect();
                for id in ids {
                    if let Some(alert) = self.alerts.get_mut(&id) {
                        alert.told.remove(name);
                    }
                }
            }
        }
        Ok(Applied::Done)
    }
}
