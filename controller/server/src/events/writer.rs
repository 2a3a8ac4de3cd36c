//! The only thread that writes. Everything that waits at one moment shares one write and one fsync.
//!
//! When the disk fails, everything that waited is refused, the file is closed, and the next append tries again from the
//! last durable byte: agents keep what was not acknowledged and send it again.

use super::{
    AppendError, EventLimits,
    files::{Files, Tail},
    folder::Folder,
    incoming::Batch,
    limits::{GROUP_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN},
    metrics::EventMetrics,
    record::Header,
    runs::Runs,
    segment::{Segment, View},
};
use std::{collections::VecDeque, io, path::PathBuf, sync::Arc, time::Instant};
use tokio::sync::{mpsc, oneshot, watch};
use wharden_runtime::ready::Readiness;

/// Name of this part in the readiness.
pub(super) const COMPONENT: &str = "events";

/// One append that waits.
pub(super) struct Job {
    pub batch: Batch,
    pub reply: oneshot::Sender<Result<u64, AppendError>>,
}

pub(super) struct Writer<F> {
    files: F,
    dir: PathBuf,
    limits: EventLimits,
    sealed: VecDeque<Arc<Segment>>,
    active: Segment,
    tail: Option<Box<dyn Tail>>,
    runs: Runs,
    view: watch::Sender<Arc<View>>,
    metrics: EventMetrics,
    readiness: Readiness,
    failing: bool,
}

impl<F: Files> Writer<F> {
    pub fn new(
        files: F,
        dir: PathBuf,
        limits: EventLimits,
        folder: Folder,
        metrics: EventMetrics,
        readiness: Readiness,
    ) -> (Self, watch::Receiver<Arc<View>>) {
        let mut segments = folder.segments;
        let active = segments.pop().unwrap_or_else(|| Segment::new(0));
        let (view, seen) = watch::channel(Arc::default());
        let limits =
            EventLimits { segment_bytes: limits.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX), ..limits };
        let sealed = segments.into_iter().map(Arc::new).collect();
        let runs = folder.runs;
        let mut writer =
            Self { files, dir, limits, sealed, active, tail: None, runs, view, metrics, readiness, failing: false };
        writer.rotate();
        writer.publish();
        writer.readiness.ready(COMPONENT);
        (writer, seen)
    }

    /// Until every sender is gone.
    pub fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut size = first.batch.bytes;
            let mut group = vec![first];
            while size < GROUP_BYTES
                && let Ok(job) = jobs.try_recv()
            {
                size += job.batch.bytes;
                group.push(job);
            }
            self.store(group);
        }
    }

    fn store(&mut self, group: Vec<Job>) {
        let mut bytes = Vec::new();
        let mut headers: Vec<(Header, usize)> = Vec::new();
        let mut replies = Vec::with_capacity(group.len());
        let mut duplicates = 0;
        for Job { batch, reply } in group {
            for event in batch.events {
                if event.header.seq <= self.runs.newest(batch.key) {
                    duplicates += 1;
                    continue;
                }
                self.runs.stage(batch.key, event.header.seq, self.active.end + headers.len() as u64);
                headers.push((event.header, event.bytes.len()));
                bytes.extend_from_slice(&event.bytes);
            }
            replies.push((reply, batch.highest.max(self.runs.newest(batch.key))));
        }
        let written = if bytes.is_empty() { Ok(()) } else { self.write(&bytes) };
        self.report(&written, bytes.is_empty());
        match written {
            Ok(()) => {
                self.runs.commit();
                for (header, size) in &headers {
                    self.active.push(header, *size);
                }
                self.metrics.stored.inc_by(headers.len() as u64);
                self.metrics.duplicate.inc_by(duplicates);
                if !headers.is_empty() {
                    self.rotate();
                    self.publish();
                }
                for (reply, seq) in replies {
                    // A session that ended meanwhile asks again when it is back.
                    let _ = reply.send(Ok(seq));
                }
            }
            Err(error) => {
                self.runs.roll_back();
                self.tail = None;
                for (reply, _) in replies {
                    let _ = reply.send(Err(AppendError::Io(error.to_string())));
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let tail = match &mut self.tail {
            Some(tail) => tail,
            closed => closed.insert(self.files.open(&self.active.path(&self.dir), self.active.bytes)?),
        };
        tail.append(bytes)?;
        let begin = Instant::now();
        tail.sync()?;
        self.metrics.fsync_seconds.observe(begin.elapsed().as_secs_f64());
        Ok(())
    }

    /// Says once that the disk fails, and once that it works again.
    fn report(&mut self, written: &io::Result<()>, nothing_to_write: bool) {
        match written {
            Err(error) if !self.failing => {
                self.failing = true;
                self.metrics.failing.set(1);
                self.readiness.not_ready(COMPONENT, format!("events cannot be written: {error}"));
                tracing::error!(%error, folder = %self.dir.display(), "events cannot be written; agents keep theirs");
            }
            Ok(()) if self.failing && !nothing_to_write => {
                self.failing = false;
                self.metrics.failing.set(0);
                self.readiness.ready(COMPONENT);
                tracing::info!(folder = %self.dir.display(), "events can be written again");
            }
            _ => {}
        }
    }

    /// Begins a new segment when the active one is full, and drops the oldest when there is too much.
    fn rotate(&mut self) {
        if self.active.bytes >= self.limits.segment_bytes {
            let next = Segment::new(self.active.end);
            self.sealed.push_back(Arc::new(std::mem::replace(&mut self.active, next)));
            self.tail = None;
        }
        let mut total = self.active.bytes + self.sealed.iter().map(|s| s.bytes).sum::<u64>();
        while total > self.limits.total_bytes
            && let Some(oldest) = self.sealed.pop_front()
        {
            total -= oldest.bytes;
            if let Err(error) = std::fs::remove_file(oldest.path(&self.dir)) {
                tracing::warn!(%error, file = %oldest.path(&self.dir).display(), "an old event file cannot be removed");
            }
            self.runs.forget_before(oldest.end);
        }
    }

    fn publish(&self) {
        let mut segments: Vec<_> = self.sealed.iter().cloned().collect();
        if self.active.count() > 0 {
            segments.push(Arc::new(self.active.clone()));
        }
        let view = View { segments, end: self.active.end };
        self.metrics.bytes.set(i64::try_from(view.bytes()).unwrap_or(i64::MAX));
        self.view.send_replace(Arc::new(view));
    }
}
