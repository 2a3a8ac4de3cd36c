//! What the host is, read from the system.

use super::host_report::{memory, os_name, processors};
use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use wharden_model::inventory::{Disk, EngineFacts, HostFacts};

/// Interfaces that the engine makes.
const OF_ENGINE: [&str; 4] = ["docker", "br-", "veth", "cni"];
/// File systems that hold nothing of their own.
const NOT_STORED: [&str; 5] = ["tmpfs", "devtmpfs", "squashfs", "iso9660", "ramfs"];

/// All of it, with what the engine said. What the agent is, is added where that is known.
pub fn machine_facts(engine: EngineFacts) -> HostFacts {
    let uname = rustix::system::uname();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let meminfo = read("/proc/meminfo");
    let root = engine.root.clone();
    HostFacts {
        hostname: uname.nodename().to_string_lossy().into_owned(),
        os: os_name(&read("/etc/os-release")),
        kernel: uname.release().to_string_lossy().into_owned(),
        arch: uname.machine().to_string_lossy().into_owned(),
        engine,
        cpu_millicores: u64::from(processors(&read("/proc/stat"))) * 1000,
        memory_bytes: memory(&meminfo, "MemTotal:"),
        swap_bytes: memory(&meminfo, "SwapTotal:"),
        disks: disks(&read("/proc/self/mountinfo"), &root, size),
        addresses: addresses(),
        ..HostFacts::default()
    }
}

/// Bytes of a file system.
fn size(path: &str) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    stat.f_blocks.checked_mul(stat.f_frsize)
}

/// Local file systems, each once, by proc_pid_mountinfo(5). The root is always one, whatever it is made of.
fn disks(mounts: &str, engine_root: &str, size: impl Fn(&str) -> Option<u64>) -> Vec<Disk> {
    let mut found: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (words, mut right) = (left.split(' ').collect::<Vec<_>>(), right.split(' '));
        let (Some(kind), Some(source)) = (right.next(), right.next()) else { continue };
        let (Some(&device), Some(&path)) = (words.get(2), words.get(4)) else { continue };
        let stored = source.starts_with('/') && !NOT_STORED.contains(&kind);
        // Links and spaces in paths are escaped; such a mount point is left out rather than taken for another.
        if path.contains('\\') || !(stored || path == "/") || is_file(path) {
            continue;
        }
        let shorter = found.get(device).is_none_or(|(held, _)| path.len() < held.len());
        if shorter {
            found.insert(device, (path, kind));
        }
    }
    let mut disks: Vec<Disk> = found
        .into_values()
        .filter_map(|(path, kind)| {
            let size_bytes = size(path)?;
            Some(Disk { path: path.to_owned(), file_system: kind.to_owned(), size_bytes, engine: false })
        })
        .collect();
    disks.sort_unstable();
    let under = |disk: &&mut Disk| Path::new(engine_root).starts_with(&disk.path);
    if let Some(disk) = disks.iter_mut().filter(under).max_by_key(|disk| disk.path.len()) {
        disk.engine = true;
    }
    disks
}

/// Single files are mounted into containers, such as the one that an agent may run in.
fn is_file(path: &str) -> bool {
    path != "/" && fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_dir())
}

/// Addresses that others reach the host by.
fn addresses() -> Vec<String> {
    let mut found = BTreeSet::new();
    for interface in getifaddrs().into_iter().flatten() {
        let own = interface.flags.contains(InterfaceFlags::IFF_LOOPBACK)
            || OF_ENGINE.iter().any(|start| interface.interface_name.starts_with(start));
        let Some(address) = interface.address.filter(|_| !own) else { continue };
        if let Some(v4) = address.as_sockaddr_in() {
            found.insert(v4.ip().to_string());
        } else if let Some(v6) = address.as_sockaddr_in6().map(|v6| v6.ip()).filter(|ip| !ip.is_unicast_link_local()) {
            found.insert(v6.to_string());
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_local_file_system_is_told_once_and_the_engines_is_known() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
             23 22 0:5 / /proc rw - proc proc rw\n\
             24 22 0:6 / /run rw - tmpfs tmpfs rw\n\
             25 22 8:2 / /var/lib/docker rw - xfs /dev/sda2 rw\n\
             26 22 8:2 /x /mnt/bind/of/docker rw - xfs /dev/sda2 rw\n\
             27 22 8:3 / /mnt/with\\040space rw - ext4 /dev/sda3 rw\n\
             28 22 0:9 / /snap rw - squashfs /dev/loop1 ro\n";
        let disks = disks(mounts, "/var/lib/docker/data", |_| Some(5));
        let told: Vec<_> = disks.iter().map(|it| (it.path.as_str(), it.file_system.as_str(), it.engine)).collect();
        assert_eq!(told, [("/", "ext4", false), ("/var/lib/docker", "xfs", true)]);
    }

    #[test]
    fn this_machine_is_something() {
        let facts = machine_facts(EngineFacts::default());
        assert!(facts.cpu_millicores >= 1000 && facts.memory_bytes > 0 && !facts.kernel.is_empty());
        assert!(facts.disks.iter().any(|disk| disk.path == "/" && disk.size_bytes > 0));
        assert!(facts.addresses.iter().all(|address| !address.starts_with("127.")));
    }
}
