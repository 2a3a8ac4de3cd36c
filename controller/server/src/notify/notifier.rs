//! The leader says to each channel what it has not heard yet, and writes down what was taken.

use super::{
    due::{Due, due},
    letter::Letter,
    limits::{BACKOFF_BASE, BACKOFF_MAX, LOOK, PER_LOOK},
    sender::{SendError, Sender},
};
use crate::{
    alerts::{Alerts, CHANNEL_FAILS},
    app::alert_of,
    keys::Keys,
    raft::Raft,
};
use futures::future::join_all;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use wharden_model::{AlertId, ChannelName, Timestamp};
use wharden_runtime::{backoff::Backoff, clock::Clock, metrics::Metrics, shutdown::Shutdown};
use wharden_state::{Actor, Alert, AlertCommand, Channel, Command, Delivery, Shared, State};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    channel: String,
}

#[derive(Clone, Default)]
struct NotifyMetrics {
    sent: Family<Which, Counter>,
    failed: Family<Which, Counter>,
}

impl NotifyMetrics {
    fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register("notifications_sent", "Messages that a channel took", own.sent.clone());
            registry.register("notifications_failed", "Attempts that a channel did not take", own.failed.clone());
        });
        own
    }
}

/// A wait that gets longer.
struct Wait {
    backoff: Backoff,
    until: Instant,
}

