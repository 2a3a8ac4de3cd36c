//! How a controller finds itself: read once a second, told to the leader when it asks, and shown as metrics.

use super::limits::{BACKUP_LOOK, DISK_TRIAL, DISK_TRIALS, SAMPLE};
use crate::{backup, config::Config, limits::SERVER_CERT_TTL_S, raft::Raft};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use wharden_model::{ClusterId, Timestamp};
use wharden_runtime::{metrics::Metrics, shutdown::Shutdown};

/// The file that the disk is tried with.
const TRIAL: &str = "disk-trial";

/// What a controller knows of itself. Fields may be added; what is missing was not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Readings {
    /// Milliseconds since it last had contact with a majority: as leader by its answers, else through a leader.
    pub quorum_age_ms: u64,
    /// The slowest write and fsync of the last minute, in microseconds; `None` before the first.
    pub fsync_us: Option<u64>,
    /// Why the disk cannot be written; empty when it can.
    pub disk_error: String,
    /// Of the file system under the data folder; 0 when it is not known.
    pub disk_free_bytes: u64,
    pub disk_size_bytes: u64,
    /// Log entries that were applied after the newest snapshot.
    pub log_since_snapshot: u64,
    /// The first of its certificates to end.
    pub certificate_ends_at: Option<Timestamp>,
    /// Scheduled backups, where there are some.
    pub backup: Option<BackupReading>,
    /// Sinks that the audit is sent to and that do not take it, by name.
    pub sinks: BTreeMap<String, SinkReading>,
    /// Controllers that have lost part of their log, as their leader knows.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub lost_logs: BTreeSet<u64>,
}

/// Scheduled backups as their folder shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReading {
    pub newest_at: Option<Timestamp>,
    pub every_s: u64,
}

/// An audit sink that does not take what is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkReading {
    /// The first attempt that failed.
    pub since: Timestamp,
    /// What the last one said.
    pub error: String,
    /// Records that it will not get any more.
    pub dropped: u64,
}

/// What is read and where.
pub struct Probe {
    pub data_dir: PathBuf,
    pub cluster: ClusterId,
    /// Folder of scheduled backups, and the seconds between two.
    pub backups: Option<(PathBuf, u64)>,
    pub certificate_ends_at: Timestamp,
}

impl Probe {
    /// What the configuration says.
    pub fn new(data_dir: &Path, cluster: &ClusterId, config: &Config, started_at: Timestamp) -> Self {
        let hours = config.backup_every_hours;
        Self {
            data_dir: data_dir.to_owned(),
            cluster: cluster.clone(),
            backups: config.backup_dir.clone().map(|folder| (folder, hours.saturating_mul(3600))),
            certificate_ends_at: started_at.plus_secs(SERVER_CERT_TTL_S),
        }
    }
}

/// The newest readings. Clones are the same.
#[derive(Clone, Default)]
pub struct Sampler(Arc<Mutex<Readings>>);

impl Sampler {
    /// Reads until the shutdown.
    pub fn start(probe: Probe, raft: Raft, metrics: &Metrics, shutdown: &Shutdown) -> Self {
        let sampler = Self::default();
        sampler.set(|readings| readings.certificate_ends_at = Some(probe.certificate_ends_at));
        let told = sampler.clone();
        metrics.gauges(move || gauges(&told.now()));
        let probe = Arc::new(probe);
        shutdown.spawn_until_stopped("readings of the disk", sampler.clone().read_disk(Arc::clone(&probe)));
        shutdown.spawn_until_stopped("readings of backups", sampler.clone().read_backups(probe));
        shutdown.spawn_until_stopped("readings of the replica", sampler.clone().read_replica(raft));
        sampler
    }

