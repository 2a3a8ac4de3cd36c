//! Where the kernel keeps what a process uses: control groups of version 1 or 2.

use crate::limits::KERNEL_FILE_MAX;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// A hierarchy that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mounted {
    at: PathBuf,
    /// The group that is seen there, as the kernel names it.
    root: String,
}

/// All that are mounted, by controller; under `""` the one of version 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchies(BTreeMap<String, Mounted>);

/// The groups that a process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    V1(GroupsV1),
    /// One group for everything.
    V2(PathBuf),
}

/// A group for each controller; `None` where it is not mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupsV1 {
    pub cpu: Option<PathBuf>,
    pub cpuacct: Option<PathBuf>,
    pub memory: Option<PathBuf>,
    pub pids: Option<PathBuf>,
    pub blkio: Option<PathBuf>,
}

impl Hierarchies {
    /// Those of this machine.
    pub fn of_this_machine() -> Self {
        Self::parse(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
    }

    /// By proc_pid_mountinfo(5).
    fn parse(mounts: &str) -> Self {
        let mut found = BTreeMap::new();
        for line in mounts.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let (left, right): (Vec<&str>, Vec<&str>) = (left.split(' ').collect(), right.split(' ').collect());
            let (Some(root), Some(at)) = (left.get(3), left.get(4)) else { continue };
            let mounted = Mounted { at: PathBuf::from(at), root: (*root).to_owned() };
            match (right.first(), right.get(2)) {
                (Some(&"cgroup2"), _) => {
                    found.entry(String::new()).or_insert(mounted);
                }
                (Some(&"cgroup"), Some(options)) => {
                    for controller in options.split(',').filter(|option| !matches!(*option, "rw" | "ro")) {
                        found.entry(controller.to_owned()).or_insert_with(|| mounted.clone());
                    }
                }
                _ => {}
            }
        }
        Self(found)
    }

    /// The groups in the text of `/proc/<pid>/cgroup`. `None` when nothing is measured there.
    pub fn groups(&self, text: &str) -> Option<Groups> {
        let mut v1 = BTreeMap::new();
        let mut v2 = None;
        for line in text.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
            for controller in controllers.split(',') {
                let Some(group) = self.0.get(controller).and_then(|mounted| mounted.path(path)) else { continue };
                if controller.is_empty() {
                    v2 = Some(group);
                } else {
                    v1.insert(controller, group);
                }
            }
        }
        let mut take = |controller: &str| v1.remove(controller);
        let groups = GroupsV1 {
            cpu: take("cpu"),
            cpuacct: take("cpuacct"),
            memory: take("memory"),
            pids: take("pids"),
            blkio: take("blkio"),
        };
        // Both are mounted on many machines; then the controllers are those of version 1.
        if groups == GroupsV1::default() { v2.map(Groups::V2) } else { Some(Groups::V1(groups)) }
    }

    /// The groups of a process.
    pub fn of_process(&self, process: &str) -> Option<Groups> {
        self.groups(&read(Path::new(&format!("/proc/{process}/cgroup")))?)
    }
}

impl Mounted {
    /// Where a group is seen; `None` for one that is outside of what is mounted.
    fn path(&self, group: &str) -> Option<PathBuf> {
        let inside = match self.root.as_str() {
            "/" => group,
            root => group.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(group),
        };
        let outside = Path::new(inside).components().any(|part| part == std::path::Component::ParentDir);
        (!outside).then(|| self.at.join(inside.trim_start_matches('/')))
    }
}

impl Groups {
    /// 1 or 2.
    pub const fn version(&self) -> u8 {
        match self {
            Self::V1(_) => 1,
            Self::V2(_) => 2,
        }
    }

    /// Their folders.
    pub fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::V2(path) => vec![path],
            Self::V1(GroupsV1 { cpu, cpuacct, memory, pids, blkio }) => {
                [cpu, cpuacct, memory, pids, blkio].into_iter().flatten().collect()
            }
        }
    }

    /// True when some group's name has this word in it.
    pub fn names(&self, word: &str) -> bool {
        self.paths().iter().any(|path| path.to_string_lossy().contains(word))
    }
}

/// A small file of the kernel.
pub fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(KERNEL_FILE_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The one number in a file; `None` for `max` and the like.
pub fn number(path: &Path) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

/// The number after a word at the beginning of a line.
pub fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 /outer /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_groups_of_both_versions_are_found() {
        let hybrid = Hierarchies::parse(HYBRID);
        let text = "4:memory:/outer/docker/c1\n2:cpu,cpuacct:/docker/c1\n1:name=systemd:/x\n0::/docker/c1\n";
        let group = |path: &str| Some(PathBuf::from(path));
        let wanted = GroupsV1 {
            cpu: group("/sys/fs/cgroup/cpu,cpuacct/docker/c1"),
            cpuacct: group("/sys/fs/cgroup/cpu,cpuacct/docker/c1"),
            memory: group("/sys/fs/cgroup/memory/docker/c1"),
            ..GroupsV1::default()
        };
        let groups = hybrid.groups(text).expect("groups");
        assert_eq!(groups, Groups::V1(wanted));
        assert!(groups.names("c1") && !groups.names("c2"));
        let unified = Hierarchies::parse("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        let v2 = Groups::V2("/sys/fs/cgroup/system.slice/docker-c1.scope".into());
        assert_eq!(unified.groups("0::/system.slice/docker-c1.scope\n"), Some(v2));
        assert_eq!(unified.groups("0::/../../docker-c1.scope\n"), None, "outside of what is seen");
        assert_eq!(Hierarchies::default().groups(text), None);
    }

    #[test]
    fn numbers_are_found_by_whole_words() {
        let text = "usage_usec 12\nnr_throttled 3\nnr_throttled_x 4\n";
        assert_eq!((field(text, "nr_throttled"), field(text, "usage"), field(text, "max")), (Some(3), None, None));
    }
}
