//! What the plan is made from: hosts as they are, and the containers of those that need relief.

use crate::address::{Address, Subnet};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use wharden_model::{
    HostId, Labels,
    capacity::{Amount, ContainerRef, HostRef, Marks, ObstacleKind, Reason, Resource, Signal, permille},
};

/// One host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub id: HostId,
    pub name: String,
    pub labels: Labels,
    /// As the engine names it, e.g. `x86_64`.
    pub architecture: String,
    /// 0 of a resource: there is no limit, or none is known, and it is never a reason.
    pub capacity: Amount,
    /// Smoothed, as of now; of everything on the host, not of containers alone.
    pub used: Amount,
    /// The highest use that is expected within a day. Where it is less than `used`, `used` counts.
    pub peak: Amount,
    /// PSI of CPU, memory and I/O in thousandths; 0 where the kernel has none.
    pub psi_permille: [u16; 3],
    pub marks: Marks,
    /// What it is to be relieved of: signals whose alert is up and not snoozed.
    pub pressed: Vec<Signal>,
    pub reachable: bool,
    /// Hours until it is forecast to be over a high mark.
    pub full_in_h: Option<u32>,
    pub features: BTreeSet<Feature>,
    /// Images that it has, by id or by name, as `Container::image_key`.
    pub images: BTreeSet<String>,
    /// Ports of the host that something listens on.
    pub ports: BTreeSet<HostPort>,
    /// Ranges of its networks, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subnets: BTreeMap<String, Vec<Subnet>>,
    /// Addresses that are fixed for its containers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<Address>,
    /// Anti-affinity groups of its containers.
    pub apart: BTreeSet<String>,
    /// Needed of pressed hosts only.
    pub containers: Vec<Container>,
}

impl Host {
    /// By id and name.
    pub fn named(&self) -> HostRef {
        HostRef { id: self.id.clone(), name: self.name.clone() }
    }

    /// The value of a signal in thousandths; `None` where no capacity is known.
    pub fn value(&self, signal: Signal) -> Option<u16> {
        match signal {
            Signal::PsiCpu => Some(self.psi_permille[0]),
            Signal::PsiMemory => Some(self.psi_permille[1]),
            Signal::PsiIo => Some(self.psi_permille[2]),
            _ => signal.resource().and_then(|r| permille(self.used.get(r), self.capacity.get(r))),
        }
    }

    /// How much of each resource there may be up to a mark; `u64::MAX` without a limit.
    pub(crate) fn up_to(&self, high: bool) -> [u64; 5] {
        Resource::ALL.map(|resource| {
            let capacity = u128::from(self.capacity.get(resource));
            let mark = self.marks.of(resource.signal());
            let share = u128::from(if high { mark.high_permille } else { mark.low_permille });
            if capacity == 0 { u64::MAX } else { u64::try_from(capacity * share / 1000).unwrap_or(u64::MAX) }
        })
    }

    /// Why it is to be relieved.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        let reason = |signal: &Signal| {
            let mark = self.marks.of(*signal);
            Reason {
                signal: *signal,
                value_permille: self.value(*signal).unwrap_or(0),
                high_permille: mark.high_permille,
                low_permille: mark.low_permille,
            }
        };
        self.pressed.iter().map(reason).collect()
    }

    /// What forbids to move anything there, whatever it is.
    pub(crate) fn closed(&self) -> Option<(ObstacleKind, String)> {
        if !self.reachable {
            return Some((ObstacleKind::Unreachable, "not connected".to_owned()));
        }
        if let Some(signal) = self.pressed.first() {
            return Some((ObstacleKind::UnderPressure, format!("{signal} is over its mark")));
        }
        let psi = [Signal::PsiCpu, Signal::PsiMemory, Signal::PsiIo];
        if let Some(signal) = psi.into_iter().find(|s| self.value(*s) > Some(self.marks.of(*s).low_permille)) {
            return Some((ObstacleKind::UnderPressure, format!("{signal} is over its low mark")));
        }
        let hours = self.full_in_h.filter(|hours| *hours <= crate::limits::FILLING_HOURS)?;
        Some((ObstacleKind::FillingUp, format!("forecast to be over its mark within {hours} h")))
    }
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub id: String,
    pub name: String,
    /// As people write it.
    pub image: String,
    /// What `Host::images` has when the image is there.
    pub image_key: String,
    /// What leaves the host when it goes: smoothed, as of now.
    pub used: Amount,
    /// What it needs where it goes: its peak, or what is reserved for it.
    pub need: Amount,
    pub requires: BTreeSet<Requirement>,
    /// Anti-affinity groups: no two containers of one group on one host.
    pub apart: BTreeSet<String>,
    pub ports: BTreeSet<HostPort>,
    /// Those that are fixed for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<Address>,
    pub pins: Vec<Pin>,
    pub image_bytes: u64,
    /// What it wrote itself, outside of volumes.
    pub layer_bytes: u64,
}

