//! Folders that something else wrote to: a clear error, and nothing changed.

use crate::support::{Memory, append, deaf, id, once_free};
use openraft::{
    RaftLogReader, RaftSnapshotBuilder,
    storage::{RaftLogStorage, RaftStateMachine},
};
use sha2::{Digest, Sha256};
use std::{fs, path::Path};
use tempfile::TempDir;
use wharden_store::{
    Engine, OpenError, Store,
    backend::{Backend, Journal, Memory as Map, Op, Redb, Sled},
};

on_each_engine!(
    a_damaged_record_is_named,
    a_record_of_a_newer_version_is_refused_with_both_versions_and_kept,
    a_snapshot_of_a_newer_version_is_refused_and_nothing_is_touched,
    a_missing_entry_is_named,
    an_unknown_version_is_refused_and_not_touched,
    a_damaged_database_never_passes_for_an_empty_one,
    a_damaged_newest_snapshot_is_bridged_by_the_log_or_named,
);

async fn filled(engine: Engine) -> TempDir {
    let folder = tempfile::tempdir().expect("folder");
    let (mut log, _machine) = once_free(|| Store::open(folder.path(), engine, deaf())).expect("opens");
    append(&mut log, 0..10).await;
    folder
}

/// Changes records behind the store's back.
fn edit(folder: &Path, engine: Engine, change: impl FnOnce(&dyn Backend)) {
    let path = folder.join("log");
    let backend: Box<dyn Backend> = match engine {
        Engine::Journal => Box::new(once_free(|| Journal::open(&path)).expect("opens")),
        Engine::Redb => Box::new(once_free(|| Redb::open(&path)).expect("opens")),
        Engine::Sled => Box::new(once_free(|| Sled::open(&path)).expect("opens")),
    };
    change(&*backend);
    backend.barrier().expect("written");
}

fn entry_key(index: u64) -> Vec<u8> {
    [b"log/".as_slice(), &index.to_be_bytes()].concat()
}

fn refusal(folder: &Path, engine: Engine) -> String {
    once_free(|| Store::open(folder, engine, deaf())).err().expect("refused").to_string()
}

async fn a_damaged_record_is_named(engine: Engine) {
    for (value, says) in [
        (b"".to_vec(), "the record log/5 of the log: it is empty"),
        (b"\x01{\"log_id\":".to_vec(), "the record log/5 of the log: it is damaged at byte 10"),
    ] {
        let folder = filled(engine).await;
        edit(folder.path(), engine, |db| db.put(&entry_key(5), &value).expect("put"));
        let text = refusal(folder.path(), engine);
        assert!(text.starts_with(says) && text.contains("backup"), "{text}");
    }
    let folder = filled(engine).await;
    edit(folder.path(), engine, |db| {
        let other = db.get(&entry_key(4)).expect("reads").expect("there");
        db.put(&entry_key(5), &other).expect("put");
    });
    assert!(refusal(folder.path(), engine).starts_with("the record log/5 of the log: it holds entry 4"));
    let folder = filled(engine).await;
    edit(folder.path(), engine, |db| db.put(b"vote", b"\x01[]").expect("put"));
    assert!(refusal(folder.path(), engine).starts_with("the record vote of the log"));
}

