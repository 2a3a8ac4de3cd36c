//! What is not in the log but on each controller: its sessions with hosts, a decision event by its name. Whoever is asked
//! asks the others. Pages of events are put together by `copies`.

use super::{App, AppError};
use crate::{
    cluster::ask_all,
    fleet::HostLive,
    peers::{PeerHost, Reply, Request, limits::LIST_LIMIT},
};
use std::collections::BTreeMap;
use wharden_model::{BootId, DecisionEvent, HostId};

impl App {
    /// Hosts as the other controllers know them: the one that has the session, else the one that heard last.
    pub(super) async fn hosts_elsewhere(&self) -> BTreeMap<HostId, PeerHost> {
        let mut all: BTreeMap<HostId, PeerHost> = BTreeMap::new();
        let lists = ask_all(&self.raft, |number| async move {
            let mut list: Vec<PeerHost> = Vec::new();
            loop {
                let after = list.last().map(|host| host.id.clone());
                match self.raft.ask(number, Request::Hosts { after }, LIST_LIMIT).await {
                    Ok(Reply::Hosts(page)) if page.is_empty() => return Some(list),
                    Ok(Reply::Hosts(page)) => list.extend(page),
                    _ => return None,
                }
            }
        });
        for host in lists.await.into_values().flatten() {
            match all.get(&host.id) {
                Some(held) if (held.connected, held.last_seen_at) >= (host.connected, host.last_seen_at) => {}
                _ => {
                    all.insert(host.id.clone(), host);
                }
            }
        }
        all
    }

    /// What is known of a host, here or elsewhere.
    pub(super) fn live(&self, id: &HostId, elsewhere: &BTreeMap<HostId, PeerHost>) -> HostLive {
        let here = self.fleet.status(id);
        match elsewhere.get(id) {
            Some(there) if (there.connected, there.last_seen_at) > (here.connected, here.last_seen_at) => {
                there.clone().into()
            }
            _ => here,
        }
    }

    /// An event, wherever it is.
    pub(super) async fn event_anywhere(
        &self,
        host: HostId,
        boot: BootId,
        seq: u64,
    ) -> Result<Option<DecisionEvent>, AppError> {
        if let Some(event) = self.events.one(&host, &boot, seq).await? {
            return Ok(Some(event));
        }
        let (host, boot) = (&host, &boot);
        let found = ask_all(&self.raft, |number| async move {
            let request = Request::Event { host: host.clone(), boot: boot.clone(), seq };
            match self.raft.ask(number, request, LIST_LIMIT).await {
                Ok(Reply::Event(event)) => event,
                _ => None,
            }
        });
        Ok(found.await.into_values().next().map(|event| *event))
    }
}