impl Wait {
    fn longer(held: Option<Self>) -> Self {
        let mut backoff = held.map_or_else(|| Backoff::new(BACKOFF_BASE, BACKOFF_MAX), |wait| wait.backoff);
        let until = Instant::now() + backoff.next_wait();
        Self { backoff, until }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// One channel, on the leader.
struct Line {
    made_at: Timestamp,
    sender: Option<Sender>,
    /// Since when it has taken nothing, and what it said last.
    failing: Option<(Instant, String)>,
    /// The whole channel waits.
    away: Option<Wait>,
    /// Messages that it did not want.
    refused: HashMap<AlertId, Wait>,
    /// Taken, and not written down yet: not sent once more by this leader.
    taken: Vec<Delivery>,
}

impl Line {
    fn fails(&mut self, why: &impl ToString) {
        let since = self.failing.take().map_or_else(Instant::now, |(since, _)| since);
        self.failing = Some((since, why.to_string()));
    }
}

/// Sends what is due.
pub struct Notifier {
    raft: Raft,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    alerts: Alerts,
    /// How long a channel may take nothing.
    patience: Duration,
    metrics: NotifyMetrics,
}

/// Sends until the shutdown, while this controller leads.
pub fn start(
    raft: Raft,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    alerts: Alerts,
    patience: Duration,
    metrics: &Metrics,
    shutdown: &Shutdown,
) {
    let notifier = Notifier { raft, keys, clock, alerts, patience, metrics: NotifyMetrics::new(metrics) };
    shutdown.spawn_until_stopped("notifications", notifier.run());
}

impl Notifier {
    async fn run(self) {
        let mut lines: BTreeMap<ChannelName, Line> = BTreeMap::new();
        loop {
            tokio::time::sleep(LOOK).await;
            if !self.raft.leads() {
                lines.clear();
                continue;
            }
            self.look(&mut lines).await;
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    async fn look(&self, lines: &mut BTreeMap<ChannelName, Line>) {
        let state = self.raft.state();
        lines.retain(|name, line| state.channels.get(name).is_some_and(|held| held.created_at == line.made_at));
        self.tell(&state, lines);
        let now = self.now();
        let any = state.channels.iter().any(|(name, channel)| {
            let waits = lines.get(name).and_then(|line| line.away.as_ref()).is_some_and(|wait| !wait.is_over());
            !waits && !due(&state, name, channel, now).is_empty()
        });
        if !any {
            return;
        }
        // Whoever only thinks that it leads finds out here, and says nothing that the real leader says too.
        let Ok(state) = self.raft.linearizable().await else { return };
        for (name, channel) in &state.channels {
            lines.entry(name.clone()).or_insert_with(|| Line {
                made_at: channel.created_at,
                sender: None,
                failing: None,
                away: None,
                refused: HashMap::new(),
                taken: Vec::new(),
            });
        }
        let each = lines.iter_mut().filter_map(|(name, line)| {
            let channel = state.channels.get(name)?;
            Some(self.channel(&state, name, channel, line))
        });
        join_all(each).await;
        let taken: Vec<Delivery> = lines.values().flat_map(|line| line.taken.iter().cloned()).collect();
        for part in taken.chunks(PER_LOOK) {
            let command = Command::Alert(AlertCommand::Delivered(part.to_vec()));
            match self.raft.propose(Actor::System, command).await {
                Ok(_) => {
                    for line in lines.values_mut() {
                        line.taken.retain(|delivery| !part.contains(delivery));
                    }
                }
                Err(error) => tracing::warn!(%error, "what was sent could not be written down; it may be sent again"),
            }
        }
    }

    /// Raises an alert about each channel that takes nothing, and resolves those about channels that do, or are gone. That one is
    /// not sent on the channel that it is about, so that none speaks of itself.
    fn tell(&self, state: &State, lines: &BTreeMap<ChannelName, Line>) {
        for (name, line) in lines {
            let Some((since, said)) = &line.failing else { continue };
            if since.elapsed() >= self.patience {
                let detail = format!("what it said last: {said}");
                self.alerts.raise(
                    &CHANNEL_FAILS,
                    name.as_str(),
                    &format!("channel {name}"),
                    "it takes no message",
                    &detail,
                );
            }
        }
        // Of a channel that is gone; one of its name may have been made since.
        let made: BTreeMap<AlertId, Timestamp> = state
            .channels
            .iter()
            .map(|(name, channel)| (CHANNEL_FAILS.id(name.as_str()), channel.created_at))
            .collect();
        let gone = |(id, alert): &(&AlertId, &Shared<Alert>)| {
            alert.is_open()
                && id.kind().as_str() == CHANNEL_FAILS.kind
                && made.get(*id).is_none_or(|made_at| alert.raised_at < *made_at)
        };
        for (id, _) in state.alerts.iter().filter(gone) {
            self.alerts.resolve_id(id.clone());
        }
    }

    async fn channel(&self, state: &State, name: &ChannelName, channel: &Channel, line: &mut Line) {
        if line.away.as_ref().is_some_and(|wait| !wait.is_over()) {
            return;
        }
        let mut due = due(state, name, channel, self.now());
        due.retain(|due| {
            let known = |taken: &Delivery| {
                taken.id == due.id && taken.raised_at == due.raised_at && taken.message == due.message
            };
            !line.taken.iter().any(known) && line.refused.get(&due.id).is_none_or(Wait::is_over)
        });
        if due.is_empty() {
            return;
        }
        if line.sender.is_none() {
            match Sender::open(name, channel, &self.keys.sealing()) {
                Ok(sender) => line.sender = Some(sender),
                Err(why) => {
                    tracing::error!(channel = %name, why, "a channel cannot be used");
                    line.fails(&why);
                    line.away = Some(Wait::longer(line.away.take()));
                    return;
                }
            }
        }
        for due in due.into_iter().take(PER_LOOK) {
            let Some(sent) = self.send(state, line, &due).await else { continue };
            let which = Which { channel: name.to_string() };
            match sent {
                Ok(_) => {
                    self.metrics.sent.get_or_create(&which).inc();
                    (line.away, line.failing, _) = (None, None, line.refused.remove(&due.id));
                    self.alerts.resolve(&CHANNEL_FAILS, name.as_str());
                    let Due { id, raised_at, message } = due;
                    line.taken.push(Delivery { id, raised_at, channel: name.clone(), message, at: self.now() });
                }
                Err(error) => {
                    self.metrics.failed.get_or_create(&which).inc();
                    tracing::warn!(channel = %name, alert = %due.id, %error, "a notification was not taken; it is sent again");
                    line.fails(&error);
                    if matches!(error, SendError::Away(_)) {
                        line.away = Some(Wait::longer(line.away.take()));
                        return;
                    }
                    let held = line.refused.remove(&due.id);
                    line.refused.insert(due.id, Wait::longer(held));
                }
            }
        }
    }

    async fn send(&self, state: &State, line: &Line, due: &Due) -> Option<Result<String, SendError>> {
        let (sender, alert) = (line.sender.as_ref()?, state.alerts.get(&due.id)?);
        let letter = Letter::new(self.keys.cluster_id.clone(), due.message, alert_of(&due.id, alert, self.now()));
        Some(sender.send(&letter).await)
    }
}
