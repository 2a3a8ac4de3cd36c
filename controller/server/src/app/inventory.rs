//! What runs where: searches over the hosts of all controllers.

use super::{App, AppError, Caller};
use crate::{
    inventory::{
        Answer, Filter, FilterError, Kind, Sign, Thing,
        limits::{ASKED_HOSTS, ROUNDS_MAX},
        merge,
    },
    peers::{Reply, Request, limits::LIST_LIMIT},
};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::spawn_blocking;
use wharden_model::{
    AdminAction, HostId,
    api::{InventoryHost, InventoryItem, InventoryPage, InventoryQuery},
    inventory::{Container, Image, Network, Volume},
};
use wharden_policy::AdminResource;
use wharden_state::State;

impl From<FilterError> for AppError {
    fn from(error: FilterError) -> Self {
        Self::invalid("query", error.to_string())
    }
}

/// Something that is shown with what the cluster's state knows of its host.
pub trait Shown: Thing {
    fn show(&mut self, host: &wharden_state::Host);
}

impl<T> Shown for InventoryItem<T>
where
    Self: Thing,
{
    fn show(&mut self, host: &wharden_state::Host) {
        self.host_name.clone_from(&host.name);
    }
}

impl Shown for InventoryHost {
    fn show(&mut self, host: &wharden_state::Host) {
        self.host_name.clone_from(&host.name);
        self.labels = host.labels.clone();
    }
}

impl App {
    pub async fn containers(
        &self,
        caller: &Caller,
        query: InventoryQuery,
    ) -> Result<InventoryPage<InventoryItem<Container>>, AppError> {
        self.search(caller, Kind::Containers, query).await
    }

    pub async fn images(
        &self,
        caller: &Caller,
        query: InventoryQuery,
    ) -> Result<InventoryPage<InventoryItem<Image>>, AppError> {
        self.search(caller, Kind::Images, query).await
    }

    pub async fn volumes(
        &self,
        caller: &Caller,
        query: InventoryQuery,
    ) -> Result<InventoryPage<InventoryItem<Volume>>, AppError> {
        self.search(caller, Kind::Volumes, query).await
    }

    pub async fn networks(
        &self,
        caller: &Caller,
        query: InventoryQuery,
    ) -> Result<InventoryPage<InventoryItem<Network>>, AppError> {
        self.search(caller, Kind::Networks, query).await
    }

    pub async fn inventory_hosts(
        &self,
        caller: &Caller,
        query: InventoryQuery,
    ) -> Result<InventoryPage<InventoryHost>, AppError> {
        self.search(caller, Kind::Hosts, query).await
    }

    /// One page of what the caller may read, of all controllers.
    async fn search<T: Shown>(
        &self,
        caller: &Caller,
        kind: Kind,
        mut query: InventoryQuery,
    ) -> Result<InventoryPage<T>, AppError> {
        let state = self.state();
        let mut readable: BTreeMap<HostId, bool> = BTreeMap::new();
        for _ in 0..ROUNDS_MAX {
            let mut page = self.page_everywhere::<T>(kind, &query, &state).await?;
            for item in &page.items {
                if let (Some(host), false) = (state.hosts.get(item.host()), readable.contains_key(item.host())) {
                    let resource = AdminResource::Host { id: item.host().clone(), labels: host.labels.clone() };
                    let may = self.allows(caller, AdminAction::InventoryRead, &resource).await;
                    readable.insert(item.host().clone(), may);
                }
            }
            page.items.retain(|item| readable.get(item.host()) == Some(&true));
            for item in &mut page.items {
                if let Some(host) = state.hosts.get(item.host()) {
                    item.show(host);
                }
            }
            if !page.items.is_empty() || page.next.is_none() {
                if page.items.is_empty() {
                    self.may_some_host(caller, AdminAction::InventoryRead).await?;
                }
                return Ok(page);
            }
            query.after = page.next;
        }
        self.may_some_host(caller, AdminAction::InventoryRead).await?;
        Ok(InventoryPage { items: Vec::new(), next: query.after, unreachable: Vec::new() })
    }