    /// As it is now.
    pub fn now(&self) -> Readings {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it is with an audit sink; `None` when it takes what is sent.
    pub fn sink(&self, name: &str, failing: Option<SinkReading>) {
        self.set(|readings| match failing {
            Some(failing) => drop(readings.sinks.insert(name.to_owned(), failing)),
            None => drop(readings.sinks.remove(name)),
        });
    }

    fn set(&self, change: impl FnOnce(&mut Readings)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn read_replica(self, raft: Raft) {
        loop {
            let (metrics, age, lost) = (raft.metrics(), raft.quorum_age(), raft.lost_logs());
            let index = |log: Option<openraft::LogId<u64>>| log.map_or(0, |id| id.index);
            self.set(|readings| {
                readings.quorum_age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
                readings.log_since_snapshot = index(metrics.last_applied).saturating_sub(index(metrics.snapshot));
                readings.lost_logs = lost;
            });
            tokio::time::sleep(SAMPLE).await;
        }
    }

    async fn read_disk(self, probe: Arc<Probe>) {
        let mut slowest: VecDeque<u64> = VecDeque::new();
        loop {
            let folder = probe.data_dir.clone();
            let read = tokio::task::spawn_blocking(move || (try_disk(&folder), room(&folder))).await;
            if let Ok((tried, room)) = read {
                let (free, size) = room.unwrap_or_default();
                let error = match tried {
                    Ok(took) => {
                        slowest.push_back(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                        if slowest.len() > DISK_TRIALS {
                            slowest.pop_front();
                        }
                        String::new()
                    }
                    Err(error) => error.to_string(),
                };
                self.set(|readings| {
                    readings.fsync_us = slowest.iter().max().copied();
                    readings.disk_error = error;
                    (readings.disk_free_bytes, readings.disk_size_bytes) = (free, size);
                });
            }
            tokio::time::sleep(DISK_TRIAL).await;
        }
    }

    async fn read_backups(self, probe: Arc<Probe>) {
        let Some((folder, every_s)) = probe.backups.clone() else { return };
        loop {
            let (folder, cluster) = (folder.clone(), probe.cluster.clone());
            if let Ok(newest_at) = tokio::task::spawn_blocking(move || backup::newest(&folder, &cluster)).await {
                self.set(|readings| readings.backup = Some(BackupReading { newest_at, every_s }));
            }
            tokio::time::sleep(BACKUP_LOOK).await;
        }
    }
}

/// Time that a small write takes to be on the disk.
fn try_disk(folder: &Path) -> io::Result<Duration> {
    let mut file = fs::File::create(folder.join(TRIAL))?;
    let begin = Instant::now();
    file.write_all(b"the time that this takes is a metric\n")?;
    file.sync_data()?;
    Ok(begin.elapsed())
}

/// Bytes that are free and bytes that there are.
fn room(folder: &Path) -> io::Result<(u64, u64)> {
    let fs = rustix::fs::statvfs(folder)?;
    Ok((fs.f_bavail.saturating_mul(fs.f_frsize), fs.f_blocks.saturating_mul(fs.f_frsize)))
}

/// As metrics: name, description and value of each.
fn gauges(readings: &Readings) -> Vec<(&'static str, &'static str, f64)> {
    let seconds = |at: Option<Timestamp>| at.map_or(0.0, |at| at.as_secs() as f64);
    vec![
        (
            "disk_fsync_seconds",
            "Slowest write to the disk in the last minute",
            readings.fsync_us.unwrap_or(0) as f64 / 1e6,
        ),
        ("disk_free_bytes", "Room under the data folder", readings.disk_free_bytes as f64),
        ("disk_size_bytes", "Size of the file system under the data folder", readings.disk_size_bytes as f64),
        (
            "certificate_ends_timestamp_seconds",
            "End of the first certificate of this controller to end",
            seconds(readings.certificate_ends_at),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_tried_and_measured() {
        let dir = tempfile::tempdir().expect("temp dir");
        try_disk(dir.path()).expect("written");
        let (free, size) = room(dir.path()).expect("known");
        assert!(free > 0 && free <= size);
        let away = dir.path().join("away");
        assert!(try_disk(&away).is_err() && room(&away).is_err());
    }

    #[test]
    fn what_an_earlier_version_says_is_read() {
        let readings: Readings = serde_json::from_str("{\"quorum_age_ms\": 5}").expect("reads");
        assert_eq!(readings, Readings { quorum_age_ms: 5, ..Readings::default() });
    }
}
