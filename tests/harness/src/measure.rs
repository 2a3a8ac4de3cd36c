//! What processes cost, from `/proc`, and where reports about it are kept.

use serde_json::Value;
use std::{env, fs, path::PathBuf, time::Instant};

/// Keeps a report as `bench/NAME.json` in the target folder, and gives its text.
///
/// # Panics
/// When it cannot be written.
pub fn keep(name: &str, report: &Value) -> String {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = target.join("bench");
    fs::create_dir_all(&folder).expect("target/bench");
    let text = serde_json::to_string_pretty(report).expect("JSON");
    fs::write(folder.join(format!("{name}.json")), &text).expect("the report");
    text
}

/// Resident memory, in bytes; 0 when the process is gone.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Time that all threads of a process, those that have ended not counted, were on a processor, in seconds.
pub fn processor_s(pid: u32) -> f64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0.0 };
    let of = |thread: fs::DirEntry| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    threads.flatten().filter_map(of).sum::<u64>() as f64 / 1e9
}

/// Load average of the last minute, which says how much else the machine does.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// Processor time of some processes, beginning now.
pub struct Spent {
    pids: Vec<u32>,
    begun: Instant,
    before: f64,
}

impl Spent {
    /// Begins to count.
    pub fn begin(pids: &[u32]) -> Self {
        let before = pids.iter().copied().map(processor_s).sum();
        Self { pids: pids.to_vec(), begun: Instant::now(), before }
    }

    /// Seconds on a processor until now.
    pub fn seconds(&self) -> f64 {
        self.pids.iter().copied().map(processor_s).sum::<f64>() - self.before
    }

    /// The part of one processor that was used.
    pub fn fraction(&self) -> f64 {
        self.seconds() / self.begun.elapsed().as_secs_f64()
    }
}

/// The value below which this part of them lies; they are in order. `None` when there are none.
pub fn percentile<T: Copy>(sorted: &[T], part: f64) -> Option<T> {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

/// The middle one.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    percentile(&sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<u64> = (1..=200).collect();
        assert_eq!(percentile(&values, 0.5), Some(100));
        assert_eq!(percentile(&values, 0.99), Some(198));
        assert_eq!(percentile(&values, 1.0), Some(200));
        assert_eq!(percentile::<u64>(&[], 0.5), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn this_process_costs_something() {
        assert!(resident(std::process::id()) > 1024 * 1024);
        assert_eq!((resident(0), processor_s(0)), (0, 0.0));
    }
}
