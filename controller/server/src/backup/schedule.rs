//! Scheduled backups: each controller that has a folder for them writes its own, from its own copy of the state, so that
//! they do not depend on who leads.

use super::{
    key::Recipients,
    limits::LOOK_S,
    write::{WriteError, write},
};
use crate::{keys::Keys, raft::Raft};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use wharden_model::{ClusterId, Timestamp};
use wharden_pki::ClusterKeys;
use wharden_runtime::{clock::Clock, fsync::replace_with, metrics::Metrics, shutdown::Shutdown};

const SUFFIX: &str = ".wharden.age";

/// What is to be written, where, how often, and how many stay.
pub struct Schedule {
    pub folder: PathBuf,
    pub recipients: Recipients,
    pub every: Duration,
    pub keep: usize,
}

/// Shown where none are made, too: an alarm on what is not there never rings.
#[derive(Clone, Default)]
pub struct BackupMetrics {
    /// Seconds since the epoch; 0 before the first.
    last: Gauge,
    failures: Counter,
}

impl BackupMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register(
                "backup_last_timestamp_seconds",
                "When the newest scheduled backup was written",
                own.last.clone(),
            );
            registry.register("backup_failures", "Scheduled backups that could not be written", own.failures.clone());
        });
        own
    }
}

/// The name of a backup made now: names sort by time.
pub fn file_name(cluster: &ClusterId, at: Timestamp) -> String {
    let time: String = at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{cluster}-{time}{SUFFIX}")
}

impl Schedule {
    /// Writes backups until shutdown. One is due when the newest file in the folder is older than `every`, by its own name,
    /// so that a restart neither skips one nor makes one too many.
    pub fn start(
        self,
        raft: Raft,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
        metrics: BackupMetrics,
        shutdown: &Shutdown,
    ) {
        let schedule = Arc::new(self);
        shutdown.spawn_until_stopped("backup", async move {
            let mut look = tokio::time::interval(Duration::from_secs(LOOK_S));
            loop {
                look.tick().await;
                let (raft, keys, schedule, now) = (raft.clone(), Arc::clone(&keys), Arc::clone(&schedule), clock.now());
                let done = tokio::task::spawn_blocking(move || {
                    let (index, state) = raft.applied();
                    schedule.write_if_due(&state, index, &keys.sealing(), Timestamp(now))
                });
                match done.await {
                    Ok(Ok(newest)) => {
                        metrics.last.set(newest.map_or(0, |at| i64::try_from(at.0 / 1000).unwrap_or(i64::MAX)));
                    }
                    Ok(Err(error)) => {
                        metrics.failures.inc();
                        tracing::error!(%error, "a scheduled backup could not be written; it is tried again");
                    }
                    Err(error) => tracing::error!(%error, "a scheduled backup broke off"),
                }
            }
        });
    }

    /// When the newest backup in the folder was made, after one was written if that was due.
    pub(super) fn write_if_due(
        &self,
        state: &wharden_state::State,
        index: u64,
        key: &ClusterKeys,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, WriteError> {
        let Some(cluster) = &state.cluster else { return Ok(None) };
        let newest = list(&self.folder, &cluster.id)?.into_iter().next();
        if let Some((name, path)) = &newest {
            let due_after = file_name(&cluster.id, Timestamp(now.0.saturating_sub(self.every.as_millis() as u64)));
            if *name > due_after {
                return Ok(made_at(path));
            }
        }
        let path = self.folder.join(file_name(&cluster.id, now));
        let mut failed = None;
        let written = replace_with(&path, 0o600, |file| {
            write(state, index, key, &self.recipients, now, io::BufWriter::new(file)).map_err(|error| {
                let text = io::Error::other(error.to_string());
                failed = Some(error);
                text
            })
        });
        match (failed, written) {
            (Some(error), _) => return Err(error),
            (None, written) => written?,
        }
        tracing::info!(path = %path.display(), "backup written");
        for (_, old) in list(&self.folder, &cluster.id)?.into_iter().skip(self.keep) {
            // One that stays costs space and is tried again after the next.
            if let Err(error) = fs::remove_file(&old) {
                tracing::warn!(path = %old.display(), %error, "an old backup cannot be removed");
            }
        }
        Ok(Some(now))
    }
}

/// When the newest backup of this cluster in a folder was written.
pub fn newest(folder: &Path, cluster: &ClusterId) -> Option<Timestamp> {
    list(folder, cluster).ok()?.first().and_then(|(_, path)| made_at(path))
}

fn made_at(path: &Path) -> Option<Timestamp> {
    let modified = fs::metadata(path).and_then(|m| m.modified()).ok()?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

/// Backups of this cluster, newest first by name.
fn list(folder: &Path, cluster: &ClusterId) -> io::Result<Vec<(String, PathBuf)>> {
    let start = format!("{cluster}-");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("backup_dir {}: {error}", folder.display())))?
    {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with(&start) && name.ends_with(SUFFIX) {
            files.push((name.to_owned(), path));
        }
    }
    files.sort_by(|a, b| b.0.cmp(&a.0));
    Ok(files)
}
