//! Processes that end in the middle of a write.

use crate::support::{append, child, deaf, entry, task};
use openraft::{
    RaftLogReader,
    storage::{RaftLogStorage, RaftLogStorageExt},
};
use std::{
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use wharden_store::{Engine, Store};

on_each_engine!(a_killed_process_loses_nothing_that_it_acknowledged,);

const FOLDER: &str = "WHARDEN_STORE_KILL_FOLDER";

/// Not a test by itself: the process that [`a_killed_process_loses_nothing_that_it_acknowledged`] kills.
#[tokio::test]
async fn child_that_is_killed() {
    let Some((engine, folder)) = task(FOLDER) else { return };
    let (mut log, _machine) = Store::open(&folder, engine, deaf()).expect("opens");
    let first = log.get_log_state().await.expect("state").last_log_id.map_or(0, |id| id.index + 1);
    for index in first.. {
        log.blocking_append([entry(index, 5000)]).await.expect("appended");
        let mut out = std::io::stdout();
        writeln!(out, "acknowledged {index}").and_then(|()| out.flush()).expect("told");
    }
}

async fn a_killed_process_loses_nothing_that_it_acknowledged(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    let mut acknowledged: u64 = 0;
    for round in 1..=5 {
        let mut left: i32 = 20 * round;
        child("kill::child_that_is_killed", FOLDER, engine, folder.path(), |line, child| {
            if let Some(index) = line.strip_prefix("acknowledged ") {
                acknowledged = index.parse().expect("number");
                left -= 1;
                // Lines that were on their way already are seen after the kill.
                if left == 0 {
                    child.kill().expect("killed");
                }
            }
        });
        let (mut log, _machine) = Store::open(folder.path(), engine, deaf()).expect("opens after a kill");
        let entries = log.try_get_log_entries(..).await.expect("entries");
        assert!(entries.len() as u64 > acknowledged, "{} entries, {acknowledged} acknowledged", entries.len());
        for (index, found) in entries.iter().enumerate() {
            assert_eq!(*found, entry(index as u64, 5000));
        }
    }
}

/// A copy taken while the log is written is what a power cut may leave: it opens, and holds what was acknowledged before
/// the copy began. Sled only: redb overwrites pages that no commit needs any more, and a copy that takes longer than two
/// commits mixes them; what a power cut does to it is tried by `tests/powercut`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_in_the_middle_of_writes_opens_with_all_that_was_acknowledged() {
    let engine = Engine::Sled;
    let folder = tempfile::tempdir().expect("folder");
    let (mut log, _machine) = Store::open(folder.path(), engine, deaf()).expect("opens");
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (stopped, told) = (Arc::clone(&stop), Arc::clone(&acknowledged));
    let writer = tokio::spawn(async move {
        let mut index = 0;
        while !stopped.load(Ordering::SeqCst) {
            append(&mut log, [index]).await;
            told.store(index + 1, Ordering::SeqCst);
            index += 1;
        }
    });
    for _ in 0..10 {
        while acknowledged.load(Ordering::SeqCst) < 5 {
            tokio::task::yield_now().await;
        }
        let copy = tempfile::tempdir().expect("copy");
        let before = acknowledged.load(Ordering::SeqCst);
        let (from, to) = (folder.path().to_owned(), copy.path().to_owned());
        tokio::task::spawn_blocking(move || copy_all(&from, &to)).await.expect("copied");
        let (mut log, _machine) = Store::open(copy.path(), engine, deaf()).expect("a copy opens");
        let entries = log.try_get_log_entries(..).await.expect("entries");
        assert!(entries.len() as u64 >= before, "{} entries, {before} acknowledged", entries.len());
    }
    stop.store(true, Ordering::SeqCst);
    writer.await.expect("joined");
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("folder");
    let mut paths: Vec<_> = fs::read_dir(from).expect("lists").map(|entry| entry.expect("entry").path()).collect();
    // Sled's `snap.*` files say where in `db` to begin: the older one and the newer `db` belong together, not the reverse.
    paths.sort_by_key(|path| path.file_name().is_some_and(|name| name == "db"));
    for path in paths {
        let target = to.join(path.file_name().expect("name"));
        if path.is_dir() {
            copy_all(&path, &target);
        } else if fs::copy(&path, &target).is_err() {
            assert!(!path.exists(), "only a file that is gone cannot be copied");
        }
    }
}
