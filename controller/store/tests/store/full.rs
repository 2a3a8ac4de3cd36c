//! A full disk, for real: a small file system in memory. It needs the right to mount; without it this fails rather than
//! passes, since a test that did not run proves nothing.

use crate::support::{deaf, entry};
use openraft::{
    RaftLogReader,
    storage::{RaftLogStorage, RaftLogStorageExt},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tokio::time::timeout;
use wharden_store::Store;

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

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("folder");
    let mount = Mount::new(folder.path(), "4m");
    let store = folder.path().join("store");
    let mut acknowledged = 0;
    {
        let (mut log, _machine) = Store::open(&store, deaf()).expect("opens");
        let error = loop {
            let appended = timeout(Duration::from_secs(60), log.blocking_append([entry(acknowledged, 50_000)]));
            match appended.await.expect("a full disk does not hang") {
                Ok(()) => acknowledged += 1,
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("free space"), "{error}");
        let again = log.save_vote(&openraft::Vote::new(9, 9)).await.expect_err("stays failed");
        assert!(again.to_string().contains("free space"), "{again}");
    }
    assert!(acknowledged > 10, "{acknowledged}");
    mount.grow("64m");
    let (mut log, _machine) = Store::open(&store, deaf()).expect("opens when there is space");
    let entries = log.try_get_log_entries(..).await.expect("entries");
    assert!(entries.len() as u64 >= acknowledged, "{} entries, {acknowledged} acknowledged", entries.len());
    log.blocking_append([entry(entries.len() as u64, 50_000)]).await.expect("works again");
}
