use super::{
    event::Draft,
    segment, share,
    spool::{Batch, Spool, SpoolStats},
};
use crate::limits::{EVENT_QUEUE, EVENT_QUEUE_SHARE, SPOOL_GATHER, SPOOL_SYNC};
use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use wharden_model::{BootId, HostId};

/// Most events written at one time.
const GROUP: usize = 256;

#[derive(Debug)]
struct Shared {
    spool: Mutex<Spool>,
    /// Events of each principal that are queued.
    queued: Mutex<HashMap<String, usize>>,
    /// Events that found the queue full since the writer last looked.
    overflow: AtomicU64,
    /// Events lost since the start.
    lost: AtomicU64,
    /// Those of them that were more than their principal's share.
    over_share: AtomicU64,
    written: AtomicU64,
    fresh: Notify,
}

impl Shared {
    fn spool(&self) -> MutexGuard<'_, Spool> {
        // A panic while it was held leaves at worst a segment that is longer than its entry says.
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queued(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        // The map is whole after a panic.
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place in the queue; false when the principal has all of its own.
    fn queue_one(&self, holder: &str) -> bool {
        let mut queued = self.queued();
        match queued.get_mut(holder) {
            Some(count) if *count >= EVENT_QUEUE_SHARE => return false,
            Some(count) => *count += 1,
            None => drop(queued.insert(holder.to_owned(), 1)),
        }
        true
    }

    fn leave_queue(&self, holder: &str) {
        let mut queued = self.queued();
        if let Some(count) = queued.get_mut(holder) {
            *count -= 1;
            if *count == 0 {
                queued.remove(holder);
            }
        }
    }
}

enum Order {
    /// An event, and whose it is.
    Write(Box<Draft>, String),
    Stop,
}

/// Takes events from the guard and gives batches to the session. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reporter {
    shared: Arc<Shared>,
    queue: mpsc::SyncSender<Order>,
}

/// The thread that writes to disk.
#[derive(Debug)]
pub struct Writer {
    thread: thread::JoinHandle<()>,
    queue: mpsc::SyncSender<Order>,
}

impl Reporter {
    /// Starts the writer's thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(spool: Spool, host_id: HostId, boot_id: BootId) -> io::Result<(Self, Writer)> {
        let shared = Arc::new(Shared {
            lost: AtomicU64::new(spool.damaged() as u64),
            spool: Mutex::new(spool),
            queued: Mutex::default(),
            overflow: AtomicU64::new(0),
            over_share: AtomicU64::new(0),
            written: AtomicU64::new(0),
            fresh: Notify::new(),
        });
        let (queue, orders) = mpsc::sync_channel(EVENT_QUEUE);
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("spool".into()).spawn(move || {
            Scribe { shared: theirs, host_id, boot_id, seq: 0, losing: 0, crowded: false }.run(&orders);
        })?;
        Ok((Self { shared, queue: queue.clone() }, Writer { thread, queue }))
    }

    /// Hands over an event. Never waits; what does not fit is counted.
    pub fn record(&self, draft: Draft) {
        let holder = share::holder(&draft.principal);
        let mine = self.shared.queue_one(&holder);
        if !mine {
            self.shared.over_share.fetch_add(1, Ordering::Relaxed);
        }
        if !mine || self.queue.try_send(Order::Write(Box::new(draft.cut()), holder.clone())).is_err() {
            if mine {
                self.shared.leave_queue(&holder);
            }
            self.shared.overflow.fetch_add(1, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events lost since the start because their principal had filled its share.
    pub fn over_share(&self) -> u64 {
        self.shared.over_share.load(Ordering::Relaxed)
    }

    /// Events lost since the start.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Events written since the start.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// How full the spool is.
    pub fn stats(&self) -> SpoolStats {
        self.shared.spool().stats()
    }

    /// Waits until events may have been written.
    pub async fn fresh(&self) {
        self.shared.fresh.notified().await;
    }

    /// The oldest events that are not acknowledged. Reads the disk: not for a thread that must not block.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn next_batch(&self, max: usize) -> io::Result<Option<Batch>> {
        self.shared.spool().next_batch(max)
    }

    /// Takes an acknowledgement. Deletes files: not for a thread that must not block.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn ack(&self, boot_id: &BootId, seq: u64) -> io::Result<()> {
        self.shared.spool().ack(boot_id, seq)
    }
}

impl Writer {
    /// Writes what is queued, syncs and ends the thread. Blocks.
    pub fn stop(self) {
        // The thread only ends on this order, so the queue has a reader as long as it has not been sent.
        if self.queue.send(Order::Stop).is_ok() && self.thread.join().is_err() {
            tracing::error!("the writer of the event spool panicked");
        }
    }
}

struct Scribe {
    shared: Arc<Shared>,
    host_id: HostId,
    boot_id: BootId,
    seq: u64,
    /// Events lost in the present shortage of room.
    losing: u64,
    /// A principal has just been found to have more than its share.
    crowded: bool,
}

