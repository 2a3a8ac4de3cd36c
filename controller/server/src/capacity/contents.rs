//! A container as the plan needs to know it: what holds it, what it requires, what it must be apart from.

use super::view::{Contents, SeenContainer, SeenMount};
use std::collections::BTreeSet;
use wharden_capacity::{Container, Feature, Pin, Requirement};
use wharden_model::{Labels, capacity::Amount};

/// `true`: it stays where it is.
pub const PINNED: &str = "wharden.capacity.pinned";
/// Labels that its host must have, `zone=a,disk=ssd`.
pub const REQUIRES: &str = "wharden.capacity.requires";
/// Anti-affinity groups, `db,queue`: no two containers of one group on one host.
pub const APART: &str = "wharden.capacity.apart";
/// What swarm puts on its containers.
const SWARM: &str = "com.docker.swarm.service.id";
const LOCAL: &str = "local";
/// Networks that every engine has.
const EVERYWHERE: [&str; 3] = ["bridge", "none", "default"];
/// How a network says that it is another container's.
const CONTAINER: &str = "container:";

/// The container with what it uses now and needs at its peak.
pub fn container(seen: &SeenContainer, contents: &Contents, (used, need): (Amount, Amount)) -> Container {
    let (pins, requires) = held(seen, contents);
    Container {
        id: seen.id.clone(),
        name: seen.name.clone(),
        image: seen.image.clone(),
        image_key: seen.image_id.clone(),
        used,
        need,
        requires,
        apart: apart(seen),
        ports: seen.ports.clone(),
        addresses: seen.addresses.clone(),
        pins: pins.into_iter().collect(),
        image_bytes: contents.images.get(&seen.image_id).copied().unwrap_or(0),
        layer_bytes: seen.layer_bytes.unwrap_or(0),
    }
}

/// Its anti-affinity groups.
pub fn apart(seen: &SeenContainer) -> BTreeSet<String> {
    let text = seen.labels.get(APART).map_or("", String::as_str);
    text.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect()
}

fn held(seen: &SeenContainer, contents: &Contents) -> (BTreeSet<Pin>, BTreeSet<Requirement>) {
    let (mut pins, mut requires) = (BTreeSet::new(), BTreeSet::new());
    for mount in &seen.mounts {
        match mount {
            SeenMount::Bind(path) | SeenMount::Unknown(path) => {
                pins.insert(Pin::BindMount(path.clone()));
            }
            SeenMount::Volume(name) => match contents.volumes.get(name).map(String::as_str) {
                // Of one that is not known, nobody knows that others reach it.
                None | Some("" | LOCAL) => {
                    pins.insert(Pin::LocalVolume(name.clone()));
                }
                Some(driver) => {
                    requires.insert(Requirement::Feature(Feature::VolumeDriver(driver.to_owned())));
                }
            },
            SeenMount::Memory => {}
        }
    }
    pins.extend(seen.devices.iter().cloned().map(Pin::Device));
    if seen.privileged {
        pins.insert(Pin::Device("all of the host, it is privileged".to_owned()));
    }
    for name in &seen.networks {
        network(name, seen, contents, &mut pins, &mut requires);
    }
    let leans_on_it = |other: &&SeenContainer| {
        other.networks.iter().filter_map(|n| n.strip_prefix(CONTAINER)).any(|id| id == seen.id || id == seen.name)
    };
    pins.extend(contents.containers.iter().filter(leans_on_it).map(|other| Pin::OtherContainer(other.name.clone())));
    if seen.labels.contains_key(SWARM) {
        pins.insert(Pin::Swarm);
    }
    if seen.auto_remove {
        pins.insert(Pin::AutoRemove);
    }
    match seen.labels.get(REQUIRES).map(|text| text.parse::<Labels>()) {
        Some(Ok(labels)) => {
            requires.extend(labels.iter().map(|(k, v)| Requirement::Label(k.to_owned(), v.to_owned())));
        }
        // What cannot be read is not known to be met anywhere.
        Some(Err(_)) => {
            pins.insert(Pin::Label);
        }
        None => {}
    }
    if seen.labels.get(PINNED).is_some_and(|value| value != "false") {
        pins.insert(Pin::Label);
    }
    (pins, requires)
}

fn network(
    name: &str,
    seen: &SeenContainer,
    contents: &Contents,
    pins: &mut BTreeSet<Pin>,
    requires: &mut BTreeSet<Requirement>,
) {
    if EVERYWHERE.contains(&name) {
        return;
    }
    if name == "host" {
        pins.insert(Pin::HostNetwork);
        return;
    }
    if let Some(other) = name.strip_prefix(CONTAINER) {
        pins.insert(Pin::OtherContainer(other.to_owned()));
        return;
    }
    let held = contents.networks.iter().find(|network| network.name == name);
    let only_here = held.is_none_or(|network| network.scope.is_empty() || network.scope == LOCAL);
    let with_others =
        contents.containers.iter().any(|other| other.id != seen.id && other.networks.iter().any(|n| n == name));
    if only_here && with_others {
        pins.insert(Pin::SharedNetwork(name.to_owned()));
    } else {
        requires.insert(Requirement::Feature(Feature::Network(name.to_owned())));
    }
}
