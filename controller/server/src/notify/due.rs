//! What is to be said next to a channel. Pure: what was said is in the state.

use crate::alerts::CHANNEL_FAILS;
use wharden_model::{AlertId, AlertState, ChannelName, Timestamp};
use wharden_state::{Alert, Channel, Message, State};

/// A message that a channel has not taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub id: AlertId,
    pub raised_at: Timestamp,
    pub message: Message,
}

/// Everything that is due, the worst first, of equals the oldest.
pub fn due(state: &State, name: &ChannelName, channel: &Channel, now: Timestamp) -> Vec<Due> {
    // That a channel fails is not said on the channel itself.
    let itself = CHANNEL_FAILS.id(name.as_str());
    let takes = |id: &AlertId, alert: &Alert| *id != itself && channel.takes(&id.kind(), alert.severity);
    let wanted = state.alerts.iter().map(|(id, alert)| (id, &**alert)).filter(|(id, alert)| takes(id, alert));
    let mut due: Vec<(&AlertId, &Alert, Message)> =
        wanted.filter_map(|(id, alert)| Some((id, alert, next(alert, name, channel, now)?))).collect();
    due.sort_by_key(|(id, alert, _)| (std::cmp::Reverse(alert.severity), alert.raised_at, *id));
    due.into_iter().map(|(id, alert, message)| Due { id: id.clone(), raised_at: alert.raised_at, message }).collect()
}

fn next(alert: &Alert, name: &ChannelName, channel: &Channel, now: Timestamp) -> Option<Message> {
    let told = alert.told.get(name);
    match (alert.state(now), told) {
        (AlertState::Resolved, Some(told)) => (told.message != Message::Resolved).then_some(Message::Resolved),
        // Raised and over while the channel was away: it hears of both in one. What was before it is not its business.
        (AlertState::Resolved, None) => (alert.raised_at >= channel.created_at).then_some(Message::Resolved),
        (AlertState::Snoozed, _) => None,
        (AlertState::Raised | AlertState::Acknowledged, None) => Some(Message::Raised),
        (AlertState::Acknowledged, Some(_)) => None,
        (AlertState::Raised, Some(told)) => {
            let repeat = channel.repeat_s > 0 && now >= told.at.plus_secs(channel.repeat_s);
            let times = match told.message {
                Message::Repeated(times) => times,
                Message::Raised | Message::Resolved => 0,
            };
            repeat.then_some(Message::Repeated(times.saturating_add(1)))
        }
    }
}
