use super::{
    AppendError, EventLimits, HostFilter, OpenError, QueryError,
    exchange::{Ask, HeldPage, Kept, Other, Taken},
    files::{Disk, Files},
    folder,
    incoming::{self, Incoming},
    limits::{AGE_LOOK, APPENDS_WAITING, PAGE_BYTES_MAX, PAGE_DEFAULT, SCANS_MAX, WAIT_MAX_S},
    matcher::Matcher,
    merge,
    metrics::EventMetrics,
    order::Place,
    pending::{Pending, Ticket},
    record::{Header, boot_key, host_key},
    runs::{Held, RunKey, Runs},
    scan::{self, Part, TooFar},
    segment::View,
    writer::{Job, Writer},
};
use bytes::Bytes;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use wharden_model::{BootId, DecisionEvent, EventQuery, HostId, api::EventPage, limits::EVENTS_PAGE_MAX};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    metrics::Metrics,
    ready::Readiness,
};

/// The events that this controller holds. Clones are the same store; the writer ends with the last of them.
#[derive(Clone)]
pub struct EventStore(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    clock: Box<dyn Clock>,
    jobs: mpsc::Sender<Job>,
    view: watch::Receiver<Arc<View>>,
    runs: Arc<Mutex<Runs>>,
    pending: Pending,
    scans: Semaphore,
    limits: EventLimits,
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
        Self::open_with(Box::new(SystemClock), dir, limits, metrics, readiness).await
    }

    /// The same, by another clock.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with(
        clock: Box<dyn Clock>,
        dir: &Path,
        limits: EventLimits,
        metrics: &Metrics,
        readiness: &Readiness,
    ) -> Result<Self, OpenError> {
        Self::open_on(Disk, clock, dir, limits, metrics, readiness).await
    }

    pub(super) async fn open_on(
        files: impl Files,
        clock: Box<dyn Clock>,
        dir: &Path,
        limits: EventLimits,
        metrics: &Metrics,
        readiness: &Readiness,
    ) -> Result<Self, OpenError> {
        let fail = |error| OpenError::Io { path: dir.to_owned(), error };
        let path = dir.to_owned();
        let folder =
            tokio::task::spawn_blocking(move || folder::open(&path)).await.map_err(|e| fail(io::Error::other(e)))??;
        let pending = Pending::after(folder.segments.iter().map(|s| s.highest).max().unwrap_or(0));
        let metrics = EventMetrics::new(metrics);
        let (writer, view, runs) =
            Writer::new(files, dir.to_owned(), limits, folder, metrics.clone(), readiness.clone());
        let (jobs, waiting) = mpsc::channel(APPENDS_WAITING);
        std::thread::Builder::new().name("events".to_owned()).spawn(move || writer.run(waiting)).map_err(fail)?;
        let (dir, scans) = (dir.to_owned(), Semaphore::new(SCANS_MAX));
        Ok(Self(Arc::new(Inner { dir, clock, jobs, view, runs, pending, scans, limits, metrics })))
    }

    /// Stores what is new of one run's events, oldest first, here alone. Answers the highest number of the message.
    ///
    /// # Errors
    /// [`AppendError`]: nothing may be acknowledged.
    pub async fn append(&self, host: &HostId, boot: &BootId, events: Vec<(u64, Bytes)>) -> Result<u64, AppendError> {
        let taken = self.take(host, boot, events)?;
        self.store(taken).await
    }

    /// Stamps one run's events. Those that were acknowledged before are left out.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`].
    pub fn take(&self, host: &HostId, boot: &BootId, events: Vec<(u64, Bytes)>) -> Result<Taken, AppendError> {
        let incoming::Batch { run, mut events, highest } = incoming::read(host, boot, events, &self.0.metrics)?;
        let ticket = self.0.pending.take(self.0.clock.now(), run);
        let (all, mut held) = (events.len(), Vec::new());
        let runs = self.runs();
        events.retain_mut(|event| match runs.held(run, event.header.seq) {
            Held::No => {
                event.header.stamp = ticket.stamp;
                true
            }
            Held::At(stamp) => {
                let header = Header { stamp, ..event.header };
                held.push(Incoming { header, json: event.json.clone() });
                false
            }
            Held::Settled => false,
        });
        drop(runs);
        self.0.metrics.duplicate.inc_by((all - events.len()) as u64);
        Ok(Taken { run, events, held, highest, ticket })
    }

    /// Stores what was taken. Answers the highest number of the message.
    ///
    /// # Errors
    /// [`AppendError`]: nothing may be acknowledged.
    pub async fn store(&self, taken: Taken) -> Result<u64, AppendError> {
        let Taken { events, highest, ticket: _open, .. } = taken;
        if !events.is_empty() {
            self.write(events).await?;
        }
        Ok(highest)
    }

    /// Stores records that another controller sends: those that it takes from an agent at this moment, or, to `mend`, such
    /// that were acknowledged before.
    ///
    /// # Errors
    /// [`AppendError`]: nothing of it counts as stored.
    pub async fn keep(&self, records: &Bytes, mend: bool) -> Result<Kept, AppendError> {
        let mut events = incoming::copies(records)?;
        let (mut kept, mut tickets) = (Kept::default(), Vec::<Ticket>::new());
        if !mend {
            events.retain_mut(|event| {
                let (run, came) = (event.header.run(), event.header.stamp);
                if self.0.pending.takes(run) {
                    if kept.busy.last() != Some(&run) {
                        kept.busy.push(run);
                    }
                    return false;
                }
                if tickets.last().is_none_or(|last| last.came != came) {
                    tickets.push(self.0.pending.copy(came));
                }
                if let Some(ticket) = tickets.last().filter(|ticket| ticket.stamp != came) {
                    Other::note(&mut kept.others, &event.header, Held::At(ticket.stamp));
                    event.header.stamp = ticket.stamp;
                }
                true
            });
        }
        if !events.is_empty() {
            // What it says of an event comes later than what was said above, and counts.
            kept.others.extend(self.write(events).await?);
        }
        Ok(kept)
    }

    async fn write(&self, events: Vec<Incoming>) -> Result<Vec<Other>, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.0.jobs.send(Job::Store { events, reply }).await.map_err(|_| AppendError::Stopped)?;
        answer.await.map_err(|_| AppendError::Stopped)?
    }

    /// Drops what is older than may be kept, by whole segments.
    pub async fn drop_old(&self) {
        let at = self.0.clock.now().saturating_sub(self.0.limits.max_age_ms);
        let (reply, done) = oneshot::channel();
        if self.0.jobs.send(Job::DropBefore { at, reply }).await.is_ok() {
            // The writer ends with the store.
            let _ = done.await;
        }
    }

    /// What this store has for a page.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn part(&self, ask: &Ask, hosts: &HostFilter) -> Result<Part, QueryError> {
        let matcher = Matcher::new(&ask.query, hosts)?;
        self.advance(ask.clock.saturating_sub(1));
        // First what is closed, then what is there: so that all of the former is in the latter.
        let closed = Place::before(self.clock());
        let view = Arc::clone(&self.0.view.borrow());
        let below = ask.before.map_or(closed, |before| before.min(closed));
        let (after, limit) = (ask.after, ask.limit.clamp(1, EVENTS_PAGE_MAX));
        self.scan(move |dir| match after {
            Some(after) => scan::after(dir, &view, &matcher, after, below, limit),
            None => scan::newest(dir, &view, &matcher, below, (limit, PAGE_BYTES_MAX)),
        })
        .await
    }

    /// One page of this store alone. With `after` and `wait`, waits for a first event. A page of large events may be
    /// shorter than its limit; with `after` it then says that there is more.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn query(&self, query: &EventQuery, hosts: &HostFilter) -> Result<EventPage, QueryError> {
        let (limit, after) = checked(query)?;
        let mut ask = Ask { query: query.clone(), after, before: None, limit, clock: 0 };
        let deadline = Instant::now() + Duration::from_secs(query.wait.unwrap_or(0));
        let mut ended = self.0.pending.ended();
        loop {
            ended.mark_unchanged();
            let part = self.part(&ask, hosts).await?;
            if ask.after.is_none() {
                // What there is more of is older, and a cursor only goes on to what is newer.
                return Ok(page(merge::Merged { more: false, ..merge::newest(vec![part], limit) }));
            }
            let found = merge::following(vec![part], limit);
            if !found.events.is_empty()
                || found.more
                || !matches!(timeout_at(deadline, ended.changed()).await, Ok(Ok(())))
            {
                return Ok(page(found));
            }
            ask.after = Some(found.reached);
        }
    }

    /// The event that an agent's run numbered so; `None` when it is not held.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn one(&self, host: &HostId, boot: &BootId, seq: u64) -> Result<Option<DecisionEvent>, QueryError> {
        let run = (host_key(host), boot_key(boot));
        if self.runs().held(run, seq) == Held::No {
            return Ok(None);
        }
        let view = Arc::clone(&self.0.view.borrow());
        self.scan(move |dir| scan::one(dir, &view, run, seq)).await?.map_err(|TooFar| QueryError::TooFar)
    }

    /// What is held of the runs after this one.
    pub fn held(&self, after: Option<RunKey>, max: usize) -> HeldPage {
        HeldPage { runs: self.runs().page(after, max), horizon: self.0.view.borrow().horizon }
    }

    /// Records of one segment, the `nth`, that are wanted by run, number and time; `None` when there are not so many
    /// segments.
    ///
    /// # Errors
    /// [`QueryError::Io`].
    pub async fn records(
        &self,
        nth: usize,
        wanted: impl Fn(RunKey, u64, u64) -> bool + Send + 'static,
    ) -> Result<Option<Vec<Vec<u8>>>, QueryError> {
        let Some(segment) = self.0.view.borrow().segments.get(nth).cloned() else { return Ok(None) };
        let wanted = move |header: &Header| wanted(header.run(), header.seq, header.at.min(header.stamp));
        self.scan(move |dir| scan::records(dir, &segment, wanted)).await.map(Some)
    }

    /// Nothing with a lower stamp will appear here, but for copies of what other controllers had before.
    pub fn clock(&self) -> u64 {
        self.0.pending.closed(self.0.clock.now())
    }

    /// Nothing that is taken from now on gets this stamp or a lower one.
    pub fn advance(&self, stamp: u64) {
        self.0.pending.advance(stamp);
    }

    /// Events held.
    pub fn count(&self) -> u64 {
        self.0.view.borrow().count()
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
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
}

/// Drops what is too old, again and again.
pub async fn drop_old(events: EventStore) {
    loop {
        events.drop_old().await;
        tokio::time::sleep(AGE_LOOK).await;
    }
}

/// The limit and the place of a query.
///
/// # Errors
/// [`QueryError`] by the name of what is wrong.
pub fn checked(query: &EventQuery) -> Result<(usize, Option<Place>), QueryError> {
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=EVENTS_PAGE_MAX).contains(&limit) {
        return Err(QueryError::Limit(limit));
    }
    let wait = query.wait.unwrap_or(0);
    if wait > WAIT_MAX_S {
        return Err(QueryError::Wait(wait));
    }
    Ok((limit, query.after.as_deref().map(Place::parse).transpose()?))
}

/// The page as people get it.
pub fn page(found: merge::Merged) -> EventPage {
    let events = found.events.into_iter().map(|(_, event)| event).collect();
    EventPage { events, next: found.reached.text(), more: found.more, unreachable: Vec::new(), incomplete: false }
}