impl Container {
    /// By id, name and image.
    pub fn named(&self) -> ContainerRef {
        ContainerRef { id: self.id.clone(), name: self.name.clone(), image: self.image.clone() }
    }

    /// What has to be carried to `target`.
    pub fn bytes_to(&self, target: &Host) -> u64 {
        let image = if target.images.contains(&self.image_key) { 0 } else { self.image_bytes };
        self.used.memory_bytes.saturating_add(self.layer_bytes).saturating_add(image)
    }
}

/// What a container needs of any host that it is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Requirement {
    /// A host label with this value.
    Label(String, String),
    Feature(Feature),
}

impl Requirement {
    pub(crate) fn met_by(&self, host: &Host) -> bool {
        match self {
            Self::Label(key, value) => host.labels.get(key) == Some(value),
            Self::Feature(feature) => host.features.contains(feature),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(key, value) => write!(f, "label {key}={value}"),
            Self::Feature(feature) => feature.fmt(f),
        }
    }
}

/// What an engine may have or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Feature {
    /// A network that reaches over hosts, or that somebody made on several.
    Network(String),
    VolumeDriver(String),
    Runtime(String),
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(name) => write!(f, "network {name}"),
            Self::VolumeDriver(name) => write!(f, "volume driver {name}"),
            Self::Runtime(name) => write!(f, "runtime {name}"),
        }
    }
}

/// Protocol of a published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

/// A port of a host. The address is left out: two that listen on different addresses are taken for a clash, which at worst
/// costs a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostPort {
    pub port: u16,
    pub protocol: Protocol,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        };
        write!(f, "{}/{protocol}", self.port)
    }
}

/// What holds a container to its host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Pin {
    BindMount(String),
    LocalVolume(String),
    Device(String),
    /// A bridge network with other containers on it, which find it by name there.
    SharedNetwork(String),
    /// It listens on the host's own ports, and nothing says on which.
    HostNetwork,
    /// The network, PID or IPC namespace of another container, or volumes from it.
    OtherContainer(String),
    /// Swarm places it.
    Swarm,
    /// The engine removes it when it stops, with what it wrote.
    AutoRemove,
    /// Somebody said so with a label.
    Label,
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BindMount(path) => write!(f, "bind mount {path}"),
            Self::LocalVolume(name) => write!(f, "local volume {name}"),
            Self::Device(path) => write!(f, "device {path}"),
            Self::SharedNetwork(name) => write!(f, "bridge network {name} shared with other containers"),
            Self::HostNetwork => f.write_str("the host's network: nothing says which ports it takes"),
            Self::OtherContainer(name) => write!(f, "shares a namespace or volumes with container {name}"),
            Self::Swarm => f.write_str("placed by swarm: change the service's constraints instead"),
            Self::AutoRemove => f.write_str("made with --rm: once it stops it is gone, with what it wrote"),
            Self::Label => f.write_str("pinned by its label"),
        }
    }
}

/// Why a container would be refused on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// [`ObstacleKind::Policy`] or [`ObstacleKind::Name`].
    pub kind: ObstacleKind,
    pub detail: String,
}

/// What only the caller can know of a container on a target: the opinion of the policies, and names that are taken. Asked
/// last, and for few targets.
pub trait Admission {
    /// Whether the target would take it.
    ///
    /// # Errors
    /// [`Denial`] with the rule or the name that is in the way.
    fn admits(&self, container: &Container, target: &Host) -> Result<(), Denial>;
}

/// Every host takes everything; for simulations.
pub struct Everywhere;

impl Admission for Everywhere {
    fn admits(&self, _: &Container, _: &Host) -> Result<(), Denial> {
        Ok(())
    }
}
