//! The fleet as the plan needs it, from what is remembered, what is on the hosts, and what the state says of them.

use super::{
    contents::{apart, container},
    guests::Lodger,
    image::goes_by,
    track::Track,
    view::{Contents, FleetView, SeenContainer},
};
use std::collections::{BTreeMap, BTreeSet};
use wharden_capacity::{Feature, Host};
use wharden_model::{
    HostId, Labels,
    capacity::{Amount, Thresholds},
};
use wharden_state::State;

/// Host labels that say how many there may be: the engine has no such limits of its own.
const CONTAINERS_MAX: &str = "containers-max";
const PIDS_MAX: &str = "pids-max";

/// Hosts in the order of their ids, and the containers of those whose containers are wanted, by id.
pub struct Fleet {
    pub hosts: Vec<Host>,
    pub residents: BTreeMap<String, Resident>,
}

/// A container where it is now.
pub struct Resident {
    pub home: HostId,
    pub seen: SeenContainer,
    /// What its image goes by.
    pub image: String,
}

impl Fleet {
    fn settle(&mut self, home: &HostId, contents: &Contents) {
        self.residents.extend(contents.containers.iter().map(|seen| {
            let image = goes_by(seen, contents).to_owned();
            (seen.id.clone(), Resident { home: home.clone(), seen: seen.clone(), image })
        }));
    }
}

/// The fleet and its guests, with the containers of pressed hosts and of `wanted`.
pub fn fleet(
    tracks: &BTreeMap<HostId, Track>,
    guests: &BTreeMap<HostId, Lodger>,
    state: &State,
    view: &dyn FleetView,
    wanted: Option<&HostId>,
) -> Fleet {
    let thresholds = state.capacity_thresholds();
    let mut fleet = Fleet { hosts: Vec::with_capacity(tracks.len() + guests.len()), residents: BTreeMap::new() };
    for Lodger { guest, .. } in guests.values() {
        if state.hosts.get(&guest.host.id).is_some_and(|host| host.revoked_at.is_none()) {
            fleet.hosts.push(guest.host.clone());
            fleet.settle(&guest.host.id, &guest.contents);
        }
    }
    for (id, track) in tracks.iter().filter(|(id, _)| !guests.contains_key(*id)) {
        let Some(held) = state.hosts.get(id).filter(|host| host.revoked_at.is_none()) else { continue };
        let contents = view.contents(id);
        let mut host = host(id, held, track, contents.as_ref(), &thresholds);
        if let Some(contents) = contents
            && (!host.pressed.is_empty() || wanted == Some(id))
        {
            let up = contents.containers.iter().filter(|c| c.up);
            host.containers = up.map(|seen| container(seen, &contents, track.need(seen))).collect();
            fleet.settle(id, &contents);
        }
        fleet.hosts.push(host);
    }
    fleet.hosts.sort_by(|a, b| a.id.cmp(&b.id));
    fleet
}

fn host(
    id: &HostId,
    held: &wharden_state::Host,
    track: &Track,
    contents: Option<&Contents>,
    thresholds: &Thresholds,
) -> Host {
    let containers = contents.map_or(&[][..], |contents| contents.containers.as_slice());
    let networks = contents.map_or(&[][..], |contents| contents.networks.as_slice());
    let mut features: BTreeSet<Feature> = networks.iter().map(|n| Feature::Network(n.name.clone())).collect();
    features.extend(track.seen.runtimes.iter().cloned().map(Feature::Runtime));
    // Which drivers an engine has, it shows by the volumes that it holds.
    let drivers = contents.into_iter().flat_map(|contents| contents.volumes.values().cloned());
    features.extend(drivers.map(Feature::VolumeDriver));
    Host {
        id: id.clone(),
        name: held.name.clone(),
        labels: held.labels.clone(),
        architecture: track.seen.architecture.clone(),
        capacity: track.seen.capacity,
        used: track.used(),
        peak: track.peak(),
        psi_permille: track.psi(),
        marks: thresholds.marks(&held.labels),
        pressed: track.pressed(),
        // Of a host that has not told what is on it, nobody knows what clashes there.
        reachable: track.seen.connected && track.seen.sampled_at.is_some() && contents.is_some(),
        full_in_h: track.forecasts().map(|(_, forecast, _)| forecast.likely_h).min(),
        features,
        images: contents.map(|contents| contents.images.keys().cloned().collect()).unwrap_or_default(),
        ports: containers.iter().flat_map(|c| c.ports.iter().copied()).collect(),
        subnets: networks.iter().map(|n| (n.name.clone(), n.subnets.clone())).collect(),
        addresses: containers.iter().flat_map(|c| c.addresses.iter().cloned()).collect(),
        apart: containers.iter().flat_map(apart).collect(),
        containers: Vec::new(),
    }
}

/// Capacities that labels say and nothing else does.
pub fn limited(capacity: Amount, labels: &Labels) -> Amount {
    let said = |key| labels.get(key).and_then(|value| value.parse().ok()).unwrap_or(0);
    let or = |known: u64, key| if known == 0 { said(key) } else { known };
    Amount { pids: or(capacity.pids, PIDS_MAX), containers: or(capacity.containers, CONTAINERS_MAX), ..capacity }
}
