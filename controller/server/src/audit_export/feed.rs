//! One sink and how far it has come.

use super::{Sink, Source, Tell, after};
use crate::{alerts::SinkReading, limits};
use prometheus_client::metrics::counter::Counter;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use wharden_model::Timestamp;
use wharden_runtime::{
    backoff::Backoff,
    clock::{Clock, SystemClock},
    fsync::write_atomic,
    metrics::Metrics,
    shutdown::Shutdown,
};

/// Of all sinks together.
#[derive(Clone)]
pub(super) struct ExportMetrics {
    pub sent: Counter,
    pub failed: Counter,
    pub dropped: Counter,
}

impl ExportMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self { sent: Counter::default(), failed: Counter::default(), dropped: Counter::default() };
        metrics.register(|registry| {
            registry.register("audit_export_sent", "Audit records that a sink took", own.sent.clone());
            registry.register("audit_export_failed", "Attempts that a sink did not take", own.failed.clone());
            registry.register(
                "audit_export_dropped",
                "Audit records that no sink will get any more",
                own.dropped.clone(),
            );
        });
        own
    }
}

pub(super) struct Feed<S> {
    name: &'static str,
    sink: S,
    source: Source,
    tell: Tell,
    failing: Option<SinkReading>,
    /// Number of the newest record that the sink took.
    position: u64,
    file: PathBuf,
    metrics: ExportMetrics,
}

impl<S: Sink> Feed<S> {
    /// Goes on where the last run stopped.
    pub fn open(
        data_dir: &Path,
        name: &'static str,
        sink: S,
        source: Source,
        tell: Tell,
        metrics: ExportMetrics,
    ) -> Result<Self, String> {
        let file = data_dir.join(format!("audit-export.{name}"));
        let position = match fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map_err(|_| format!("{} does not hold a number", file.display()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(format!("{}: {error}", file.display())),
        };
        Ok(Self { name, sink, source, tell, failing: None, position, file, metrics })
    }

    pub async fn run(mut self, shutdown: Shutdown) {
        let longest = Duration::from_secs(limits::EXPORT_BACKOFF_MAX_S);
        let mut backoff = Backoff::new(Duration::from_millis(limits::EXPORT_PAUSE_MS), longest);
        loop {
            let wait = match self.step().await {
                Ok(true) => {
                    backoff.reset();
                    continue;
                }
                Ok(false) => {
                    backoff.reset();
                    Duration::from_millis(limits::EXPORT_PAUSE_MS)
                }
                Err(error) => {
                    self.metrics.failed.inc();
                    tracing::warn!(sink = self.name, %error, "the audit is not taken; it is tried again");
                    backoff.next_wait()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.stopped() => return,
            }
        }
    }

    /// Sends what is next; false when there is nothing.
    pub async fn step(&mut self) -> Result<bool, String> {
        let sent = self.send_next().await;
        match &sent {
            Ok(false) => {}
            Ok(true) => {
                if self.failing.take().is_some() {
                    (self.tell)(None);
                }
            }
            Err(error) => {
                let failing = self.failing.get_or_insert_with(|| SinkReading {
                    since: Timestamp(SystemClock.now()),
                    ..SinkReading::default()
                });
                failing.error.clone_from(error);
                (self.tell)(Some(failing.clone()));
            }
        }
        sent
    }

    async fn send_next(&mut self) -> Result<bool, String> {
        let (records, lost) = after(&(self.source)(), self.position, limits::EXPORT_BATCH);
        if lost > 0 {
            tracing::error!(sink = self.name, lost, "audit records left the chain before the sink took them");
            self.metrics.dropped.inc_by(lost);
            self.position += lost;
            if let Some(failing) = &mut self.failing {
                failing.dropped += lost;
            }
        }
        let Some(last) = records.last() else { return Ok(false) };
        self.sink.send(&records).await?;
        self.metrics.sent.inc_by(records.len() as u64);
        self.position = last.seq;
        // When this is lost, some records come twice.
        write_atomic(&self.file, self.position.to_string().as_bytes(), 0o600).map_err(|e| e.to_string())?;
        Ok(true)
    }
}
