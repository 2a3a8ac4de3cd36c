//! Answers other controllers.

use super::survey::{own_status, survey};
use crate::{
    alerts::Sampler,
    capacity::Watch,
    events::{Ask, EventStore, HostFilter, limits::HELD_PAGE},
    fleet::Fleet,
    inventory::{Filter, Kind, Sign, limits::ASKED_HOSTS},
    keys::Keys,
    peers::{Inbound, PeerHost, Reply, Request, limits::HOSTS_PAGE},
    raft::Raft,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use std::sync::{Arc, OnceLock};
use tokio::task::spawn_blocking;
use wharden_model::{
    EventQuery, HostId, Timestamp,
    api::{InventoryQuery, Secret},
};
use wharden_pki::ClusterKey;
use wharden_runtime::clock::{Clock, SystemClock};

/// Hands each question to the part that knows. What hosts say comes later than the port is opened.
pub struct Answering {
    raft: Raft,
    started_at: Timestamp,
    serving: OnceLock<(Fleet, EventStore)>,
    sampler: OnceLock<Sampler>,
    capacity: OnceLock<Watch>,
    keys: OnceLock<Arc<Keys>>,
}

impl Answering {
    pub fn new(raft: Raft, started_at: Timestamp) -> Self {
        let (serving, sampler) = (OnceLock::new(), OnceLock::new());
        Self { raft, started_at, serving, sampler, capacity: OnceLock::new(), keys: OnceLock::new() }
    }

    /// Answers about hosts and events from now on.
    pub fn serve(&self, fleet: Fleet, events: EventStore) {
        // Who serves already goes on.
        let _ = self.serving.set((fleet, events));
    }

    /// Tells how this controller finds itself from now on.
    pub fn tell(&self, sampler: Sampler) {
        // Who tells already goes on.
        let _ = self.sampler.set(sampler);
    }

    /// Answers about capacity from now on.
    pub fn watch(&self, capacity: Watch) {
        // Who watches already goes on.
        let _ = self.capacity.set(capacity);
    }

    /// Takes cluster keys from now on.
    pub fn hold(&self, keys: Arc<Keys>) {
        // Who takes them already goes on.
        let _ = self.keys.set(keys);
    }

    fn status(&self) -> Reply {
        let mut status = own_status(&self.raft, self.started_at);
        status.now = Some(Timestamp(SystemClock.now()));
        status.readings = self.sampler.get().map(Sampler::now);
        status.cluster_keys = self.keys.get().map_or_else(Vec::new, |keys| keys.sealing().ids());
        if let Some((fleet, events)) = self.serving.get() {
            let counts = fleet.counts();
            (status.hosts_connected, status.hosts_behind) = (counts.connected, counts.behind);
            status.events = events.count();
        }
        Reply::Status(Box::new(status))
    }

    async fn inventory(&self, kind: Kind, query: &InventoryQuery) -> Reply {
        let Some((fleet, _)) = self.serving.get() else { return starting() };
        let filter = match Filter::resolve(query, &self.raft.state()) {
            Ok(filter) => filter,
            Err(error) => return Reply::Failed(error.to_string()),
        };
        let fleet = fleet.clone();
        let found = spawn_blocking(move || fleet.search(kind, &filter)).await;
        found.map_or_else(|error| Reply::Failed(error.to_string()), Reply::Inventory)
    }

    fn heard(&self, hosts: Vec<HostId>) -> Reply {
        let Some((fleet, _)) = self.serving.get() else { return starting() };
        let signs = hosts.into_iter().take(ASKED_HOSTS).map(|id| {
            let sign = fleet.sign(&id);
            (id, sign)
        });
        Reply::Heard(signs.filter(|(_, sign)| *sign != Sign::default()).collect())
    }

    /// As versions before levels ask; an empty cursor is the place before the first.
    async fn events(&self, query: EventQuery) -> Reply {
        let Some((_, events)) = self.serving.get() else { return starting() };
        let found = match HostFilter::resolve(&self.raft.state(), query.host.as_deref()) {
            Ok(hosts) => events.query(&query, &hosts).await,
            Err(error) => Err(error),
        };
        found.map_or_else(|error| Reply::Failed(error.to_string()), Reply::Events)
    }

    async fn part(&self, ask: Ask) -> Reply {
        let Some((_, events)) = self.serving.get() else { return starting() };
        let found = match HostFilter::resolve(&self.raft.state(), ask.query.host.as_deref()) {
            Ok(hosts) => events.part(&ask, &hosts).await,
            Err(error) => Err(error),
        };
        found.map_or_else(|error| Reply::Failed(error.to_string()), Reply::Part)
    }

    /// Only the key that the log offers: whoever else sends one has no part in a change.
    async fn take(&self, line: Secret) -> Reply {
        let Some(keys) = self.keys.get().cloned() else { return starting() };
        let key = match ClusterKey::from_line(line.reveal()) {
            Ok(key) => key,
            Err(error) => return Reply::Failed(error.to_string()),
        };
        let id = key.id();
        match self.raft.linearizable().await {
            Ok(state) if state.sealing.as_ref().is_some_and(|sealing| sealing.offered() == Some(id)) => {}
            Ok(_) => return Reply::Failed(format!("cluster key {id} is not offered")),
            Err(error) => return Reply::Failed(error.to_string()),
        }
        match spawn_blocking(move || keys.holder.take(&key)).await {
            Ok(Ok(())) => Reply::Holds(id),
            Ok(Err(error)) => Reply::Failed(error.to_string()),
            Err(error) => Reply::Failed(error.to_string()),
        }
    }

    async fn keep(&self, records: Bytes, mend: bool) -> Reply {
        let Some((_, events)) = self.serving.get() else { return starting() };
        events.keep(&records, mend).await.map_or_else(|error| Reply::Failed(error.to_string()), Reply::Kept)
    }
}

fn starting() -> Reply {
    Reply::Failed("this controller is still starting".to_owned())
}

impl Inbound for Answering {
    fn receive(&self, from: u64, request: Request) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            match request {
                Request::Raft(call) => Reply::Raft(self.raft.answer(from, call).await),
                Request::Propose(entries) => self.raft.commit_for(entries).await,
                Request::ReadIndex => self.raft.read_index().await,
                Request::Status => self.status(),
                Request::Hosts { after } => self.serving.get().map_or_else(starting, |(fleet, _)| {
                    let page = fleet.page(after.as_ref(), HOSTS_PAGE);
                    Reply::Hosts(page.into_iter().map(|(id, live)| PeerHost::new(id, live)).collect())
                }),
                Request::Events(query) => self.events(query).await,
                Request::Inventory { kind, query } => self.inventory(kind, &query).await,
                Request::Heard { hosts } => self.heard(hosts),
                Request::Connected => {
                    self.serving.get().map_or_else(starting, |(fleet, _)| Reply::Connected(fleet.present()))
                }
                Request::Reach => Reply::Reach(survey(&self.raft, self.started_at).await.into_keys().collect()),
                Request::Event { host, boot, seq } => match self.serving.get() {
                    Some((_, events)) => match events.one(&host, &boot, seq).await {
                        Ok(event) => Reply::Event(event.map(Box::new)),
                        Err(error) => Reply::Failed(error.to_string()),
                    },
                    None => starting(),
                },
                Request::Keep { mend, records } => self.keep(records, mend).await,
                Request::Part(ask) => self.part(ask).await,
                Request::Held { after } => match self.serving.get() {
                    Some((_, events)) => Reply::Held(events.held(after, HELD_PAGE)),
                    None => starting(),
                },
                Request::Capacity(ask) => match self.capacity.get() {
                    Some(watch) => Reply::Capacity(Box::new(watch.answer(ask).await)),
                    None => starting(),
                },
                Request::Hold { key } => self.take(key).await,
            }
        })
    }
}
