//! One part of the view: some of the hosts, with all that they have.

use super::{
    host::{HeldHost, drop_from, put},
    images::Images,
    index::Index,
    key::Key,
    names::Names,
    row::Row,
    strings::Strings,
};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{
    BootId, HostId,
    inventory::{Container, ContainerUsage, Delta, UsageSample},
    limits::{INVENTORY_CONTAINERS_MAX, INVENTORY_IMAGES_MAX, INVENTORY_NETWORKS_MAX, INVENTORY_VOLUMES_MAX},
};

/// What became of a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in the view, up to this sequence.
    To(u64),
    /// It starts from something that is not held here: everything has to be told anew.
    Elsewhere,
}

/// How much is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    pub hosts: usize,
    pub containers: usize,
    /// Each once, on however many hosts it is; once for each part of the view.
    pub images: usize,
    /// Bytes of memory, about.
    pub memory: usize,
}

/// See the module.
#[derive(Default)]
pub struct Shard {
    pub strings: Strings,
    pub index: Index,
    pub names: Names,
    pub places: BTreeMap<HostId, u32>,
    pub hosts: Vec<Option<HeldHost>>,
    free_hosts: Vec<u32>,
    pub rows: Vec<Option<Row>>,
    free_rows: Vec<u32>,
    pub images: Images,
}

impl Shard {
    /// Takes a delta of a host. It has been bounded.
    pub fn apply(&mut self, id: &HostId, boot: &BootId, delta: Delta) -> Applied {
        let held = self.host(id).map(|host| (&host.boot, host.sequence));
        if delta.base != 0 && held != Some((boot, delta.base)) {
            return Applied::Elsewhere;
        }
        let place = self.place(id, boot);
        if delta.base == 0 {
            self.forget_missing(place, &delta);
        }
        let Delta { sequence, host, containers, images, volumes, networks, removed, .. } = delta;
        for id in &removed.containers {
            self.drop_row(place, &Key::new(id));
        }
        for container in &containers {
            self.put_row(place, container);
        }
        let Some(held) = self.hosts.get_mut(place as usize).and_then(Option::as_mut) else { return Applied::Elsewhere };
        (held.boot, held.sequence) = (boot.clone(), sequence);
        if let Some(facts) = host {
            held.facts = facts;
        }
        removed.images.iter().for_each(|id| held.drop_image(place, id, &mut self.images));
        for image in images {
            held.put_image(place, image, &mut self.images, INVENTORY_IMAGES_MAX);
        }
        removed.volumes.iter().for_each(|name| drop_from(&mut held.volumes, name, |volume| &volume.name));
        for volume in volumes {
            put(&mut held.volumes, volume, |volume| &volume.name, INVENTORY_VOLUMES_MAX);
        }
        removed.networks.iter().for_each(|id| drop_from(&mut held.networks, id, |network| &network.id));
        for network in networks {
            put(&mut held.networks, network, |network| &network.id, INVENTORY_NETWORKS_MAX);
        }
        Applied::To(sequence)
    }

    /// Takes a sample of a host that is held. It has been bounded.
    pub fn sample(&mut self, id: &HostId, sample: UsageSample) {
        let Some(place) = self.places.get(id).copied() else { return };
        for (container, usage) in &sample.containers {
            if let Some(row) = self.find_row(place, &Key::new(container)).ok().and_then(|(_, row)| self.row_mut(row)) {
                row.usage = Some(*usage);
            }
        }
        if let Some(host) = self.hosts.get_mut(place as usize).and_then(Option::as_mut) {
            (host.sampled_at, host.interval_s) = (sample.at, sample.interval_s);
            (host.usage, host.agent) = (sample.host, sample.agent);
        }
    }

    /// Lets a host go, with all that it has.
    pub fn forget(&mut self, id: &HostId) {
        let Some(place) = self.places.remove(id) else { return };
        let rows = self.hosts.get(place as usize).and_then(Option::as_ref).map(|host| host.rows.clone());
        rows.into_iter().flatten().for_each(|row| self.drop_place(row));
        if let Some(host) = self.hosts.get_mut(place as usize).and_then(Option::take) {
            host.images.into_iter().for_each(|image| self.images.release(&image, place));
            self.free_hosts.push(place);
        }
    }

    pub fn host(&self, id: &HostId) -> Option<&HeldHost> {
        self.hosts.get(*self.places.get(id)? as usize)?.as_ref()
    }

    pub fn row(&self, place: u32) -> Option<&Row> {
        self.rows.get(place as usize)?.as_ref()
    }

    /// Containers of a host, in the order of their ids.
    pub fn containers(&self, host: &HeldHost) -> impl Iterator<Item = (Container, Option<ContainerUsage>)> {
        host.rows.iter().filter_map(|row| self.row(*row)).map(|row| (row.unpack(&self.strings), row.usage))
    }

    /// A container of a host.
    pub fn container(&self, host: &HostId, key: &Key) -> Option<(Container, Option<ContainerUsage>)> {
        let (_, row) = self.find_row(*self.places.get(host)?, key).ok()?;
        self.row(row).map(|row| (row.unpack(&self.strings), row.usage))
    }

