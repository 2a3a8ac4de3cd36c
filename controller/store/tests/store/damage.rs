//! Folders that something else wrote to: a clear error, and nothing changed.

use crate::support::{Memory, append, deaf, id};
use openraft::{
    RaftLogReader, RaftSnapshotBuilder,
    storage::{RaftLogStorage, RaftStateMachine},
};
use std::{fs, path::Path};
use tempfile::TempDir;
use wharden_store::{OpenError, Store};

async fn filled() -> TempDir {
    let folder = tempfile::tempdir().expect("folder");
    let (mut log, _machine) = Store::open(folder.path(), deaf()).expect("opens");
    append(&mut log, 0..10).await;
    folder
}

fn edit(folder: &Path, change: impl FnOnce(&sled::Db)) {
    let db = sled::open(folder.join("log")).expect("opens");
    change(&db);
    db.flush().expect("flushed");
}

fn entry_key(index: u64) -> Vec<u8> {
    [b"log/".as_slice(), &index.to_be_bytes()].concat()
}

fn refusal(folder: &Path) -> String {
    Store::open(folder, deaf()).err().expect("refused").to_string()
}

#[tokio::test]
async fn a_damaged_record_is_named() {
    for (value, says) in [
        (b"".to_vec(), "the record log/5 of the log: it is empty"),
        (b"\x01{\"log_id\":".to_vec(), "the record log/5 of the log: it is damaged at byte 10"),
        (b"\x02{}".to_vec(), "the record log/5 of the log: it has version 2"),
    ] {
        let folder = filled().await;
        edit(folder.path(), |db| drop(db.insert(entry_key(5), value)));
        let text = refusal(folder.path());
        assert!(text.starts_with(says) && text.contains("backup"), "{text}");
    }
    let folder = filled().await;
    edit(folder.path(), |db| {
        let other = db.get(entry_key(4)).expect("reads").expect("there");
        drop(db.insert(entry_key(5), other));
    });
    assert!(refusal(folder.path()).starts_with("the record log/5 of the log: it holds entry 4"));
    let folder = filled().await;
    edit(folder.path(), |db| drop(db.insert(b"vote", b"\x01[]")));
    assert!(refusal(folder.path()).starts_with("the record vote of the log"));
}

#[tokio::test]
async fn a_missing_entry_is_named() {
    let folder = filled().await;
    edit(folder.path(), |db| drop(db.remove(entry_key(5))));
    let error = Store::open(folder.path(), deaf()).err().expect("refused");
    assert!(matches!(error, OpenError::Gap { expected: 5, found: 6 }), "{error}");
}

#[tokio::test]
async fn an_entry_damaged_while_running_stops_reads_with_its_name() {
    use wharden_store::backend::{Backend, Memory as Map};
    let map = std::sync::Arc::new(Map::default());
    let (mut log, _machine) = Store::over(map.clone(), deaf()).expect("opens");
    append(&mut log, 0..10).await;
    map.put(&entry_key(5), b"\x01rubbish").expect("put");
    let error = log.try_get_log_entries(0..10).await.expect_err("damaged");
    assert!(error.to_string().contains("log/5"), "{error}");
    assert_eq!(log.try_get_log_entries(0..5).await.expect("sound").len(), 5);
}

#[tokio::test]
async fn an_unknown_version_is_refused_and_not_touched() {
    let folder = filled().await;
    fs::write(folder.path().join("FORMAT"), "wharden-store 9\n").expect("marker");
    let before = files(folder.path());
    let error = Store::open(folder.path(), deaf()).err().expect("refused");
    assert!(matches!(error, OpenError::UnknownVersion { .. }), "{error}");
    assert_eq!(files(folder.path()), before);

    // A database of another program, and one of ours whose marker is gone.
    fs::remove_file(folder.path().join("FORMAT")).expect("removed");
    let before = files(folder.path());
    assert!(matches!(Store::open(folder.path(), deaf()), Err(OpenError::NotOurs { .. })));
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn a_database_in_another_form_than_the_marker_says_is_refused() {
    let folder = filled().await;
    let conf = folder.path().join("log/conf");
    assert!(conf.exists(), "sled keeps its version there");
    fs::write(&conf, "segment_size: 524288\nuse_compression: false\nversion: 0.99\nvQ\u{1}\u{2}").expect("written");
    let error = Store::open(folder.path(), deaf()).err().expect("refused");
    assert!(matches!(error, OpenError::Log { .. }), "{error}");
}

/// What sled makes of a damaged file is its own affair, but the store never takes it for a new one.
#[tokio::test]
async fn a_damaged_database_never_passes_for_an_empty_one() {
    for damage in 0..6 {
        let folder = filled().await;
        let path = folder.path().join("log/db");
        let mut bytes = fs::read(&path).expect("reads");
        match damage {
            0 => bytes.clear(),
            1 => bytes.truncate(20),
            2 => bytes.fill(0),
            3 => bytes.iter_mut().for_each(|byte| *byte ^= 0x55),
            4 => bytes[..4096].fill(0xff),
            _ => bytes.iter_mut().step_by(97).for_each(|byte| *byte = !*byte),
        }
        fs::write(&path, &bytes).expect("damaged");
        for snap in fs::read_dir(folder.path().join("log")).expect("lists") {
            let path = snap.expect("entry").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap")) {
                fs::remove_file(path).expect("removed");
            }
        }
        let error = Store::open(folder.path(), deaf()).err().unwrap_or_else(|| panic!("damage {damage} passed"));
        assert!(matches!(error, OpenError::Emptied { .. } | OpenError::Log { .. }), "damage {damage}: {error}");
    }
}

#[tokio::test]
async fn a_damaged_newest_snapshot_is_bridged_by_the_log_or_named() {
    let folder = tempfile::tempdir().expect("folder");
    let sink = Memory::default();
    {
        let (mut log, mut machine) = Store::open(folder.path(), sink.clone()).expect("opens");
        append(&mut log, 0..20).await;
        for end in [10, 20] {
            machine.apply(log.try_get_log_entries(end - 10..end).await.expect("entries")).await.expect("applied");
            machine.get_snapshot_builder().await.build_snapshot().await.expect("built");
        }
        log.purge(id(4)).await.expect("purged");
    }
    let newest = folder.path().join("snapshots/00000000000000000020.snapshot");
    let sound = fs::read(&newest).expect("reads");
    for damage in [&sound[..sound.len() / 2], &sound[..20], b"", b"\x01{}\n{\"v\":2}"] {
        fs::write(&newest, damage).expect("damaged");
        let sink = Memory::default();
        Store::open(folder.path(), sink.clone()).expect("the older one and the log hold everything");
        assert_eq!(sink.last().applied, Some(9));
    }
    let mut flipped = sound.clone();
    flipped[100] ^= 1;
    fs::write(&newest, &flipped).expect("damaged");
    {
        let (mut log, _machine) = Store::open(folder.path(), deaf()).expect("bridged");
        log.purge(id(12)).await.expect("purged");
    }
    let text = refusal(folder.path());
    assert!(text.contains("00000000000000000020.snapshot: its content does not match its checksum"), "{text}");
    fs::remove_file(&newest).expect("removed");
    assert!(matches!(Store::open(folder.path(), deaf()), Err(OpenError::SnapshotMissing { purged: 12 })));
    fs::write(&newest, &sound).expect("restored");
    Store::open(folder.path(), deaf()).expect("sound again");
}

/// Every file and its content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("lists") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.push((path.display().to_string(), fs::read(&path).expect("reads")));
            }
        }
    }
    all.sort();
    all
}
