use crate::limits::{INVENTORY_GONE_MAX, LAYER_NEWS};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wharden_model::inventory::{Container, Delta, HostFacts, Image, Network, Volume};

/// What is known of the host, each thing with the number of its last change, so that what came after any number can be
/// told.
#[derive(Default)]
pub struct Ledger {
    /// Number of the newest change.
    sequence: u64,
    /// What went up to this change is not remembered: from an earlier one everything has to be told.
    floor: u64,
    host: Option<(u64, HostFacts)>,
    containers: BTreeMap<String, (u64, Container)>,
    images: BTreeMap<String, (u64, Image)>,
    volumes: BTreeMap<String, (u64, Volume)>,
    networks: BTreeMap<String, (u64, Network)>,
    gone: VecDeque<(u64, Gone)>,
}

enum Gone {
    Container(String),
    Image(String),
    Volume(String),
    Network(String),
}

/// One change, in its place in the order of all.
enum Change<'a> {
    Host(&'a HostFacts),
    Container(&'a Container),
    Image(&'a Image),
    Volume(&'a Volume),
    Network(&'a Network),
    Gone(&'a Gone),
}

impl Ledger {
    /// Number of the newest change; 0 while nothing is known.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The host, as it is now.
    pub fn put_host(&mut self, host: HostFacts) {
        if self.host.as_ref().is_none_or(|(_, held)| *held != host) {
            self.sequence += 1;
            self.host = Some((self.sequence, host));
        }
    }

    /// The host, once it is known.
    pub fn host(&self) -> Option<&HostFacts> {
        self.host.as_ref().map(|(_, host)| host)
    }

    /// A container, as it is now. What was counted of it stays until it is counted again.
    pub fn put_container(&mut self, mut container: Container) {
        if container.layer_bytes.is_none() {
            container.layer_bytes = self.containers.get(&container.id).and_then(|(_, held)| held.layer_bytes);
        }
        put(&mut self.containers, &mut self.sequence, container.id.clone(), container);
    }

    /// So much has a container written. True when it is news: a little more than last time is not.
    pub fn put_layer(&mut self, id: &str, bytes: u64) -> bool {
        let Some((_, held)) = self.containers.get(id) else { return false };
        if held.layer_bytes.is_some_and(|old| old.abs_diff(bytes).saturating_mul(LAYER_NEWS) <= old) {
            return false;
        }
        let counted = Container { layer_bytes: Some(bytes), ..held.clone() };
        self.put_container(counted);
        true
    }

    /// Ids of all containers.
    pub fn container_ids(&self) -> impl Iterator<Item = &String> {
        self.containers.keys()
    }

    /// A container is gone.
    pub fn drop_container(&mut self, id: &str) {
        if self.containers.remove(id).is_some() {
            self.remember(Gone::Container(id.to_owned()));
        }
    }

    /// These are all the containers there are.
    pub fn keep_containers(&mut self, ids: &[String]) {
        let ids: BTreeSet<&String> = ids.iter().collect();
        for id in missing(&self.containers, |id| ids.contains(id)) {
            self.drop_container(&id);
        }
    }

    /// The images, all of them.
    pub fn set_images(&mut self, images: Vec<Image>) {
        for gone in replace(&mut self.images, &mut self.sequence, images.into_iter().map(|it| (it.id.clone(), it))) {
            self.remember(Gone::Image(gone));
        }
    }

    /// The volumes, all of them.
    pub fn set_volumes(&mut self, volumes: Vec<Volume>) {
        for gone in replace(&mut self.volumes, &mut self.sequence, volumes.into_iter().map(|it| (it.name.clone(), it)))
        {
            self.remember(Gone::Volume(gone));
        }
    }

    /// The networks, all of them.
    pub fn set_networks(&mut self, networks: Vec<Network>) {
        for gone in replace(&mut self.networks, &mut self.sequence, networks.into_iter().map(|it| (it.id.clone(), it)))
        {
            self.remember(Gone::Network(gone));
        }
    }

    /// An image that is known: it never changes but for its names.
    pub fn image(&self, id: &str) -> Option<&Image> {
        self.images.get(id).map(|(_, image)| image)
    }

    /// What came after a change, as far as it fits into so many bytes, and at least one thing. From 0, and from a change that
    /// is too old, everything.
    pub fn since(&self, base: u64, max: usize) -> Delta {
        let base = if base < self.floor || base > self.sequence { 0 } else { base };
        let mut changes: Vec<(u64, Change<'_>)> = Vec::new();
        changes.extend(self.host.iter().map(|(at, host)| (*at, Change::Host(host))));
        changes.extend(self.containers.values().map(|(at, it)| (*at, Change::Container(it))));
        changes.extend(self.images.values().map(|(at, it)| (*at, Change::Image(it))));
        changes.extend(self.volumes.values().map(|(at, it)| (*at, Change::Volume(it))));
        changes.extend(self.networks.values().map(|(at, it)| (*at, Change::Network(it))));
        if base > 0 {
            changes.extend(self.gone.iter().map(|(at, gone)| (*at, Change::Gone(gone))));
        }
        changes.retain(|(at, _)| *at > base);
        changes.sort_unstable_by_key(|(at, _)| *at);
        let mut delta = Delta { base, sequence: self.sequence, ..Delta::default() };
        let (mut bytes, mut last) = (0, base);
        for (at, change) in changes {
            bytes += change.bytes();
            if bytes > max && last > base {
                delta.sequence = last;
                break;
            }
            change.put_into(&mut delta);
            last = at;
        }
        delta
    }

    fn remember(&mut self, gone: Gone) {
        self.sequence += 1;
        self.gone.push_back((self.sequence, gone));
        while self.gone.len() > INVENTORY_GONE_MAX {
            if let Some((at, _)) = self.gone.pop_front() {
                self.floor = at;
            }
        }
    }
}

impl Change<'_> {
    /// About as many bytes of JSON.
    fn bytes(&self) -> usize {
        fn of(thing: &impl Serialize) -> usize {
            serde_json::to_vec(thing).map_or(0, |json| json.len() + 1)
        }
        match self {
            Self::Host(it) => of(it),
            Self::Container(it) => of(it),
            Self::Image(it) => of(it),
            Self::Volume(it) => of(it),
            Self::Network(it) => of(it),
            Self::Gone(Gone::Container(id) | Gone::Image(id) | Gone::Volume(id) | Gone::Network(id)) => id.len() + 3,
        }
    }

    fn put_into(self, delta: &mut Delta) {
        match self {
            Self::Host(it) => delta.host = Some(Box::new(it.clone())),
            Self::Container(it) => delta.containers.push(it.clone()),
            Self::Image(it) => delta.images.push(it.clone()),
            Self::Volume(it) => delta.volumes.push(it.clone()),
            Self::Network(it) => delta.networks.push(it.clone()),
            Self::Gone(Gone::Container(id)) => delta.removed.containers.push(id.clone()),
            Self::Gone(Gone::Image(id)) => delta.removed.images.push(id.clone()),
            Self::Gone(Gone::Volume(name)) => delta.removed.volumes.push(name.clone()),
            Self::Gone(Gone::Network(id)) => delta.removed.networks.push(id.clone()),
        }
    }
}

fn put<T: PartialEq>(held: &mut BTreeMap<String, (u64, T)>, sequence: &mut u64, id: String, thing: T) {
    if held.get(&id).is_none_or(|(_, old)| *old != thing) {
        *sequence += 1;
        held.insert(id, (*sequence, thing));
    }
}

fn missing<T>(held: &BTreeMap<String, T>, stays: impl Fn(&String) -> bool) -> Vec<String> {
    held.keys().filter(|id| !stays(id)).cloned().collect()
}

/// Puts all of them and gives the ids of those that are gone.
fn replace<T: PartialEq>(
    held: &mut BTreeMap<String, (u64, T)>,
    sequence: &mut u64,
    things: impl Iterator<Item = (String, T)>,
) -> Vec<String> {
    let things: BTreeMap<String, T> = things.collect();
    let gone = missing(held, |id| things.contains_key(id));
    for id in &gone {
        held.remove(id);
    }
    for (id, thing) in things {
        put(held, sequence, id, thing);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::inventory::ContainerState;

    fn container(id: &str, state: ContainerState) -> Container {
        Container { id: id.to_owned(), state, ..Container::default() }
    }

    fn volume(name: &str) -> Volume {
        Volume { name: name.to_owned(), ..Volume::default() }
    }

    const ALL: usize = usize::MAX;

    #[test]
    fn what_came_after_a_change_is_told_once_and_as_it_is_now() {
        let mut ledger = Ledger::default();
        ledger.put_container(container("a", ContainerState::Created));
        ledger.set_volumes(vec![volume("v"), volume("w")]);
        let whole = ledger.since(0, ALL);
        assert_eq!((whole.base, whole.containers.len(), whole.volumes.len()), (0, 1, 2));
        assert!(ledger.since(whole.sequence, ALL).is_empty(), "nothing new");
        ledger.put_container(container("a", ContainerState::Created));
        ledger.set_volumes(vec![volume("w"), volume("v")]);
        assert_eq!(ledger.sequence(), whole.sequence, "the same is no change");
        ledger.put_container(container("a", ContainerState::Running));
        ledger.put_container(container("b", ContainerState::Running));
        ledger.keep_containers(&["a".to_owned()]);
        ledger.set_volumes(vec![volume("w")]);
        let delta = ledger.since(whole.sequence, ALL);
        assert_eq!(delta.containers, [container("a", ContainerState::Running)]);
        assert_eq!((delta.removed.containers, delta.removed.volumes), (vec!["b".to_owned()], vec!["v".to_owned()]));
        assert!(delta.volumes.is_empty());
        assert!(ledger.since(0, ALL).removed.is_empty(), "all of it says nothing about what went");
    }

    #[test]
    fn what_was_counted_stays_until_it_is_counted_again_and_little_more_is_no_news() {
        let mut ledger = Ledger::default();
        assert!(!ledger.put_layer("a", 5), "it is not known");
        ledger.put_container(container("a", ContainerState::Running));
        for (bytes, news) in [(0, true), (0, false), (1000, true), (1100, false), (900, false), (1101, true), (0, true)]
        {
            assert_eq!(ledger.put_layer("a", bytes), news, "{bytes}");
        }
        ledger.put_layer("a", 7);
        ledger.put_container(container("a", ContainerState::Exited));
        let told = ledger.since(0, ALL).containers;
        assert_eq!((told[0].layer_bytes, told[0].state), (Some(7), ContainerState::Exited));
    }

    #[test]
    fn parts_together_are_the_whole() {
        let mut ledger = Ledger::default();
        let names: BTreeSet<String> = (0..50).map(|n| format!("c{n:02}")).collect();
        names.iter().for_each(|name| ledger.put_container(container(name, ContainerState::Running)));
        let (mut told, mut base, mut parts) = (BTreeSet::new(), 0, 0);
        while base < ledger.sequence() {
            let part = ledger.since(base, 1000);
            assert_eq!(part.base, base);
            told.extend(part.containers.into_iter().map(|it| it.id));
            if parts == 0 {
                // What was told already changes, and what was not told yet goes.
                ledger.drop_container("c00");
                ledger.drop_container("c49");
            }
            told.retain(|id| !part.removed.containers.contains(id));
            (base, parts) = (part.sequence, parts + 1);
        }
        assert!(parts > 5, "{parts} parts");
        assert_eq!(told.len(), 48);
        assert_eq!(ledger.since(0, 1).containers.len(), 1, "at least one, however large");
    }

    #[test]
    fn what_went_too_long_ago_is_told_by_telling_everything() {
        let mut ledger = Ledger::default();
        ledger.put_container(container("stays", ContainerState::Running));
        let base = ledger.sequence();
        for n in 0..=INVENTORY_GONE_MAX {
            ledger.put_container(container(&format!("c{n}"), ContainerState::Running));
            ledger.drop_container(&format!("c{n}"));
        }
        let delta = ledger.since(base, ALL);
        assert_eq!((delta.base, delta.containers.len()), (0, 1));
        assert_eq!(ledger.since(ledger.sequence() + 5, ALL).base, 0, "a change that never was");
    }
}