    fn row_mut(&mut self, place: u32) -> Option<&mut Row> {
        self.rows.get_mut(place as usize)?.as_mut()
    }

    fn place(&mut self, id: &HostId, boot: &BootId) -> u32 {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        let host = Some(HeldHost::new(id.clone(), boot.clone()));
        let place = take_place(&mut self.hosts, &mut self.free_hosts, host);
        self.places.insert(id.clone(), place);
        place
    }

    /// Takes out what a whole inventory does not have.
    fn forget_missing(&mut self, place: u32, delta: &Delta) {
        let stay: BTreeSet<Key> = delta.containers.iter().map(|container| Key::new(&container.id)).collect();
        let Some(host) = self.hosts.get_mut(place as usize).and_then(Option::as_mut) else { return };
        host.images.drain(..).for_each(|image| self.images.release(&image, place));
        host.volumes.clear();
        host.networks.clear();
        let keys = host.rows.iter().filter_map(|row| self.rows.get(*row as usize)?.as_ref()).map(|row| row.key.clone());
        let gone: Vec<Key> = keys.filter(|key| !stay.contains(key)).collect();
        gone.iter().for_each(|key| self.drop_row(place, key));
    }

    /// Where a container of a host is in its list, and its place; or where it would be.
    fn find_row(&self, host: u32, key: &Key) -> Result<(usize, u32), usize> {
        let rows = self.hosts.get(host as usize).and_then(Option::as_ref).map_or(&[][..], |host| &host.rows);
        let at =
            rows.binary_search_by(|row| self.row(*row).map_or(std::cmp::Ordering::Less, |row| row.key.cmp(key)))?;
        rows.get(at).map(|row| (at, *row)).ok_or(at)
    }

    fn put_row(&mut self, host: u32, container: &Container) {
        let key = Key::new(&container.id);
        match self.find_row(host, &key) {
            Ok((_, place)) => {
                let mut row = Row::pack(container, host, &mut self.strings);
                if let Some(old) = self.rows.get_mut(place as usize).and_then(Option::take) {
                    row.usage = old.usage;
                    self.index.remove(place, &old.terms(), &self.strings);
                    if old.name != row.name {
                        self.names.remove(place);
                        self.names.add(place, &row.name);
                    }
                    old.release(&mut self.strings);
                }
                self.index.add(place, &row.terms(), &self.strings);
                if let Some(free) = self.rows.get_mut(place as usize) {
                    *free = Some(row);
                }
            }
            Err(at) => {
                let full = |host: &HeldHost| host.rows.len() >= INVENTORY_CONTAINERS_MAX;
                if self.hosts.get(host as usize).and_then(Option::as_ref).is_none_or(full) {
                    return;
                }
                let row = Row::pack(container, host, &mut self.strings);
                let terms = row.terms();
                let place = take_place(&mut self.rows, &mut self.free_rows, Some(row));
                self.names.add(place, &container.name);
                self.index.add(place, &terms, &self.strings);
                if let Some(host) = self.hosts.get_mut(host as usize).and_then(Option::as_mut) {
                    host.rows.insert(at, place);
                }
            }
        }
    }

    fn drop_row(&mut self, host: u32, key: &Key) {
        let Ok((at, place)) = self.find_row(host, key) else { return };
        if let Some(host) = self.hosts.get_mut(host as usize).and_then(Option::as_mut) {
            host.rows.remove(at);
        }
        self.drop_place(place);
    }

    fn drop_place(&mut self, place: u32) {
        let Some(row) = self.rows.get_mut(place as usize).and_then(Option::take) else { return };
        self.index.remove(place, &row.terms(), &self.strings);
        self.names.remove(place);
        row.release(&mut self.strings);
        self.free_rows.push(place);
    }

    /// How much is held.
    pub fn size(&self) -> Size {
        let rows = self.rows.iter().flatten();
        let hosts = self.hosts.iter().flatten();
        let memory = self.strings.memory()
            + self.index.memory()
            + self.names.memory()
            + self.images.memory()
            + self.rows.capacity() * size_of::<Option<Row>>()
            + rows.map(Row::memory).sum::<usize>()
            + hosts.map(HeldHost::memory).sum::<usize>();
        Size {
            hosts: self.places.len(),
            containers: self.rows.len() - self.free_rows.len(),
            images: self.images.len(),
            memory,
        }
    }

    /// True when nothing is held: no host, and nothing that one left behind.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let free = self.rows.iter().all(Option::is_none) && self.hosts.iter().all(Option::is_none);
        let images = (self.images.len(), self.images.held(), self.images.names()) == (0, 0, 0);
        free && images
            && self.places.is_empty()
            && self.names.is_empty()
            && (self.strings.len(), self.index.len()) == (0, 0)
    }
}

/// A free place, or a new one at the end.
fn take_place<T>(places: &mut Vec<Option<T>>, free: &mut Vec<u32>, thing: Option<T>) -> u32 {
    if let Some(place) = free.pop() {
        if let Some(slot) = places.get_mut(place as usize) {
            *slot = thing;
        }
        return place;
    }
    places.push(thing);
    u32::try_from(places.len() - 1).unwrap_or(u32::MAX)
}
