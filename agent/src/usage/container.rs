//! What a container uses, from the files of its control groups.

use super::{
    counters::Counters,
    hierarchy::{Groups, GroupsV1, field, number, read},
};
use std::path::Path;
use wharden_model::inventory::{Pressure, Stall};

/// What is measured at one moment: some of it as it is, some of it as it has grown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub memory_bytes: u64,
    pub pids: u32,
    pub pressure: Pressure,
    pub counters: Counters,
}

/// Reads what there is; what cannot be read is 0. Traffic of the network is of the process's own network, `None` for a
/// container in the host's.
pub fn measure(groups: &Groups, network_of: Option<u32>) -> Reading {
    let mut reading = match groups {
        Groups::V1(groups) => measure_v1(groups),
        Groups::V2(group) => measure_v2(group),
    };
    if let Some(text) = network_of.and_then(|pid| read(Path::new(&format!("/proc/{pid}/net/dev")))) {
        (reading.counters.net_rx, reading.counters.net_tx) = traffic(&text, |name| name != "lo");
    }
    reading
}

fn measure_v1(groups: &GroupsV1) -> Reading {
    let GroupsV1 { cpuacct, memory, pids, blkio, .. } = groups;
    let at = |group: &Option<std::path::PathBuf>, name: &str| group.as_ref().map(|group| group.join(name));
    let value = |group, name| at(group, name).and_then(|path| number(&path)).unwrap_or_default();
    let text = |group, name| at(group, name).and_then(|path| read(&path)).unwrap_or_default();
    let used = value(memory, "memory.usage_in_bytes");
    let cache = field(&text(memory, "memory.stat"), "total_inactive_file").unwrap_or_default();
    let mut bytes = text(blkio, "blkio.throttle.io_service_bytes_recursive");
    if bytes.is_empty() {
        bytes = text(blkio, "blkio.throttle.io_service_bytes");
    }
    Reading {
        memory_bytes: used.saturating_sub(cache),
        pids: u32::try_from(value(pids, "pids.current")).unwrap_or(u32::MAX),
        pressure: Pressure::default(),
        counters: Counters {
            cpu_ns: value(cpuacct, "cpuacct.usage"),
            disk_read: moved_v1(&bytes, "Read"),
            disk_write: moved_v1(&bytes, "Write"),
            ..Counters::default()
        },
    }
}

/// Lines `8:0 Read 4096`.
fn moved_v1(text: &str, what: &str) -> u64 {
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (_, name, bytes) = (words.next()?, words.next()?, words.next()?);
        (name == what).then(|| bytes.parse::<u64>().ok())?
    };
    text.lines().filter_map(line).fold(0, u64::saturating_add)
}

fn measure_v2(group: &Path) -> Reading {
    let text = |name: &str| read(&group.join(name)).unwrap_or_default();
    let value = |name: &str| number(&group.join(name)).unwrap_or_default();
    let stall = |name: &str| Stall::parse(&text(name));
    let cache = field(&text("memory.stat"), "inactive_file").unwrap_or_default();
    let io = text("io.stat");
    Reading {
        memory_bytes: value("memory.current").saturating_sub(cache),
        pids: u32::try_from(value("pids.current")).unwrap_or(u32::MAX),
        pressure: Pressure { cpu: stall("cpu.pressure"), memory: stall("memory.pressure"), io: stall("io.pressure") },
        counters: Counters {
            cpu_ns: field(&text("cpu.stat"), "usage_usec").unwrap_or_default().saturating_mul(1000),
            disk_read: moved_v2(&io, "rbytes="),
            disk_write: moved_v2(&io, "wbytes="),
            ..Counters::default()
        },
    }
}

/// Lines `8:0 rbytes=1 wbytes=2 …`.
fn moved_v2(text: &str, what: &str) -> u64 {
    let words = text.split_ascii_whitespace();
    words.filter_map(|word| word.strip_prefix(what)?.parse::<u64>().ok()).fold(0, u64::saturating_add)
}

/// Bytes in and out over some interfaces, by proc_pid_net_dev.
pub fn traffic(text: &str, counts: impl Fn(&str) -> bool) -> (u64, u64) {
    let mut sum = (0_u64, 0_u64);
    for (_, rest) in text.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| counts(name.trim())) {
        let mut words = rest.split_ascii_whitespace().map(|word| word.parse::<u64>().unwrap_or_default());
        sum.0 = sum.0.saturating_add(words.next().unwrap_or_default());
        sum.1 = sum.1.saturating_add(words.nth(7).unwrap_or_default());
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("dir");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("write");
        }
        dir
    }

    #[test]
    fn version_1_is_read() {
        let dir = folder(&[
            ("cpuacct.usage", "5000000000\n"),
            ("memory.usage_in_bytes", "1000\n"),
            ("memory.stat", "inactive_file 1\ntotal_inactive_file 400\n"),
            ("pids.current", "7\n"),
            ("blkio.throttle.io_service_bytes", "8:0 Read 10\n8:0 Write 20\n8:16 Read 5\nTotal 35\n"),
        ]);
        let all = Some(dir.path().to_owned());
        let groups = GroupsV1 { cpu: None, cpuacct: all.clone(), memory: all.clone(), pids: all.clone(), blkio: all };
        let counters = Counters { cpu_ns: 5_000_000_000, disk_read: 15, disk_write: 20, ..Counters::default() };
        let wanted = Reading { memory_bytes: 600, pids: 7, pressure: Pressure::default(), counters };
        assert_eq!(measure(&Groups::V1(groups), None), wanted);
        assert_eq!(measure(&Groups::V1(GroupsV1::default()), None), Reading::default());
    }

    #[test]
    fn version_2_is_read() {
        let dir = folder(&[
            ("cpu.stat", "usage_usec 2000\nuser_usec 1\n"),
            ("memory.current", "1000\n"),
            ("memory.stat", "anon 5\ninactive_file 300\n"),
            ("pids.current", "3\n"),
            ("io.stat", "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=1 rios=1\n"),
            ("memory.pressure", "some avg10=1.00 avg60=0.50 avg300=0.00 total=1\n"),
        ]);
        let counters = Counters { cpu_ns: 2_000_000, disk_read: 15, disk_write: 21, ..Counters::default() };
        let pressure = Pressure { memory: Some(Stall { avg10: 100, avg60: 50 }), ..Pressure::default() };
        let wanted = Reading { memory_bytes: 700, pids: 3, pressure, counters };
        assert_eq!(measure(&Groups::V2(dir.path().to_owned()), None), wanted);
    }

    #[test]
    fn traffic_is_summed_over_the_interfaces_that_count() {
        let text = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n\
                      eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n  eth1: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n";
        assert_eq!(traffic(text, |name| name != "lo"), (11, 22));
    }
}