impl Scribe {
    fn run(mut self, orders: &mpsc::Receiver<Order>) {
        let mut synced = Instant::now();
        let mut stop = false;
        while !stop {
            let mut group = Vec::new();
            match orders.recv_timeout(if self.losing > 0 { Duration::from_millis(200) } else { SPOOL_SYNC }) {
                Ok(Order::Write(draft, holder)) => group.push((*draft, holder)),
                Ok(Order::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => stop = true,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            while group.len() < GROUP && !stop {
                match orders.try_recv() {
                    Ok(Order::Write(draft, holder)) => group.push((*draft, holder)),
                    Ok(Order::Stop) => stop = true,
                    Err(_) => break,
                }
            }
            if !group.is_empty() {
                self.write(group);
                if !stop {
                    thread::sleep(SPOOL_GATHER);
                }
            }
            if stop || synced.elapsed() >= SPOOL_SYNC {
                synced = Instant::now();
                if let Err(error) = self.shared.spool().sync() {
                    tracing::error!(%error, "syncing the event spool failed");
                }
            }
        }
    }

    fn write(&mut self, group: Vec<(Draft, String)>) {
        // Numbers of events that never reached this thread stay unused.
        self.seq += self.shared.overflow.swap(0, Ordering::Relaxed);
        let (first, mut last, mut count) = (self.seq + 1, self.seq, 0);
        let (mut encoded, mut by) = (Vec::new(), BTreeMap::<String, u64>::new());
        let mut crowded = false;
        let mut spool = self.shared.spool();
        for (draft, holder) in group {
            self.shared.leave_queue(&holder);
            self.seq += 1;
            let event = draft.number(self.host_id.clone(), self.boot_id.clone(), self.seq);
            let json = match serde_json::to_vec(&event) {
                Ok(json) => json,
                Err(error) => {
                    tracing::error!(%error, "an event could not be written as JSON");
                    continue;
                }
            };
            let mine = by.get(&holder).copied().unwrap_or_default() + json.len() as u64;
            if !spool.has_room(&holder, mine) {
                self.shared.over_share.fetch_add(1, Ordering::Relaxed);
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                if !self.crowded && !crowded {
                    tracing::warn!(whose = holder, "has filled its part of the event spool: more are counted and lost");
                }
                crowded = true;
                continue;
            }
            segment::encode(&mut encoded, self.seq, &json);
            by.insert(holder, mine);
            (last, count) = (self.seq, count + 1);
        }
        self.crowded = crowded;
        if count == 0 {
            return;
        }
        let result = spool.append(first, last, &encoded, &by);
        drop(spool);
        match result {
            Ok(()) => {
                if std::mem::take(&mut self.losing) > 0 {
                    tracing::warn!(lost = self.shared.lost.load(Ordering::Relaxed), "the event spool has room again");
                }
                self.shared.written.fetch_add(count, Ordering::Relaxed);
                self.shared.fresh.notify_one();
            }
            Err(error) => {
                if self.losing == 0 {
                    tracing::error!(%error, "the event spool takes no more events: they are counted and lost");
                }
                self.losing += count;
                self.shared.lost.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::event::tests::draft, *};
    use wharden_model::DecisionEvent;

    fn ids() -> (HostId, BootId) {
        (HostId::new("h-0000000000000000").expect("id"), BootId::new("00000000000000aa").expect("id"))
    }

    fn all(reporter: &Reporter) -> Vec<u64> {
        let mut seqs = Vec::new();
        while let Some(batch) = reporter.next_batch(100).expect("read") {
            seqs.extend(batch.events.iter().map(|(seq, json)| {
                let event: DecisionEvent = serde_json::from_slice(json).expect("json");
                assert_eq!(event.seq, *seq);
                *seq
            }));
            reporter.ack(&batch.boot_id, *seqs.last().expect("not empty")).expect("ack");
        }
        seqs
    }

    #[test]
    fn events_are_numbered_without_gaps() {
        let dir = tempfile::tempdir().expect("dir");
        let (host, boot) = ids();
        let spool = Spool::open(dir.path(), boot.clone(), 1 << 24).expect("open");
        let (reporter, writer) = Reporter::start(spool, host, boot).expect("thread");
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let reporter = reporter.clone();
                thread::spawn(move || (0..500).for_each(|_| reporter.record(draft("bob"))))
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().expect("thread"));
        writer.stop();
        assert_eq!(all(&reporter), (1..=2000).collect::<Vec<_>>());
        assert_eq!(reporter.lost(), 0);
    }

    #[test]
    fn one_principal_leaves_room_for_the_events_of_others() {
        let dir = tempfile::tempdir().expect("dir");
        let (host, boot) = ids();
        let spool = Spool::open(dir.path(), boot.clone(), 40_000).expect("open");
        let (reporter, writer) = Reporter::start(spool, host, boot).expect("thread");
        for _ in 0..500 {
            reporter.record(draft("eve"));
        }
        for _ in 0..5 {
            reporter.record(draft("bob"));
        }
        writer.stop();
        let mut names = BTreeMap::<String, u64>::new();
        while let Some(batch) = reporter.next_batch(1000).expect("read") {
            for (_, json) in &batch.events {
                *names.entry(share::holder_of(json)).or_default() += 1;
            }
            reporter.ack(&batch.boot_id, batch.events.last().expect("not empty").0).expect("ack");
        }
        assert_eq!(names["user bob"], 5, "{names:?}");
        assert!(names["user eve"] > 5 && reporter.over_share() > 0, "{names:?}");
        assert_eq!((names["user eve"] + reporter.lost(), reporter.lost()), (500, reporter.over_share()));
    }

    #[test]
    fn lost_events_are_counted_and_leave_a_gap() {
        let dir = tempfile::tempdir().expect("dir");
        let (host, boot) = ids();
        let spool = Spool::open(dir.path(), boot.clone(), 20_000).expect("open");
        let (reporter, writer) = Reporter::start(spool, host, boot).expect("thread");
        for _ in 0..1000 {
            reporter.record(draft("bob"));
            thread::sleep(Duration::from_micros(50));
        }
        while reporter.written() + reporter.lost() < 1000 {
            thread::sleep(Duration::from_millis(1));
        }
        let kept = all(&reporter);
        reporter.record(draft("bob"));
        writer.stop();
        assert_eq!(kept.len() as u64 + reporter.lost(), 1000);
        assert!(reporter.lost() > 0);
        assert_eq!(all(&reporter), [1001], "the number after all that were lost");
    }
}
