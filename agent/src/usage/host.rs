//! What the host uses, from `/proc`.

use super::{
    container::traffic,
    counters::Counters,
    hierarchy::{field, read},
};
use std::{collections::BTreeSet, fs, path::Path};
use wharden_model::inventory::{Disk, DiskUse, Pressure, Stall};

/// Interfaces that the engine makes; what goes over them goes over others too, or never leaves the host.
const OF_ENGINE: [&str; 4] = ["docker", "br-", "veth", "cni"];
/// Bytes of a sector in proc_diskstats(5), whatever the disk's own are.
const SECTOR: u64 = 512;

/// What is measured at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostReading {
    pub memory_bytes: u64,
    pub load_milli: u64,
    pub pids: u64,
    pub pressure: Pressure,
    pub disks: Vec<DiskUse>,
    pub counters: Counters,
}

/// Reads it, from a `/proc` and a `/sys`, for these file systems.
pub fn measure(proc: &Path, sys: &Path, disks: &[Disk]) -> HostReading {
    let text = |name: &str| read(&proc.join(name)).unwrap_or_default();
    let stall = |name: &str| Stall::parse(&text(name));
    let loads = text("loadavg");
    let (load_milli, pids) = load(&loads).unwrap_or_default();
    let devices = names(&sys.join("block"));
    let real = |name: &str| !name.starts_with("loop") && !name.starts_with("ram") && !name.starts_with("dm-");
    let (read_sectors, written) = sectors(&text("diskstats"), |name| devices.contains(name) && real(name));
    let own = |name: &str| name != "lo" && !OF_ENGINE.iter().any(|start| name.starts_with(start));
    let (net_rx, net_tx) = traffic(&text("net/dev"), own);
    HostReading {
        memory_bytes: used_memory(&text("meminfo")),
        load_milli,
        pids,
        pressure: Pressure { cpu: stall("pressure/cpu"), memory: stall("pressure/memory"), io: stall("pressure/io") },
        disks: disks.iter().filter_map(disk_use).collect(),
        counters: Counters {
            cpu_ns: busy(&text("stat")).saturating_mul(1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)),
            disk_read: read_sectors.saturating_mul(SECTOR),
            disk_write: written.saturating_mul(SECTOR),
            net_rx,
            net_tx,
        },
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn disk_use(disk: &Disk) -> Option<DiskUse> {
    let stat = rustix::fs::statvfs(disk.path.as_str()).ok()?;
    Some(DiskUse {
        path: disk.path.clone(),
        used_bytes: stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(stat.f_frsize),
        available_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

/// Ticks that processors worked: all of the line `cpu` but idle, waiting for disks, and what guests used, which is in `user`
/// already.
fn busy(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let ticks = line.split_ascii_whitespace().map(|word| word.parse::<u64>().unwrap_or_default());
    ticks.take(8).enumerate().filter(|(n, _)| !matches!(n, 3 | 4)).map(|(_, ticks)| ticks).sum()
}

fn used_memory(meminfo: &str) -> u64 {
    let kib = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()
    };
    let free = kib("MemAvailable:").or_else(|| kib("MemFree:")).unwrap_or_default();
    kib("MemTotal:").unwrap_or_default().saturating_sub(free).saturating_mul(1024)
}

/// `0.50 0.40 0.30 2/345 6789`: the first in thousandths, and the number behind the slash.
fn load(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_ascii_whitespace();
    let (whole, part) = words.next()?.split_once('.')?;
    let hundredths = whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part.parse().ok()?)?;
    let pids = words.nth(2)?.split_once('/')?.1.parse().ok()?;
    Some((hundredths.checked_mul(10)?, pids))
}

/// Sectors read and written by some devices.
fn sectors(text: &str, counts: impl Fn(&str) -> bool) -> (u64, u64) {
    let mut sum = (0_u64, 0_u64);
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = |n: usize| words.get(n).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
        if words.get(2).is_some_and(|name| counts(name)) {
            sum = (sum.0.saturating_add(number(5)), sum.1.saturating_add(number(9)));
        }
    }
    sum
}

/// What a process has used: resident bytes, and nanoseconds of processors.
pub fn process(stat: &str, status: &str) -> (u64, u64) {
    // The name in brackets may hold anything, brackets too.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let words: Vec<&str> = after.split_ascii_whitespace().collect();
    let ticks = |n: usize| words.get(n).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    let resident = field(&status.replace(":\t", " ").replace("kB", ""), "VmRSS").unwrap_or_default();
    let ns = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    (resident.saturating_mul(1024), ticks(11).saturating_add(ticks(12)).saturating_mul(ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_as_their_manuals_say() {
        let dir = tempfile::tempdir().expect("dir");
        let (proc, sys) = (dir.path().join("proc"), dir.path().join("sys"));
        for (name, text) in [
            ("proc/stat", "cpu  10 20 30 1000 500 1 2 3 4 5\ncpu0 1\n"),
            ("proc/meminfo", "MemTotal: 100 kB\nMemFree: 5 kB\nMemAvailable:   40 kB\n"),
            ("proc/loadavg", "1.25 0.40 0.30 2/345 6789\n"),
            ("proc/pressure/cpu", "some avg10=2.00 avg60=1.00 avg300=0.00 total=1\n"),
            ("proc/net/dev", "h\nh\n eth0: 7 0 0 0 0 0 0 0 9 0\n docker0: 5 0 0 0 0 0 0 0 5 0\n"),
            ("proc/diskstats", "8 0 sda 1 0 2 0 1 0 4 0\n8 1 sda1 1 0 2 0 1 0 4 0\n7 0 loop0 1 0 9 0 1 0 9 0\n"),
            ("sys/block/sda/size", ""),
            ("sys/block/loop0/size", ""),
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, text).expect("write");
        }
        let reading = measure(&proc, &sys, &[Disk { path: "/".into(), ..Disk::default() }]);
        assert_eq!((reading.memory_bytes, reading.load_milli, reading.pids), (60 * 1024, 1250, 345));
        assert_eq!(reading.pressure.cpu, Some(Stall { avg10: 200, avg60: 100 }));
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        let wanted = Counters { cpu_ns: 66 * tick, disk_read: 1024, disk_write: 2048, net_rx: 7, net_tx: 9 };
        assert_eq!(reading.counters, wanted);
        assert!(reading.disks.iter().all(|disk| disk.path == "/" && disk.used_bytes > 0));
    }

    #[test]
    fn a_process_with_any_name_is_read() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 100 50 0 0";
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!(process(stat, "Name:\tx\nVmRSS:\t    12 kB\n"), (12 * 1024, 150 * tick));
    }
}
