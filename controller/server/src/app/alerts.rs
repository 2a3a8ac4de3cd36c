//! Alerts: looking at them, taking care of them, silencing them.

use super::{App, AppError, Caller};
use wharden_model::{
    AdminAction, AlertId, Timestamp,
    api::{Acknowledge, Alert, Snooze},
    limits::{ALERT_NOTE_MAX, ALERT_SNOOZE_MAX_S},
};
use wharden_state::{AlertCommand, Command, Kind};

/// An alert as it is shown.
pub(crate) fn alert_of(id: &AlertId, alert: &wharden_state::Alert, now: Timestamp) -> Alert {
    Alert {
        id: id.clone(),
        kind: id.kind(),
        severity: alert.severity,
        state: alert.state(now),
        subject: alert.subject.clone(),
        summary: alert.summary.clone(),
        detail: alert.detail.clone(),
        advice: alert.advice.clone(),
        raised_at: alert.raised_at,
        resolved_at: alert.resolved_at,
        acknowledged_by: alert.acknowledged.as_ref().map(|done| done.by.clone()),
        note: alert.acknowledged.as_ref().map(|done| done.note.clone()).unwrap_or_default(),
        snoozed_until: alert.snoozed_until,
        told: alert.told.keys().cloned().collect(),
    }
}

impl App {
    /// Those that are not over, or all; the worst first, of equals the newest.
    pub async fn alerts(&self, caller: &Caller, all: bool) -> Result<Vec<Alert>, AppError> {
        self.may(caller, AdminAction::AlertRead, &self.cluster()).await?;
        let (state, now) = (self.state(), self.now());
        let shown = state.alerts.iter().filter(|(_, alert)| all || alert.is_open());
        let mut shown: Vec<Alert> = shown.map(|(id, alert)| alert_of(id, alert, now)).collect();
        shown.sort_by_key(|alert| {
            let over = alert.resolved_at.is_some();
            (over, std::cmp::Reverse((alert.severity, alert.raised_at)), alert.id.clone())
        });
        Ok(shown)
    }

    pub async fn alert(&self, caller: &Caller, id: AlertId) -> Result<Alert, AppError> {
        self.may(caller, AdminAction::AlertRead, &self.cluster()).await?;
        self.stored_alert(&id)
    }

    pub async fn acknowledge_alert(&self, caller: &Caller, id: AlertId, said: Acknowledge) -> Result<Alert, AppError> {
        self.may(caller, AdminAction::AlertUpdate, &self.cluster()).await?;
        if said.note.len() > ALERT_NOTE_MAX {
            let message = format!("it has {} bytes; {ALERT_NOTE_MAX} is the most", said.note.len());
            return Err(AppError::invalid("note", message));
        }
        let command = AlertCommand::Acknowledge { id: id.clone(), note: said.note };
        self.change(caller, Command::Alert(command)).await?;
        self.stored_alert(&id)
    }

    pub async fn snooze_alert(&self, caller: &Caller, id: AlertId, snooze: Snooze) -> Result<Alert, AppError> {
        self.may(caller, AdminAction::AlertUpdate, &self.cluster()).await?;
        if !(1..=ALERT_SNOOZE_MAX_S).contains(&snooze.seconds) {
            return Err(AppError::invalid("seconds", format!("1 to {ALERT_SNOOZE_MAX_S} seconds")));
        }
        let until = self.now().plus_secs(snooze.seconds);
        self.change(caller, Command::Alert(AlertCommand::Snooze { id: id.clone(), until })).await?;
        self.stored_alert(&id)
    }

    fn stored_alert(&self, id: &AlertId) -> Result<Alert, AppError> {
        let state = self.state();
        let alert = state.alerts.get(id).ok_or_else(|| AppError::not_found(Kind::Alert, id.as_str()))?;
        Ok(alert_of(id, alert, self.now()))
    }
}
