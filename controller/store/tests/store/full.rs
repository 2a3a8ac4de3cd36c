//! A full disk, for real: a small file system in memory. It needs the right to mount; without it this fails rather than
//! passes, since a test that did not run proves nothing.

use crate::support::{child, deaf, entry, task};
use openraft::{
    RaftLogReader,
    storage::{RaftLogStorage, RaftLogStorageExt},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use wharden_store::{Engine, Store};

on_each_engine!(a_full_disk_is_an_error_and_loses_nothing_that_was_acknowledged,);

struct Mount(PathBuf);

impl Mount {
    fn new(path: &Path, size: &str) -> Self {
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(path)
            .status()
            .expect("mount is there");
        assert!(done.success(), "this test must be able to mount a tmpfs: run it as root, or in a user namespace");
        Self(path.to_owned())
    }

    fn grow(&self, size: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0).status();
        assert!(done.expect("mount is there").success(), "remounts");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A folder that stays mounted is gone with the machine; nothing here can do more.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

const FOLDER: &str = "WHARDEN_STORE_FULL_FOLDER";

/// Not a test by itself: the process that fills the disk. It is one of its own since a store that failed is only let go
/// when its process ends.
#[tokio::test]
async fn child_that_fills_the_disk() {
    let Some((engine, folder)) = task(FOLDER) else { return };
    let opened = Store::open(&folder, engine, deaf());
    let (mut log, _machine) = match opened {
        Ok(opened) => opened,
        Err(error) => return println!("refused {error}"),
    };
    let first = log.get_log_state().await.expect("state").last_log_id.map_or(0, |id| id.index + 1);
    for index in first.. {
        if let Err(error) = log.blocking_append([entry(index, 50_000)]).await {
            let again = log.save_vote(&openraft::Vote::new(9, 9)).await.expect_err("stays failed");
            println!("refused {error}, and again {again}");
            return;
        }
        println!("acknowledged {}", index + 1);
    }
}

async fn a_full_disk_is_an_error_and_loses_nothing_that_was_acknowledged(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    let mount = Mount::new(folder.path(), "4m");
    let store = folder.path().join("store");
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut refused = None;
        child("full::child_that_fills_the_disk", FOLDER, engine, &store, |line, _| {
            if let Some(count) = line.strip_prefix("acknowledged ") {
                acknowledged = count.parse().expect("number");
            } else if let Some(error) = line.strip_prefix("refused ") {
                refused = Some(error.to_owned());
            }
        });
        let error = refused.expect("a full disk is an error");
        println!("{acknowledged} acknowledged, then: {error}");
        assert!(error.contains("No space left"), "{error}");
    }
    assert!(acknowledged > 10, "{acknowledged}");
    mount.grow("64m");
    let (mut log, _machine) = Store::open(&store, engine, deaf()).expect("opens when there is space");
    let entries = log.try_get_log_entries(..).await.expect("entries");
    assert!(entries.len() as u64 >= acknowledged, "{} entries, {acknowledged} acknowledged", entries.len());
    for (index, found) in entries.iter().enumerate() {
        assert_eq!(*found, entry(index as u64, 50_000));
    }
    log.blocking_append([entry(entries.len() as u64, 50_000)]).await.expect("works again");
    drop((log, _machine));
}