async fn a_record_of_a_newer_version_is_refused_with_both_versions_and_kept(engine: Engine) {
    for key in [entry_key(5), b"vote".to_vec(), b"purged".to_vec(), b"committed".to_vec()] {
        let folder = filled(engine).await;
        edit(folder.path(), engine, |db| db.put(&key, b"\x09{}").expect("put"));
        let error = once_free(|| Store::open(folder.path(), engine, deaf())).err().expect("refused");
        assert!(matches!(error, OpenError::NewerRecord { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("it has version 9; this program knows up to version 2; start the version"), "{text}");
        edit(folder.path(), engine, |db| {
            assert_eq!(db.get(&key), Ok(Some(b"\x09{}".to_vec())));
            for index in 0..10 {
                assert!(db.get(&entry_key(index)).expect("reads").is_some(), "nothing else was changed either");
            }
        });
    }
}

async fn a_snapshot_of_a_newer_version_is_refused_and_nothing_is_touched(engine: Engine) {
    let folder = filled(engine).await;
    let (mut log, mut machine) = once_free(|| Store::open(folder.path(), engine, deaf())).expect("opens");
    machine.apply(log.try_get_log_entries(0..10).await.expect("entries")).await.expect("applied");
    machine.get_snapshot_builder().await.build_snapshot().await.expect("built");
    drop((log, machine));
    let path = folder.path().join("snapshots/00000000000000000010.snapshot");
    let sound = fs::read(&path).expect("reads");
    let end = sound.iter().rposition(|byte| *byte == b'\n').expect("a trailer");
    let trailer = String::from_utf8(sound[end..].to_vec()).expect("text");
    let newer_trailer = trailer.replace("\"v\":1", "\"v\":9").replace("\"meta\"", "\"about\"");
    // The state's version is its first byte; the checksum is over it too.
    let mut newer_state = sound[..end].to_vec();
    newer_state[0] = 9;
    let sum: [u8; 32] = Sha256::digest(&newer_state).into();
    let mut fields: serde_json::Value = serde_json::from_str(trailer.trim()).expect("fields");
    fields["sha256"] = serde_json::json!(sum);
    newer_state.extend_from_slice(format!("\n{fields}").as_bytes());
    for newer in [[&sound[..end], newer_trailer.as_bytes()].concat(), newer_state] {
        fs::write(&path, &newer).expect("written");
        let before = files(folder.path());
        let error = once_free(|| Store::open(folder.path(), engine, deaf())).err().expect("refused");
        assert!(matches!(error, OpenError::NewerSnapshot { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("version 9; this program knows up to"), "{text}");
        assert!(text.contains("start the version that wrote it"), "{text}");
        assert_eq!(files(folder.path()), before);
    }
    fs::write(&path, &sound).expect("restored");
    once_free(|| Store::open(folder.path(), engine, deaf())).expect("opens");
}

async fn a_missing_entry_is_named(engine: Engine) {
    let folder = filled(engine).await;
    edit(folder.path(), engine, |db| db.batch(vec![Op::Remove(entry_key(5))]).expect("removed"));
    let error = once_free(|| Store::open(folder.path(), engine, deaf())).err().expect("refused");
    assert!(matches!(error, OpenError::Gap { expected: 5, found: 6 }), "{error}");
}

#[tokio::test]
async fn an_entry_damaged_while_running_stops_reads_with_its_name() {
    let map = std::sync::Arc::new(Map::default());
    let (mut log, machine) = Store::over(map.clone(), deaf()).expect("opens");
    append(&mut log, 0..10).await;
    drop((log, machine));
    // One that was opened anew has to read it.
    let (mut log, _machine) = Store::over(map.clone(), deaf()).expect("opens");
    map.put(&entry_key(5), b"\x01rubbish").expect("put");
    let error = log.try_get_log_entries(0..10).await.expect_err("damaged");
    assert!(error.to_string().contains("log/5"), "{error}");
    assert_eq!(log.try_get_log_entries(0..5).await.expect("sound").len(), 5);
}

async fn an_unknown_version_is_refused_and_not_touched(engine: Engine) {
    let folder = filled(engine).await;
    fs::write(folder.path().join("FORMAT"), "wharden-store 9\n").expect("marker");
    let before = files(folder.path());
    let error = once_free(|| Store::open(folder.path(), engine, deaf())).err().expect("refused");
    assert!(matches!(error, OpenError::UnknownVersion { .. }), "{error}");
    assert_eq!(files(folder.path()), before);

    // A database of another program, and one of ours whose marker is gone.
    fs::remove_file(folder.path().join("FORMAT")).expect("removed");
    let before = files(folder.path());
    assert!(matches!(once_free(|| Store::open(folder.path(), engine, deaf())), Err(OpenError::NotOurs { .. })));
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn a_database_in_another_form_than_the_marker_says_is_refused() {
    let engine = Engine::Sled;
    let folder = filled(engine).await;
    let conf = folder.path().join("log/conf");
    assert!(conf.exists(), "sled keeps its version there");
    fs::write(&conf, "segment_size: 524288\nuse_compression: false\nversion: 0.99\nvQ\u{1}\u{2}").expect("written");
    let error = once_free(|| Store::open(folder.path(), engine, deaf())).err().expect("refused");
    assert!(matches!(error, OpenError::Log { .. }), "{error}");
}

/// What sled makes of a damaged file is its own affair, but the store never takes it for a new one.
async fn a_damaged_database_never_passes_for_an_empty_one(engine: Engine) {
    for damage in 0..6 {
        let folder = filled(engine).await;
        let path = folder.path().join(if engine == Engine::Sled { "log/db" } else { "log/log.redb" });
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
        let error = once_free(|| Store::open(folder.path(), engine, deaf()))
            .err()
            .unwrap_or_else(|| panic!("damage {damage} passed"));
        assert!(matches!(error, OpenError::Emptied { .. } | OpenError::Log { .. }), "damage {damage}: {error}");
    }
}

async fn a_damaged_newest_snapshot_is_bridged_by_the_log_or_named(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    let sink = Memory::default();
    {
        let (mut log, mut machine) = Store::open(folder.path(), engine, sink.clone()).expect("opens");
        append(&mut log, 0..20).await;
        for end in [10, 20] {
            machine.apply(log.try_get_log_entries(end - 10..end).await.expect("entries")).await.expect("applied");
            machine.get_snapshot_builder().await.build_snapshot().await.expect("built");
        }
        log.purge(id(4)).await.expect("purged");
    }
    let newest = folder.path().join("snapshots/00000000000000000020.snapshot");
    let sound = fs::read(&newest).expect("reads");
    for damage in [&sound[..sound.len() / 2], &sound[..20], b"", b"\x01{}\n{\"v\":1}"] {
        fs::write(&newest, damage).expect("damaged");
        let sink = Memory::default();
        Store::open(folder.path(), engine, sink.clone()).expect("the older one and the log hold everything");
        assert_eq!(sink.last().applied, Some(9));
    }
    let mut flipped = sound.clone();
    flipped[100] ^= 1;
    fs::write(&newest, &flipped).expect("damaged");
    {
        let (mut log, _machine) = once_free(|| Store::open(folder.path(), engine, deaf())).expect("bridged");
        log.purge(id(12)).await.expect("purged");
    }
    let text = refusal(folder.path(), engine);
    assert!(text.contains("00000000000000000020.snapshot: its content does not match its checksum"), "{text}");
    fs::remove_file(&newest).expect("removed");
    assert!(matches!(
        once_free(|| Store::open(folder.path(), engine, deaf())),
        Err(OpenError::SnapshotMissing { purged: 12 })
    ));
    fs::write(&newest, &sound).expect("restored");
    once_free(|| Store::open(folder.path(), engine, deaf())).expect("sound again");
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