    /// One page of all controllers, each host as the controller tells it that heard it last.
    async fn page_everywhere<T: Thing>(
        &self,
        kind: Kind,
        query: &InventoryQuery,
        state: &State,
    ) -> Result<InventoryPage<T>, AppError> {
        let filter = Filter::resolve(query, state)?;
        let limit = filter.limit;
        let fleet = self.fleet.clone();
        let here = spawn_blocking(move || fleet.search(kind, &filter));
        let own = self.raft.number();
        let others: Vec<u64> = state.controllers.others(own).collect();
        let asked = others.iter().map(|number| async move {
            let request = Request::Inventory { kind, query: Box::new(query.clone()) };
            (*number, self.raft.ask(*number, request, LIST_LIMIT).await)
        });
        let (here, there) = tokio::join!(here, join_all(asked));
        let mut answers: Vec<(u64, Answer)> = vec![(own, here.map_err(AppError::internal)?)];
        let mut unreachable = Vec::new();
        for (number, answer) in there {
            match answer {
                Ok(Reply::Inventory(answer)) => answers.push((number, answer)),
                Ok(Reply::Failed(why)) => {
                    tracing::warn!(controller = number, %why, "the inventory of a controller is missing");
                    unreachable.push(number);
                }
                _ => unreachable.push(number),
            }
        }
        let pages: Vec<(u64, InventoryPage<T>)> =
            answers.into_iter().filter_map(|(number, answer)| Some((number, T::page(answer)?))).collect();
        let teller = tellers(&pages);
        let mut page = merge(pages.into_iter().map(|(_, page)| page).collect(), limit);
        page.unreachable = unreachable;
        if !others.is_empty() {
            let hosts: BTreeSet<HostId> = page.items.iter().map(|item| item.host().clone()).collect();
            let best = self.heard_last(&others, hosts).await;
            page.items.retain(|item| best.get(item.host()) == teller.get(item.host()));
        }
        Ok(page)
    }

    /// Which controller heard each of these hosts last: one that has gone to another controller has left behind here how
    /// it was.
    async fn heard_last(&self, others: &[u64], hosts: BTreeSet<HostId>) -> BTreeMap<HostId, u64> {
        let list: Vec<HostId> = hosts.iter().take(ASKED_HOSTS).cloned().collect();
        let asked = others.iter().map(|number| {
            let request = Request::Heard { hosts: list.clone() };
            async move { (*number, self.raft.ask(*number, request, LIST_LIMIT).await) }
        });
        let there = join_all(asked).await;
        let own = self.raft.number();
        let mut best: BTreeMap<HostId, (Sign, u64)> =
            hosts.into_iter().map(|id| (id.clone(), (self.fleet.sign(&id), own))).collect();
        for (number, answer) in there {
            let Ok(Reply::Heard(signs)) = answer else { continue };
            for (id, sign) in signs {
                if let Some(held) = best.get_mut(&id).filter(|held| sign > held.0) {
                    *held = (sign, number);
                }
            }
        }
        best.into_iter().map(|(id, (_, number))| (id, number)).collect()
    }
}

/// Whose word about each host goes into the merged page.
fn tellers<T: Thing>(pages: &[(u64, InventoryPage<T>)]) -> BTreeMap<HostId, u64> {
    let mut best: BTreeMap<HostId, (Sign, u64)> = BTreeMap::new();
    for (number, item) in pages.iter().flat_map(|(number, page)| page.items.iter().map(move |item| (*number, item))) {
        let held = best.entry(item.host().clone()).or_insert((item.sign(), number));
        if item.sign() > held.0 {
            *held = (item.sign(), number);
        }
    }
    best.into_iter().map(|(id, (_, number))| (id, number)).collect()
}
