//! The view of the fleet: what the agents with a session here have told.

use super::{
    answer::{Answer, Sign},
    filter::{Filter, Kind, Place},
    limits::SHARDS,
    page::{cut, page_of},
    shard::{Applied, Shard, Size},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};
use wharden_model::{
    BootId, HostId, Labels,
    api::{InventoryHost, InventoryItem},
    inventory::{Container, ContainerUsage, Delta, Image, Network, UsageSample, Volume},
};

/// What a host has beside its containers.
pub struct Things {
    pub images: Vec<Arc<Image>>,
    pub volumes: Vec<Volume>,
    pub networks: Vec<Network>,
}

/// See the module. Clones are the same view. In memory only: a restart forgets it, and the agents tell it anew.
#[derive(Clone)]
pub struct Inventory(Arc<[RwLock<Shard>]>);

impl Default for Inventory {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| RwLock::default()).collect())
    }
}

impl Inventory {
    /// Takes what changed on a host, as the run `boot` of its agent tells it.
    pub fn apply(&self, id: &HostId, boot: &BootId, mut delta: Delta) -> Applied {
        delta.bound();
        self.shard(id).write().unwrap_or_else(PoisonError::into_inner).apply(id, boot, delta)
    }

    /// Takes what a host uses. One that has not told what it has is not known here.
    pub fn sample(&self, id: &HostId, mut sample: UsageSample) {
        sample.bound();
        self.shard(id).write().unwrap_or_else(PoisonError::into_inner).sample(id, sample);
    }

    /// Lets a host go.
    pub fn forget(&self, id: &HostId) {
        self.shard(id).write().unwrap_or_else(PoisonError::into_inner).forget(id);
    }

    /// All hosts that are held, in order.
    pub fn hosts(&self) -> Vec<HostId> {
        let mut hosts: Vec<HostId> = Vec::new();
        for shard in self.0.iter() {
            hosts.extend(read(shard).places.keys().cloned());
        }
        hosts.sort_unstable();
        hosts
    }

    /// How far a host has told; `None` when it has not.
    pub fn sequence(&self, id: &HostId) -> Option<u64> {
        read(self.shard(id)).host(id).map(|host| host.sequence)
    }

    /// A host, without what the cluster's state knows of it: name and labels are empty.
    pub fn host(&self, id: &HostId, sign: Sign) -> Option<InventoryHost> {
        let shard = read(self.shard(id));
        let host = shard.host(id)?;
        let up = host.rows.iter().filter_map(|row| shard.row(*row)).filter(|row| row.is_up()).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Some(InventoryHost {
            host: id.clone(),
            host_name: String::new(),
            labels: Labels::none(),
            connected: sign.connected,
            heard_at: sign.heard_at,
            facts: (*host.facts).clone(),
            sampled_at: host.sampled_at,
            interval_s: host.interval_s,
            usage: host.usage.clone(),
            agent: host.agent,
            containers: count(host.rows.len()),
            containers_running: count(up),
            images: count(host.images.len()),
            volumes: count(host.volumes.len()),
            networks: count(host.networks.len()),
        })
    }

    /// Images, volumes and networks of a host; `None` when it has not told what it has.
    pub fn things(&self, id: &HostId) -> Option<Things> {
        let shard = read(self.shard(id));
        let host = shard.host(id)?;
        let (images, volumes, networks) = (host.images.clone(), host.volumes.clone(), host.networks.clone());
        Some(Things { images, volumes, networks })
    }

    /// Containers of a host, in the order of their ids, each with what it used when that was last told.
    pub fn containers(&self, id: &HostId) -> Vec<(Container, Option<ContainerUsage>)> {
        let shard = read(self.shard(id));
        shard.host(id).map(|host| shard.containers(host).collect()).unwrap_or_default()
    }

    /// Searches this controller's hosts. `sign` tells when a host was last heard.
    pub fn search(&self, kind: Kind, filter: &Filter, sign: impl Fn(&HostId) -> Sign) -> Answer {
        let mut places: Vec<Place> = Vec::new();
        for shard in self.0.iter() {
            places.extend(read(shard).find(kind, filter));
        }
        places.sort_unstable();
        let more = cut(&mut places, filter.limit);
        match kind {
            Kind::Containers => Answer::Containers(page_of(places, more, |place| {
                let (item, usage) = read(self.shard(&place.host)).container(&place.host, &place.key())?;
                Some(InventoryItem { usage, ..item_of(place, item, sign(&place.host)) })
            })),
            Kind::Images => Answer::Images(page_of(places, more, |place| {
                let shard = read(self.shard(&place.host));
                let images = &shard.host(&place.host)?.images;
                let at = images.binary_search_by(|image| image.id.cmp(&place.id)).ok()?;
                Some(item_of(place, images.get(at)?.as_ref().clone(), sign(&place.host)))
            })),
            Kind::Volumes => Answer::Volumes(page_of(places, more, |place| {
                let shard = read(self.shard(&place.host));
                let volumes = &shard.host(&place.host)?.volumes;
                let at = volumes.binary_search_by(|volume| volume.name.cmp(&place.id)).ok()?;
                Some(item_of(place, volumes.get(at)?.clone(), sign(&place.host)))
            })),
            Kind::Networks => Answer::Networks(page_of(places, more, |place| {
                let shard = read(self.shard(&place.host));
                let networks = &shard.host(&place.host)?.networks;
                let at = networks.binary_search_by(|network| network.id.cmp(&place.id)).ok()?;
                Some(item_of(place, networks.get(at)?.clone(), sign(&place.host)))
            })),
            Kind::Hosts => Answer::Hosts(page_of(places, more, |place| self.host(&place.host, sign(&place.host)))),
        }
    }

    fn shard(&self, id: &HostId) -> &RwLock<Shard> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let n = usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or_default();
        // There are as many as the remainder can be.
        self.0.get(n).unwrap_or(&self.0[0])
    }

    /// How much is held.
    pub fn size(&self) -> Size {
        self.0.iter().map(|shard| read(shard).size()).fold(Size::default(), |sum, size| Size {
            hosts: sum.hosts + size.hosts,
            containers: sum.containers + size.containers,
            images: sum.images + size.images,
            memory: sum.memory + size.memory,
        })
    }

    /// True when nothing is held: no host, and nothing that one left behind.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|shard| read(shard).is_empty())
    }
}

fn item_of<T>(place: &Place, item: T, sign: Sign) -> InventoryItem<T> {
    InventoryItem {
        host: place.host.clone(),
        host_name: String::new(),
        connected: sign.connected,
        heard_at: sign.heard_at,
        item,
        usage: None,
    }
}

/// What is held is whole after each change, so that a panic elsewhere leaves nothing half done to be afraid of.
fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}
