//! Answers other controllers.

use super::survey::own_status;
use crate::{
    events::{EventStore, HostFilter},
    fleet::Fleet,
    peers::{Inbound, PeerHost, Reply, Request, limits::HOSTS_PAGE},
    raft::Raft,
};
use futures::future::BoxFuture;
use std::sync::OnceLock;
use wharden_model::{EventQuery, Timestamp};

/// Hands each question to the part that knows. What hosts say comes later than the port is opened.
pub struct Answering {
    raft: Raft,
    started_at: Timestamp,
    serving: OnceLock<(Fleet, EventStore)>,
}

impl Answering {
    pub fn new(raft: Raft, started_at: Timestamp) -> Self {
        Self { raft, started_at, serving: OnceLock::new() }
    }

    /// Answers about hosts and events from now on.
    pub fn serve(&self, fleet: Fleet, events: EventStore) {
        // Who serves already goes on.
        let _ = self.serving.set((fleet, events));
    }

    fn status(&self) -> Reply {
        let mut status = own_status(&self.raft, self.started_at);
        if let Some((fleet, events)) = self.serving.get() {
            let counts = fleet.counts();
            (status.hosts_connected, status.hosts_behind) = (counts.connected, counts.behind);
            status.events = events.count();
        }
        Reply::Status(status)
    }

    async fn events(&self, mut query: EventQuery) -> Reply {
        let Some((_, events)) = self.serving.get() else { return starting() };
        if query.after.as_deref() == Some("") {
            query.after = Some(events.begin());
        }
        let found = match HostFilter::resolve(&self.raft.state(), query.host.as_deref()) {
            Ok(hosts) => events.query(&query, &hosts).await,
            Err(error) => Err(error),
        };
        found.map_or_else(|error| Reply::Failed(error.to_string()), Reply::Events)
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
                Request::Event { host, boot, seq } => match self.serving.get() {
                    Some((_, events)) => match events.one(&host, &boot, seq).await {
                        Ok(event) => Reply::Event(event.map(Box::new)),
                        Err(error) => Reply::Failed(error.to_string()),
                    },
                    None => starting(),
                },
            }
        })
    }
}
