use super::*;
use crate::events::files::{Disk, Files, Tail};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use wharden_runtime::clock::SystemClock;

const FINE: usize = 0;
/// Writes half of what it should, then says that the disk is full.
const FULL: usize = 1;
/// Writes, and cannot make it durable.
const NO_SYNC: usize = 2;
/// Writes nothing and opens nothing.
const GONE: usize = 3;

struct Faulty {
    mode: Arc<AtomicUsize>,
    syncs: Arc<AtomicUsize>,
}

impl Files for Faulty {
    fn open(&mut self, path: &Path, len: u64) -> io::Result<Box<dyn Tail>> {
        if self.mode.load(Ordering::SeqCst) == GONE {
            return Err(io::Error::other("gone"));
        }
        let tail = Disk.open(path, len)?;
        Ok(Box::new(FaultyTail { tail, mode: Arc::clone(&self.mode), syncs: Arc::clone(&self.syncs) }))
    }
}

struct FaultyTail {
    tail: Box<dyn Tail>,
    mode: Arc<AtomicUsize>,
    syncs: Arc<AtomicUsize>,
}

impl Tail for FaultyTail {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.mode.load(Ordering::SeqCst) == GONE {
            return Err(io::Error::other("gone"));
        }
        if self.mode.load(Ordering::SeqCst) == FULL {
            self.tail.append(&bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.tail.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.mode.load(Ordering::SeqCst) == NO_SYNC {
            return Err(io::Error::other("no sync"));
        }
        self.tail.sync()
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_while_the_disk_fails_and_all_is_well_when_it_works_again() {
    let dir = tempfile::tempdir().expect("dir");
    let (mode, syncs) = (Arc::new(AtomicUsize::new(FINE)), Arc::default());
    let (metrics, readiness) = (Metrics::new("test"), Readiness::new(&["events"]));
    let files = Faulty { mode: Arc::clone(&mode), syncs: Arc::clone(&syncs) };
    let store = EventStore::open_on(files, Box::new(SystemClock), dir.path(), SMALL, &metrics, &readiness)
        .await
        .expect("opens");
    assert_eq!(store.append(&host(1), &boot(1), plain(1..=2)).await, Ok(2));
    for (nth, fault) in [FULL, NO_SYNC, GONE, FULL].into_iter().enumerate() {
        let next = 3 + nth as u64 * 2;
        mode.store(fault, Ordering::SeqCst);
        for _ in 0..2 {
            let refused = store.append(&host(1), &boot(1), plain(next..=next + 1)).await;
            assert!(matches!(refused, Err(AppendError::Io(_))), "{refused:?}");
        }
        assert_eq!(all(&store).await, named(1, 1, 1..next), "what is not durable is not shown");
        assert!(readiness.check().is_err());
        assert!(metrics.encode().contains("test_events_failing 1"));
        mode.store(FINE, Ordering::SeqCst);
        assert_eq!(store.append(&host(1), &boot(1), plain(next..=next + 1)).await, Ok(next + 1));
        assert_eq!(readiness.check(), Ok(()));
    }
    assert_eq!(all(&store).await, named(1, 1, 1..=10));
    drop(store);
    assert_eq!(all(&open(dir.path(), SMALL).await).await, named(1, 1, 1..=10));
}

#[tokio::test]
async fn many_hosts_share_an_fsync() {
    let dir = tempfile::tempdir().expect("dir");
    let (mode, syncs) = (Arc::new(AtomicUsize::new(FINE)), Arc::new(AtomicUsize::new(0)));
    let files = Faulty { mode, syncs: Arc::clone(&syncs) };
    let (metrics, readiness) = (Metrics::new("test"), Readiness::new(&["events"]));
    let store =
        EventStore::open_on(files, Box::new(SystemClock), dir.path(), EventLimits::default(), &metrics, &readiness)
            .await
            .expect("opens");
    let appends = (0..400).map(|n| {
        let store = store.clone();
        async move { store.append(&host(n), &boot(1), plain(1..=2)).await }
    });
    assert!(futures::future::join_all(appends).await.into_iter().all(|acked| acked == Ok(2)));
    assert_eq!(store.count(), 800);
    assert!(syncs.load(Ordering::SeqCst) < 200, "{syncs:?}");
}
