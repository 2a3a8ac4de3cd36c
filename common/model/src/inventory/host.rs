use super::{EngineFacts, bound};
use crate::limits::{INVENTORY_LIST_MAX, INVENTORY_PATH_MAX, INVENTORY_TEXT_MAX};
use serde::{Deserialize, Serialize};

/// What a host is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostFacts {
    pub hostname: String,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Of the machine, as uname(1) says it: `x86_64`.
    pub arch: String,
    pub engine: EngineFacts,
    /// All processors, a thousand each.
    pub cpu_millicores: u64,
    pub memory_bytes: u64,
    pub swap_bytes: u64,
    /// Local file systems.
    pub disks: Vec<Disk>,
    /// Addresses of its interfaces, without those of loopback and of the engine's own bridges.
    pub addresses: Vec<String>,
    pub agent: AgentFacts,
}

impl HostFacts {
    /// Cuts everything to its limit.
    pub fn bound(&mut self) {
        for text in [&mut self.hostname, &mut self.os, &mut self.kernel, &mut self.arch] {
            bound::text(text, INVENTORY_TEXT_MAX);
        }
        self.engine.bound();
        bound::list(&mut self.disks, INVENTORY_LIST_MAX, Disk::bound);
        bound::texts(&mut self.addresses);
        bound::text(&mut self.agent.version, INVENTORY_TEXT_MAX);
        bound::text(&mut self.agent.limits_problem, INVENTORY_TEXT_MAX);
        bound::text(&mut self.agent.guard_socket, INVENTORY_PATH_MAX);
    }
}

/// A local file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Disk {
    /// Where it is mounted.
    pub path: String,
    /// `ext4`, `xfs`, …
    pub file_system: String,
    pub size_bytes: u64,
    /// The engine keeps images, containers and volumes on it.
    pub engine: bool,
}

impl Disk {
    fn bound(&mut self) {
        bound::text(&mut self.path, INVENTORY_PATH_MAX);
        bound::text(&mut self.file_system, INVENTORY_TEXT_MAX);
    }
}

/// The agent, and the limits that the system holds it to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentFacts {
    pub version: String,
    /// Version of the control groups that it is limited by, 1 or 2; 0 for none.
    pub cgroup_version: u8,
    /// 0 where nothing limits it.
    pub memory_limit_bytes: u64,
    /// 0 where nothing limits it.
    pub cpu_limit_millicores: u64,
    /// Why it could not set its limits itself; empty when it did, or did not have to.
    pub limits_problem: String,
    /// Path of the guard's socket; empty for the usual one.
    pub guard_socket: String,
}
