use super::{
    AppendError, EventLimits, HostFilter, OpenError, QueryError,
    cursor::Cursor,
    files::{Disk, Files},
    folder, incoming,
    limits::{APPENDS_WAITING, PAGE_BYTES_MAX, PAGE_DEFAULT, REPLAY_BYTES, REPLAY_EVENTS, SCANS_MAX, WAIT_MAX_S},
    matcher::Matcher,
    metrics::EventMetrics,
    record::{boot_key, host_key},
    scan::{self, Found, TooFar},
    segment::View,
    writer::{Job, Writer},
};
use bytes::Bytes;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use wharden_model::{BootId, DecisionEvent, EventQuery, HostId, api::EventPage, limits::EVENTS_PAGE_MAX};
use wharden_runtime::{metrics::Metrics, ready::Readiness};

/// The events that this controller holds. Clones are the same store; the writer ends with the last of them.
#[derive(Clone)]
pub struct EventStore(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    id: u32,
    jobs: mpsc::Sender<Job>,
    view: watch::Receiver<Arc<View>>,
    scans: Semaphore,
    metrics: EventMetrics,
}

impl EventStore {
    /// Opens the folder, making it where there is none; a torn end of the last file is cut off. Reports under the
    /// component `events` of the readiness.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        dir: &Path,
        limits: EventLimits,
        metrics: &Metrics,
        readiness: &Readiness,
    ) -> Result<Self, OpenError> {
        Self::open_on(Disk, dir, limits, metrics, readiness).await
    }

    pub(super) async fn open_on(
        files: impl Files,
        dir: &Path,
        limits: EventLimits,
        metrics: &Metrics,
        readiness: &Readiness,
    ) -> Result<Self, OpenError> {
        let fail = |error| OpenError::Io { path: dir.to_owned(), error };
        let path = dir.to_owned();
        let folder =
            tokio::task::spawn_blocking(move || folder::open(&path)).await.map_err(|e| fail(io::Error::other(e)))??;
        let id = folder.id;
        let metrics = EventMetrics::new(metrics);
        let (writer, view) = Writer::new(files, dir.to_owned(), limits, folder, metrics.clone(), readiness.clone());
        let (jobs, waiting) = mpsc::channel(APPENDS_WAITING);
        std::thread::Builder::new().name("events".to_owned()).spawn(move || writer.run(waiting)).map_err(fail)?;
        Ok(Self(Arc::new(Inner { dir: dir.to_owned(), id, jobs, view, scans: Semaphore::new(SCANS_MAX), metrics })))
    }

    /// Stores what is new of one run's events, oldest first, and answers the number up to which everything is durable.
    ///
    /// # Errors
    /// [`AppendError`]: nothing may be acknowledged.
    pub async fn append(&self, host: &HostId, boot: &BootId, events: Vec<(u64, Bytes)>) -> Result<u64, AppendError> {
        let batch = incoming::read(host, boot, events, &self.0.metrics)?;
        let (reply, answer) = oneshot::channel();
        self.0.jobs.send(Job { batch, reply }).await.map_err(|_| AppendError::Stopped)?;
        answer.await.map_err(|_| AppendError::Stopped)?
    }

    /// One page. With `after` and `wait`, waits for a first event. A page of large events may be shorter than its
    /// limit; with `after` it then says that there is more.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn query(&self, query: &EventQuery, hosts: &HostFilter) -> Result<EventPage, QueryError> {
        let matcher = Matcher::new(query, hosts)?;
        let limit = query.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=EVENTS_PAGE_MAX).contains(&limit) {
            return Err(QueryError::Limit(limit));
        }
        let wait = query.wait.unwrap_or(0);
        if wait > WAIT_MAX_S {
            return Err(QueryError::Wait(wait));
        }
        let mut views = self.0.view.clone();
        let view = Arc::clone(&views.borrow_and_update());
        let Some(after) = &query.after else {
            let found = self.scan(move |dir| scan::newest(dir, &view, &matcher, limit, PAGE_BYTES_MAX)).await?;
            // What there is more of is older, and a cursor only goes on to what is newer.
            return Ok(self.page(Found { more: false, ..found }));
        };
        let mut from = Cursor::parse(after, self.0.id, view.end)?.index;
        let deadline = Instant::now() + Duration::from_secs(wait);
        loop {
            let view = Arc::clone(&views.borrow_and_update());
            let wanted = matcher.clone();
            let found = self.scan(move |dir| scan::after(dir, &view, &wanted, from, limit)).await?;
            if !found.events.is_empty()
                || found.more
                || !matches!(timeout_at(deadline, views.changed()).await, Ok(Ok(())))
            {
                return Ok(self.page(found));
            }
            from = found.next;
        }
    }

    /// The newest events that match, oldest first: as many as a simulation replays, whatever the query's limit says.
    /// True when there are older ones.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn newest(
        &self,
        query: &EventQuery,
        hosts: &HostFilter,
    ) -> Result<(Vec<DecisionEvent>, bool), QueryError> {
        let matcher = Matcher::new(query, hosts)?;
        let view = Arc::clone(&self.0.view.borrow());
        let found = self.scan(move |dir| scan::newest(dir, &view, &matcher, REPLAY_EVENTS, REPLAY_BYTES)).await?;
        Ok((found.events, found.more))
    }

    /// The event that an agent's run numbered so; `None` when it is not held.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn one(&self, host: &HostId, boot: &BootId, seq: u64) -> Result<Option<DecisionEvent>, QueryError> {
        let view = Arc::clone(&self.0.view.borrow());
        let run = (host_key(host), boot_key(boot));
        self.scan(move |dir| scan::one(dir, &view, run, seq)).await?.map_err(|TooFar| QueryError::TooFar)
    }

    /// The cursor before the first event.
    pub fn begin(&self) -> String {
        Cursor { store: self.0.id, index: 0 }.text()
    }

    /// Events held.
    pub fn count(&self) -> u64 {
        self.0.view.borrow().count()
    }

    async fn scan<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, QueryError> {
        let fail = |error: &dyn std::fmt::Display| QueryError::Io(error.to_string());
        let _turn = self.0.scans.acquire().await.map_err(|e| fail(&e))?;
        let dir = self.0.dir.clone();
        tokio::task::spawn_blocking(move || read(&dir)).await.map_err(|e| fail(&e))?.map_err(|e| fail(&e))
    }

    fn page(&self, found: Found) -> EventPage {
        let next = Cursor { store: self.0.id, index: found.next }.text();
        EventPage { events: found.events, next, more: found.more, unreachable: Vec::new() }
    }
}
