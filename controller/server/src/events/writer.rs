//! The only thread that writes. Everything that waits at one moment shares one write and one fsync.
//!
//! When the disk fails, everything that waited is refused, the file is closed, and the next append tries again from the
//! last durable byte: agents keep what was not acknowledged and send it again.

use super::{
    AppendError, EventLimits,
    exchange::Other,
    files::{Files, Tail},
    folder::Folder,
    incoming::Incoming,
    limits::{GROUP_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN},
    metrics::EventMetrics,
    record::Header,
    runs::{Held, Runs},
    segment::{Segment, View},
};
use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::{mpsc, oneshot, watch};
use wharden_runtime::ready::Readiness;

/// Name of this part in the readiness.
pub(super) const COMPONENT: &str = "events";

/// What waits for the writer.
pub(super) enum Job {
    /// Store these; the answer is what was stored before in another way.
    Store { events: Vec<Incoming>, reply: oneshot::Sender<Result<Vec<Other>, AppendError>> },
    /// Drop segments whose newest event is older than this time.
    DropBefore { at: u64, reply: oneshot::Sender<()> },
}

type Waiting = (Vec<Incoming>, oneshot::Sender<Result<Vec<Other>, AppendError>>);

pub(super) struct Writer<F> {
    files: F,
    dir: PathBuf,
    limits: EventLimits,
    sealed: VecDeque<Arc<Segment>>,
    active: Segment,
    tail: Option<Box<dyn Tail>>,
    runs: Arc<Mutex<Runs>>,
    horizon: u64,
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
    ) -> (Self, watch::Receiver<Arc<View>>, Arc<Mutex<Runs>>) {
        let mut segments = folder.segments;
        // What went before the first that is left is not told anywhere.
        let horizon =
            segments.first().filter(|first| first.first > 0).map_or(0, |first| first.oldest.min(first.lowest));
        let active = segments.pop().unwrap_or_else(|| Segment::new(0));
        let (view, seen) = watch::channel(Arc::default());
        let limits =
            EventLimits { segment_bytes: limits.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX), ..limits };
        let sealed = segments.into_iter().map(Arc::new).collect();
        let runs = Arc::new(Mutex::new(folder.runs));
        let mut writer = Self {
            files,
            dir,
            limits,
            sealed,
            active,
            tail: None,
            runs: Arc::clone(&runs),
            horizon,
            view,
            metrics,
            readiness,
            failing: false,
        };
        writer.rotate();
        writer.publish();
        writer.readiness.ready(COMPONENT);
        (writer, seen, runs)
    }

    /// Until every sender is gone.
    pub fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let size = |events: &[Incoming]| events.iter().map(|event| event.json.len()).sum::<usize>();
        let mut next = None;
        while let Some(job) = next.take().or_else(|| jobs.blocking_recv()) {
            match job {
                Job::Store { events, reply } => {
                    let mut bytes = size(&events);
                    let mut group = vec![(events, reply)];
                    while bytes < GROUP_BYTES {
                        match jobs.try_recv() {
                            Ok(Job::Store { events, reply }) => {
                                bytes += size(&events);
                                group.push((events, reply));
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.store(group);
                }
                Job::DropBefore { at, reply } => {
                    self.drop_before(at);
                    // Who does not wait for it does not mind.
                    let _ = reply.send(());
                }
            }
        }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&mut self, group: Vec<Waiting>) {
        let mut bytes = Vec::new();
        let mut headers: Vec<(Header, usize)> = Vec::new();
        let mut replies = Vec::with_capacity(group.len());
        let mut duplicates = 0;
        {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            for (events, reply) in group {
                let mut others: Vec<Other> = Vec::new();
                for Incoming { header, json } in events {
                    match runs.held(header.run(), header.seq) {
                        Held::No => {
                            let record = header.encode(&json);
                            let index = self.active.end + headers.len() as u64;
                            runs.stage(header.run(), header.seq, header.stamp, index);
                            headers.push((header, record.len()));
                            bytes.extend_from_slice(&record);
                        }
                        held => {
                            duplicates += 1;
                            Other::note(&mut others, &header, held);
                        }
                    }
                }
                replies.push((reply, others));
            }
        }
        let written = if bytes.is_empty() { Ok(()) } else { self.write(&bytes) };
        self.report(&written, bytes.is_empty());
        match written {
            Ok(()) => {
                self.runs().commit();
                for (header, size) in &headers {
                    self.active.push(header, *size);
                }
                self.metrics.stored.inc_by(headers.len() as u64);
                self.metrics.duplicate.inc_by(duplicates);
                if !headers.is_empty() {
                    self.rotate();
                    self.publish();
                }
                for (reply, others) in replies {
                    // A session that ended meanwhile asks again when it is back.
                    let _ = reply.send(Ok(others));
                }
            }
            Err(error) => {
                self.runs().roll_back();
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
            self.seal();
        }
        let mut total = self.active.bytes + self.sealed.iter().map(|s| s.bytes).sum::<u64>();
        while total > self.limits.total_bytes
            && let Some(oldest) = self.sealed.front().cloned()
        {
            total -= oldest.bytes;
            self.metrics.dropped_by_size.inc_by(oldest.count());
            self.drop_segments(|segment| segment.first == oldest.first);
        }
    }

    fn seal(&mut self) {
        let next = Segment::new(self.active.end);
        self.sealed.push_back(Arc::new(std::mem::replace(&mut self.active, next)));
        self.tail = None;
    }

    fn drop_before(&mut self, at: u64) {
        if self.active.count() > 0 && self.active.age_mark() < at {
            self.seal();
        }
        let old: u64 = self.sealed.iter().filter(|s| s.age_mark() < at).map(|s| s.count()).sum();
        if old > 0 {
            self.metrics.dropped_by_age.inc_by(old);
            self.drop_segments(|segment| segment.age_mark() < at);
        }
        self.publish();
    }

    fn drop_segments(&mut self, goes: impl Fn(&Segment) -> bool) {
        let (gone, kept): (VecDeque<_>, VecDeque<_>) = self.sealed.drain(..).partition(|segment| goes(segment));
        self.sealed = kept;
        for segment in gone {
            self.horizon = self.horizon.max(segment.age_mark());
            if let Err(error) = std::fs::remove_file(segment.path(&self.dir)) {
                tracing::warn!(%error, file = %segment.path(&self.dir).display(), "an old event file cannot be removed");
            }
        }
        let first = self.sealed.front().map_or(self.active.first, |oldest| oldest.first);
        self.runs().forget_before(first);
    }

    fn publish(&self) {
        let mut segments: Vec<_> = self.sealed.iter().cloned().collect();
        if self.active.count() > 0 {
            segments.push(Arc::new(self.active.clone()));
        }
        let view = View { segments, horizon: self.horizon };
        self.metrics.bytes.set(i64::try_from(view.bytes()).unwrap_or(i64::MAX));
        self.metrics.oldest_seconds.set(i64::try_from(view.oldest() / 1000).unwrap_or(i64::MAX));
        self.view.send_replace(Arc::new(view));
    }
}
