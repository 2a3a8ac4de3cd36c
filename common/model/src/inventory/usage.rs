use super::{Pressure, bound};
use crate::{
    limits::{INVENTORY_CONTAINERS_MAX, INVENTORY_ID_MAX, INVENTORY_LIST_MAX, INVENTORY_PATH_MAX},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a host and its containers use, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageSample {
    /// By the host's clock.
    pub at: Timestamp,
    /// Seconds to the next one, as things are.
    pub interval_s: u32,
    pub host: HostUsage,
    pub agent: AgentUse,
    /// By container id. Those that use what they used when they were last told are left out.
    pub containers: BTreeMap<String, ContainerUsage>,
}

impl UsageSample {
    /// Leaves out what is over a limit.
    pub fn bound(&mut self) {
        self.containers.retain(|id, _| id.len() <= INVENTORY_ID_MAX);
        while self.containers.len() > INVENTORY_CONTAINERS_MAX {
            self.containers.pop_last();
        }
        bound::list(&mut self.host.disks, INVENTORY_LIST_MAX, |disk| bound::text(&mut disk.path, INVENTORY_PATH_MAX));
    }
}

/// What a container uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerUsage {
    /// Thousandths of a processor, since the sample before.
    pub cpu_millicores: u32,
    /// Without the page cache that can be given back.
    pub memory_bytes: u64,
    pub pids: u32,
    pub pressure: Pressure,
    /// Bytes a second, since the sample before.
    pub disk_read_bps: u64,
    /// See `disk_read_bps`.
    pub disk_write_bps: u64,
    /// Bytes a second; 0 for a container in the host's network.
    pub net_rx_bps: u64,
    /// See `net_rx_bps`.
    pub net_tx_bps: u64,
}

/// What a host uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostUsage {
    /// Thousandths of a processor, since the sample before.
    pub cpu_millicores: u64,
    /// All memory but what is available without swapping.
    pub memory_bytes: u64,
    /// Tasks that ran or waited to run, over a minute, in thousandths.
    pub load_milli: u64,
    pub pids: u64,
    pub pressure: Pressure,
    pub disks: Vec<DiskUse>,
    /// Bytes a second over the interfaces of the machine itself.
    pub net_rx_bps: u64,
    /// See `net_rx_bps`.
    pub net_tx_bps: u64,
    /// Bytes a second of all disks.
    pub disk_read_bps: u64,
    /// See `disk_read_bps`.
    pub disk_write_bps: u64,
}

/// How full a file system is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiskUse {
    /// Where it is mounted.
    pub path: String,
    pub used_bytes: u64,
    /// To be had by anybody but root.
    pub available_bytes: u64,
}

/// What the agent itself uses, and how it holds back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentUse {
    /// Resident memory.
    pub memory_bytes: u64,
    /// Thousandths of a processor, since the sample before.
    pub cpu_millicores: u32,
    /// Looks at the engine that were put off since it started, because the host or the agent was under pressure.
    pub put_off: u64,
    /// Why samples are rarer than usual just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strain: Option<Strain>,
}

/// What makes an agent hold back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Strain {
    /// Tasks of the host wait for processors.
    HostCpu,
    /// Tasks of the host wait for memory.
    HostMemory,
    /// Tasks of the host wait for disks.
    HostIo,
    /// The agent is near its own limit of memory.
    AgentMemory,
    /// The agent was held back at its own limit of processor time.
    AgentCpu,
    #[serde(other)]
    Other,
}
