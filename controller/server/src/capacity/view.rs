//! What is looked at: hosts with what they use, and what is on one of them.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wharden_capacity::{Address, HostPort, Subnet};
use wharden_model::{HostId, Timestamp, capacity::Amount};

/// The hosts of this controller, as their agents tell them.
pub trait FleetView: Send + Sync {
    /// All of them, in any order.
    fn hosts(&self) -> Vec<(HostId, SeenHost)>;

    /// What is on one; `None` when nothing is known.
    fn contents(&self, host: &HostId) -> Option<Contents>;
}

/// One host.
#[derive(Clone, Debug, Default)]
pub struct SeenHost {
    pub connected: bool,
    /// When its usage was measured, by this controller's clock; `None` when it was not.
    pub sampled_at: Option<Timestamp>,
    pub architecture: String,
    /// 0 of what has no limit that is known.
    pub capacity: Amount,
    pub used: Amount,
    /// Of CPU, memory, I/O; 0 where the kernel has none.
    pub psi_permille: [u16; 3],
    pub runtimes: Vec<String>,
    /// Path of the guard's socket; empty where the agent has not told it.
    pub guard: String,
}

/// What is on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    pub containers: Vec<SeenContainer>,
    pub networks: Vec<SeenNetwork>,
    /// Driver by name of volume.
    pub volumes: BTreeMap<String, String>,
    /// Bytes by id of image.
    pub images: BTreeMap<String, u64>,
    /// Id of image by its name with a tag, in its one spelling.
    pub tags: BTreeMap<String, String>,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenContainer {
    pub id: String,
    pub name: String,
    pub owner: String,
    pub image: String,
    pub image_id: String,
    /// Its processes are there.
    pub up: bool,
    /// What it uses; `None` when it was not measured.
    pub used: Option<Amount>,
    pub ports: BTreeSet<HostPort>,
    pub mounts: Vec<SeenMount>,
    /// Names; `host`, `none` and `container:<id>` among them.
    pub networks: Vec<String>,
    /// Addresses that somebody fixed for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<Address>,
    pub labels: BTreeMap<String, String>,
    pub devices: Vec<String>,
    pub privileged: bool,
    /// The engine removes it when it stops.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_remove: bool,
    /// What it wrote itself; `None` while that was not counted.
    pub layer_bytes: Option<u64>,
}

/// Something mounted in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeenMount {
    /// A path of the host.
    Bind(String),
    /// A volume by its name.
    Volume(String),
    /// Nothing that stays.
    Memory,
    /// Of a kind that nobody here knows.
    Unknown(String),
}

/// A network of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenNetwork {
    pub name: String,
    pub driver: String,
    /// `local`, `swarm` or `global`.
    pub scope: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Subnet>,
}
