//! The limits that the system holds the agent to, and how near it is to them.

use super::{
    hierarchy::{Groups, Hierarchies, field, number, read},
    host::process,
};
use std::path::{Path, PathBuf};
use wharden_model::inventory::AgentFacts;

/// Version 1 says "none" with the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 60;

/// What the agent uses at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnReading {
    pub memory_bytes: u64,
    pub cpu_ns: u64,
    /// Periods of its limit of processor time, and those in which it was held back.
    pub periods: u64,
    pub held_back: u64,
}

/// What limits it now.
pub fn facts(hierarchies: &Hierarchies) -> AgentFacts {
    let groups = hierarchies.of_process("self");
    let mut facts = AgentFacts { version: env!("CARGO_PKG_VERSION").to_owned(), ..AgentFacts::default() };
    if let Some(groups) = &groups {
        facts.memory_limit_bytes = memory_limit(groups).unwrap_or_default();
        facts.cpu_limit_millicores = cpu_limit(groups).unwrap_or_default();
        if facts.memory_limit_bytes > 0 || facts.cpu_limit_millicores > 0 {
            facts.cgroup_version = groups.version();
        }
    }
    facts
}

/// What it uses now.
pub fn measure(groups: Option<&Groups>) -> OwnReading {
    let text = |name: &str| read(Path::new(name)).unwrap_or_default();
    let (memory_bytes, cpu_ns) = process(&text("/proc/self/stat"), &text("/proc/self/status"));
    let stat = groups.and_then(|groups| match groups {
        Groups::V1(groups) => read(&groups.cpu.as_ref()?.join("cpu.stat")),
        Groups::V2(group) => read(&group.join("cpu.stat")),
    });
    let stat = stat.unwrap_or_default();
    OwnReading {
        memory_bytes,
        cpu_ns,
        periods: field(&stat, "nr_periods").unwrap_or_default(),
        held_back: field(&stat, "nr_throttled").unwrap_or_default(),
    }
}

/// The memory of the agent's own group, where that limits it.
#[derive(Debug)]
pub struct OwnMemory {
    group: PathBuf,
    limit: u64,
    /// Files of its version: what is used, and the lines of it that the kernel can take back.
    used: &'static str,
    files: [&'static str; 2],
}

impl OwnMemory {
    /// As it is limited now; `None` where it is not.
    pub fn of_this_process() -> Option<Self> {
        Self::of(Hierarchies::of_this_machine().of_process("self")?)
    }

    fn of(groups: Groups) -> Option<Self> {
        let (group, limit, used, files) = match groups {
            Groups::V1(groups) => {
                let files = ["total_inactive_file", "total_active_file"];
                (groups.memory?, "memory.limit_in_bytes", "memory.usage_in_bytes", files)
            }
            Groups::V2(group) => (group, "memory.max", "memory.current", ["inactive_file", "active_file"]),
        };
        let limit = number(&group.join(limit)).filter(|limit| (1..NO_LIMIT).contains(limit))?;
        Some(Self { group, limit, used, files })
    }

    /// How much of its limit it has, sockets and the like with it, files not, in per cent. `None` when the kernel does not say.
    pub fn used_percent(&self) -> Option<u64> {
        let (used, stat) = (number(&self.group.join(self.used))?, read(&self.group.join("memory.stat"))?);
        let files: u64 = self.files.iter().filter_map(|name| field(&stat, name)).sum();
        Some(used.saturating_sub(files).saturating_mul(100) / self.limit)
    }
}

/// A group and all that hold it, below the root of the hierarchy: each of them limits.
fn upwards(group: &Path) -> impl Iterator<Item = PathBuf> {
    group.ancestors().take_while(|folder| folder.join("cgroup.procs").exists()).map(Path::to_path_buf)
}

fn memory_limit(groups: &Groups) -> Option<u64> {
    let (group, file) = match groups {
        Groups::V1(groups) => (groups.memory.as_ref()?, "memory.limit_in_bytes"),
        Groups::V2(group) => (group, "memory.max"),
    };
    upwards(group).filter_map(|folder| number(&folder.join(file))).filter(|limit| *limit < NO_LIMIT).min()
}

fn cpu_limit(groups: &Groups) -> Option<u64> {
    let millicores = |quota: u64, period: u64| quota.saturating_mul(1000) / period.max(1);
    match groups {
        Groups::V1(groups) => {
            let one = |folder: PathBuf| {
                // -1 is no limit, and no number here.
                let quota = number(&folder.join("cpu.cfs_quota_us"))?;
                Some(millicores(quota, number(&folder.join("cpu.cfs_period_us"))?))
            };
            upwards(groups.cpu.as_ref()?).filter_map(one).min()
        }
        Groups::V2(group) => {
            let one = |folder: PathBuf| {
                let text = read(&folder.join("cpu.max"))?;
                let (quota, period) = text.trim().split_once(' ')?;
                Some(millicores(quota.parse().ok()?, period.parse().ok()?))
            };
            upwards(group).filter_map(one).min()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::hierarchy::GroupsV1;
    use std::fs;

    #[test]
    fn what_the_kernel_can_take_back_is_not_used() {
        let dir = tempfile::tempdir().expect("dir");
        let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("write");
        let v1 = || Groups::V1(GroupsV1 { memory: Some(dir.path().into()), ..GroupsV1::default() });
        put("memory.limit_in_bytes", "9223372036854771712\n");
        assert!(OwnMemory::of(v1()).is_none() && OwnMemory::of(Groups::V2(dir.path().into())).is_none());
        put("memory.limit_in_bytes", "1000\n");
        put("memory.usage_in_bytes", "900\n");
        put("memory.stat", "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 50\n");
        assert_eq!(OwnMemory::of(v1()).and_then(|memory| memory.used_percent()), Some(75));
        put("memory.max", "2000\n");
        put("memory.current", "900\n");
        put("memory.stat", "anon 700\ninactive_file 100\nactive_file 100\n");
        let v2 = OwnMemory::of(Groups::V2(dir.path().into())).expect("a limit");
        assert_eq!(v2.used_percent(), Some(35));
        fs::remove_file(dir.path().join("memory.stat")).expect("remove");
        assert_eq!(v2.used_percent(), None);
    }

    #[test]
    fn the_tightest_limit_on_the_way_up_counts() {
        let dir = tempfile::tempdir().expect("dir");
        let (outer, inner) = (dir.path().join("outer"), dir.path().join("outer/inner"));
        fs::create_dir_all(&inner).expect("folders");
        let put = |folder: &Path, files: &[(&str, &str)]| {
            files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).expect("write"));
        };
        let two = |memory, cpu| [("cgroup.procs", ""), ("memory.max", memory), ("cpu.max", cpu)];
        put(&outer, &two("134217728\n", "max 100000\n"));
        put(&inner, &two("max\n", "20000 100000\n"));
        let groups = Groups::V2(inner.clone());
        assert_eq!((memory_limit(&groups), cpu_limit(&groups)), (Some(128 << 20), Some(200)));
        put(&outer, &[("memory.limit_in_bytes", "9223372036854771712\n")]);
        put(&inner, &[("cpu.cfs_quota_us", "-1\n"), ("cpu.cfs_period_us", "100000\n")]);
        put(&inner, &[("memory.limit_in_bytes", "67108864\n")]);
        let groups = GroupsV1 { memory: Some(inner.clone()), cpu: Some(inner), ..GroupsV1::default() };
        let groups = Groups::V1(groups);
        assert_eq!((memory_limit(&groups), cpu_limit(&groups)), (Some(64 << 20), None));
    }
}
