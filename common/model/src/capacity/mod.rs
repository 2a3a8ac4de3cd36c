//! Words of capacity planning: what a host has, what is used of it, when that is too much, and what to move.
//!
//! Shares of a capacity are whole thousandths (`_permille`), so that a plan is the same on every machine.

mod advice;
mod alert;
mod threshold;

pub use advice::{
    Advice, AdviceId, BlockedContainer, CapacityPlan, ContainerRef, HostRef, Obstacle, ObstacleKind, Reason, Side,
    Stuck,
};
pub use alert::{AlertState, CapacityAlert, Transition};
pub use threshold::{Mark, Marks, ThresholdError, ThresholdName, ThresholdRule, Thresholds};

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a host has a bounded amount of and a container takes with it when it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CapacityResource))]
pub enum Resource {
    Cpu,
    Memory,
    Disk,
    Pids,
    Containers,
}

impl Resource {
    /// All, in the order of [`Amount`]'s fields.
    pub const ALL: [Self; 5] = [Self::Cpu, Self::Memory, Self::Disk, Self::Pids, Self::Containers];

    /// The word in texts and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Pids => "pids",
            Self::Containers => "containers",
        }
    }

    /// The signal that is its use.
    pub const fn signal(self) -> Signal {
        match self {
            Self::Cpu => Signal::Cpu,
            Self::Memory => Signal::Memory,
            Self::Disk => Signal::Disk,
            Self::Pids => Signal::Pids,
            Self::Containers => Signal::Containers,
        }
    }

    /// `value` of this resource for people, e.g. `2.5 CPUs`, `3.2 GiB`, `120 pids`.
    pub fn show(self, value: u64) -> String {
        match self {
            Self::Cpu => format!("{}.{} CPUs", value / 1000, value % 1000 / 100),
            Self::Memory | Self::Disk => show_bytes(value),
            Self::Pids => format!("{value} pids"),
            Self::Containers => format!("{value} containers"),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Bytes with a binary unit and one digit after the point.
pub fn show_bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let unit = ((bytes.ilog2() / 10) as usize).min(units.len());
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, units[unit - 1])
}

/// Thousandths as a percentage, e.g. `87.5 %`.
pub fn show_permille(permille: u16) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// An amount of every resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CapacityAmount))]
pub struct Amount {
    /// Thousandths of a logical processor.
    pub cpu_millis: u64,
    pub memory_bytes: u64,
    pub disk_bytes: u64,
    pub pids: u64,
    pub containers: u64,
}

impl Amount {
    /// The amounts in the order of [`Resource::ALL`].
    pub const fn to_array(self) -> [u64; 5] {
        [self.cpu_millis, self.memory_bytes, self.disk_bytes, self.pids, self.containers]
    }

    /// From amounts in the order of [`Resource::ALL`].
    pub const fn from_array(a: [u64; 5]) -> Self {
        Self { cpu_millis: a[0], memory_bytes: a[1], disk_bytes: a[2], pids: a[3], containers: a[4] }
    }

    /// The amount of one resource.
    pub const fn get(self, resource: Resource) -> u64 {
        self.to_array()[resource as usize]
    }

    /// Each resource of both, by `f`.
    pub fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        let (a, b) = (self.to_array(), other.to_array());
        Self::from_array(std::array::from_fn(|i| f(a[i], b[i])))
    }

    /// The sum, at most `u64::MAX`.
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// The difference, at least 0.
    pub fn minus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }

    /// The greater of both, resource by resource.
    pub fn max(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    /// What there is some of, for people: `1.5 CPUs, 2.0 GiB memory`.
    pub fn show(self) -> String {
        let parts = Resource::ALL.iter().filter(|r| self.get(**r) > 0).map(|r| match r {
            Resource::Memory | Resource::Disk => format!("{} {r}", r.show(self.get(*r))),
            _ => r.show(self.get(*r)),
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// `used` in thousandths of `capacity`; `None` when no capacity is known, which is what 0 means.
pub fn permille(used: u64, capacity: u64) -> Option<u16> {
    let share = (u128::from(used) * 1000).checked_div(u128::from(capacity))?;
    Some(u16::try_from(share).unwrap_or(u16::MAX))
}

/// What is watched on a host: the share of each resource that is used, and how long tasks wait for one (PSI, Linux's
/// pressure stall information, Documentation/accounting/psi.rst: `some`, the average of the last minute).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CapacitySignal))]
pub enum Signal {
    Cpu,
    Memory,
    Disk,
    Pids,
    Containers,
    PsiCpu,
    PsiMemory,
    PsiIo,
}

impl Signal {
    /// All, in the order in which a host's values are kept.
    pub const ALL: [Self; 8] =
        [Self::Cpu, Self::Memory, Self::Disk, Self::Pids, Self::Containers, Self::PsiCpu, Self::PsiMemory, Self::PsiIo];

    /// The word in flags, texts and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Pids => "pids",
            Self::Containers => "containers",
            Self::PsiCpu => "psi_cpu",
            Self::PsiMemory => "psi_memory",
            Self::PsiIo => "psi_io",
        }
    }

    /// The resource whose use it is; `None` for pressure.
    pub const fn resource(self) -> Option<Resource> {
        match self {
            Self::Cpu => Some(Resource::Cpu),
            Self::Memory => Some(Resource::Memory),
            Self::Disk => Some(Resource::Disk),
            Self::Pids => Some(Resource::Pids),
            Self::Containers => Some(Resource::Containers),
            Self::PsiCpu | Self::PsiMemory | Self::PsiIo => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Signal {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|signal| signal.as_str() == s).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|signal| signal.as_str()).collect();
            format!("{s:?} is not watched on hosts: use one of {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        let amount = Amount { cpu_millis: 1500, memory_bytes: 2 << 30, ..Amount::default() };
        assert_eq!(amount.show(), "1.5 CPUs, 2.0 GiB memory");
        assert_eq!(show_bytes(u64::MAX), "15.9 EiB");
        assert_eq!(show_bytes(1023), "1023 B");
        assert_eq!(show_permille(875), "87.5 %");
    }

    #[test]
    fn a_share_of_an_unknown_capacity_is_none_and_a_huge_one_stays_huge() {
        assert_eq!(permille(5, 0), None);
        assert_eq!(permille(1, 3), Some(333));
        assert_eq!(permille(u64::MAX, 1), Some(u16::MAX));
    }

    #[test]
    fn signals_are_read_by_their_words() {
        for signal in Signal::ALL {
            assert_eq!(signal.as_str().parse(), Ok(signal));
        }
        assert!("ram".parse::<Signal>().expect_err("unknown").contains("psi_memory"));
    }
}
