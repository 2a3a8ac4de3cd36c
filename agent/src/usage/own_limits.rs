//! Puts the agent under limits of its own, where nothing limits it yet and the system lets it: a group of control groups
//! that holds the agent alone.

use super::{
    hierarchy::{Groups, GroupsV1, Hierarchies},
    own,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process,
};
use wharden_model::inventory::AgentFacts;

/// Beginning of the names of groups that agents make for themselves.
const PREFIX: &str = "wharden-agent-";
/// Period of the limit of processor time, in microseconds: the kernel's own.
const PERIOD_US: u64 = 100_000;

/// What the agent may use; 0 for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnLimits {
    pub memory_bytes: u64,
    pub cpu_millicores: u64,
}

impl OwnLimits {
    /// From MiB, and from hundredths of a processor.
    pub const fn new(memory_mib: u64, cpu_percent: u64) -> Self {
        Self { memory_bytes: memory_mib.saturating_mul(1024 * 1024), cpu_millicores: cpu_percent.saturating_mul(10) }
    }
}

/// Sets what is not limited yet, and says what limits the agent then. Limits that whoever started it has set, stay.
pub fn limit_self(wanted: OwnLimits) -> AgentFacts {
    let hierarchies = Hierarchies::of_this_machine();
    let held = own::facts(&hierarchies);
    let missing = OwnLimits {
        memory_bytes: if held.memory_limit_bytes == 0 { wanted.memory_bytes } else { 0 },
        cpu_millicores: if held.cpu_limit_millicores == 0 { wanted.cpu_millicores } else { 0 },
    };
    if missing == (OwnLimits { memory_bytes: 0, cpu_millicores: 0 }) {
        return held;
    }
    let set = match hierarchies.of_process("self") {
        Some(Groups::V1(groups)) => limit_v1(&groups, missing),
        Some(Groups::V2(group)) => limit_v2(&group, missing),
        None => Err("no control groups are mounted".to_owned()),
    };
    let limits_problem = set.err().unwrap_or_default();
    if !limits_problem.is_empty() {
        tracing::warn!(problem = %limits_problem, "the agent could not limit itself");
    }
    AgentFacts { limits_problem, ..own::facts(&hierarchies) }
}

fn limit_v1(groups: &GroupsV1, wanted: OwnLimits) -> Result<(), String> {
    if wanted.memory_bytes > 0 {
        let group = make(groups.memory.as_ref().ok_or("the controller memory is not mounted")?)?;
        put(&group.join("memory.limit_in_bytes"), &wanted.memory_bytes.to_string())?;
        enter(&group)?;
    }
    if wanted.cpu_millicores > 0 {
        let group = make(groups.cpu.as_ref().ok_or("the controller cpu is not mounted")?)?;
        put(&group.join("cpu.cfs_period_us"), &PERIOD_US.to_string())?;
        put(&group.join("cpu.cfs_quota_us"), &quota(wanted).to_string())?;
        enter(&group)?;
    }
    Ok(())
}

/// In version 2 a group has either processes or groups with controllers: the new one stands beside the agent's, or below the
/// root, which may have both.
fn limit_v2(group: &Path, wanted: OwnLimits) -> Result<(), String> {
    let is_root = !group.join("cgroup.type").exists();
    let beside = if is_root { Some(group) } else { group.parent() };
    let made = make(beside.ok_or("the agent's control group has no parent")?)?;
    if wanted.memory_bytes > 0 {
        put(&made.join("memory.max"), &wanted.memory_bytes.to_string())?;
    }
    if wanted.cpu_millicores > 0 {
        put(&made.join("cpu.max"), &format!("{} {PERIOD_US}", quota(wanted)))?;
    }
    enter(&made)
}

const fn quota(wanted: OwnLimits) -> u64 {
    wanted.cpu_millicores.saturating_mul(PERIOD_US) / 1000
}

/// A group for this process, in this one. Those of agents that are gone are removed; the kernel keeps one that has a process.
fn make(parent: &Path) -> Result<PathBuf, String> {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        // Of an agent that lives it may be empty for a moment, before the agent has entered it.
        let gone = |pid: u32| !Path::new(&format!("/proc/{pid}")).exists();
        if entry.file_name().to_str().and_then(maker).is_some_and(gone) {
            let _ = fs::remove_dir(entry.path());
        }
    }
    let group = parent.join(own_name());
    match fs::create_dir(&group) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(format!("{}: {error}", group.display())),
        _ => Ok(group),
    }
}

fn own_name() -> String {
    format!("{PREFIX}{}", process::id())
}

/// The process that made a group of this name for itself.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// Leaves the groups that this process made for itself, and removes them. One that cannot be left, since version 2 has no place
/// for processes around it, is removed by the next agent.
pub fn leave_own_groups() {
    let groups = Hierarchies::of_this_machine().of_process("self");
    groups.iter().flat_map(Groups::paths).for_each(|group| leave(group));
}

fn leave(group: &Path) {
    if let Some(parent) = group.parent()
        && group.ends_with(own_name())
        && enter(parent).is_ok()
    {
        let _ = fs::remove_dir(group);
    }
}

fn enter(group: &Path) -> Result<(), String> {
    put(&group.join("cgroup.procs"), &process::id().to_string())
}

fn put(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: OwnLimits = OwnLimits { memory_bytes: 128 << 20, cpu_millicores: 200 };

    #[test]
    fn groups_of_agents_that_are_gone_are_removed_and_an_agent_leaves_none() {
        let dir = tempfile::tempdir().expect("dir");
        // No process has the greatest number; the first one always lives.
        for name in ["wharden-agent-4294967295", "wharden-agent-1", "wharden-agent-x"] {
            fs::create_dir(dir.path().join(name)).expect("folder");
        }
        let made = make(dir.path()).expect("a group");
        let there = |name: &str| dir.path().join(name).exists();
        let names = ["wharden-agent-4294967295", "wharden-agent-1", "wharden-agent-x", &own_name()];
        assert_eq!(names.map(there), [false, true, true, true]);
        leave(&dir.path().join("wharden-agent-1"));
        leave(&made);
        assert!(!made.exists() && there("wharden-agent-1"));
        let pid = fs::read_to_string(dir.path().join("cgroup.procs")).expect("entered");
        assert_eq!(pid, process::id().to_string());
    }

    #[test]
    fn a_group_is_made_and_entered() {
        let dir = tempfile::tempdir().expect("dir");
        let own = dir.path().join("own");
        fs::create_dir_all(&own).expect("folder");
        fs::write(own.join("cgroup.type"), "domain\n").expect("write");
        limit_v2(&own, WANTED).expect("limits");
        let made = dir.path().join(format!("{PREFIX}{}", process::id()));
        let text = |name: &str| fs::read_to_string(made.join(name)).expect("file");
        assert_eq!((text("memory.max"), text("cpu.max")), ("134217728".to_owned(), "20000 100000".to_owned()));
        assert_eq!(text("cgroup.procs"), process::id().to_string());

        let groups = GroupsV1 { memory: Some(own.clone()), cpu: Some(own.clone()), ..GroupsV1::default() };
        limit_v1(&groups, WANTED).expect("limits");
        let made = own.join(format!("{PREFIX}{}", process::id()));
        let text = |name: &str| fs::read_to_string(made.join(name)).expect("file");
        assert_eq!((text("memory.limit_in_bytes"), text("cpu.cfs_quota_us")), ("134217728".into(), "20000".into()));
        let why = limit_v1(&GroupsV1::default(), WANTED).expect_err("nothing is mounted");
        assert!(why.contains("memory"), "{why}");
    }
}
