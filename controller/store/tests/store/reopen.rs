//! What was acknowledged is there when the folder is opened again.

use crate::support::{Memory, append, deaf, entry, id, open_again};
use openraft::{
    RaftLogReader, RaftSnapshotBuilder, Vote,
    storage::{RaftLogStorage, RaftStateMachine},
};
use std::fs;
use wharden_store::{Engine, OpenError, Store};

on_each_engine!(
    log_vote_and_committed_are_there_after_a_restart,
    a_snapshot_and_the_log_after_it_are_there_after_a_restart,
    an_installed_snapshot_replaces_the_state_and_is_there_after_a_restart,
    a_folder_keeps_the_engine_that_it_was_made_with,
    what_a_first_start_left_half_made_is_made_anew,
    a_folder_has_one_owner_at_a_time,
    a_read_for_a_peer_is_bounded_but_never_empty,
);

async fn log_vote_and_committed_are_there_after_a_restart(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    {
        let (mut log, _machine) = Store::open(folder.path(), engine, deaf()).expect("opens");
        append(&mut log, 0..100).await;
        log.truncate(id(90)).await.expect("truncated");
        append(&mut log, 90..95).await;
        log.save_vote(&Vote::new_committed(7, 2)).await.expect("saved");
        log.save_committed(Some(id(80))).await.expect("saved");
    }
    let (mut log, _machine) = open_again(folder.path(), engine, &deaf());
    let state = log.get_log_state().await.expect("state");
    assert_eq!((state.last_purged_log_id, state.last_log_id), (None, Some(id(94))));
    assert_eq!(log.read_vote().await.expect("vote"), Some(Vote::new_committed(7, 2)));
    assert_eq!(log.read_committed().await.expect("committed"), Some(id(80)));
    let entries = log.try_get_log_entries(..).await.expect("entries");
    assert_eq!(entries, (0..95).map(|index| entry(index, 10)).collect::<Vec<_>>());
}

async fn a_snapshot_and_the_log_after_it_are_there_after_a_restart(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    let before = {
        let sink = Memory::default();
        let (mut log, mut machine) = Store::open(folder.path(), engine, sink.clone()).expect("opens");
        append(&mut log, 0..20).await;
        for end in [5, 10, 15] {
            let entries = log.try_get_log_entries(end - 5..end).await.expect("entries");
            machine.apply(entries).await.expect("applied");
            let built = machine.get_snapshot_builder().await.build_snapshot().await.expect("built");
            assert_eq!(built.meta.last_log_id, Some(id(end - 1)));
        }
        log.purge(id(12)).await.expect("purged");
        sink.last().state
    };
    let names = fs::read_dir(folder.path().join("snapshots")).expect("lists").count();
    assert_eq!(names, 2, "only the newest two stay");

    let sink = Memory::default();
    let (mut log, mut machine) = open_again(folder.path(), engine, &sink);
    let loaded = sink.last();
    assert!(loaded.whole && loaded.applied == Some(14));
    assert_eq!(loaded.state, before);
    assert_eq!(machine.applied_state().await.expect("state").0, Some(id(14)));
    let state = log.get_log_state().await.expect("state");
    assert_eq!((state.last_purged_log_id, state.last_log_id), (Some(id(12)), Some(id(19))));
    assert_eq!(log.try_get_log_entries(..).await.expect("entries").len(), 7);
    let current = machine.get_current_snapshot().await.expect("reads").expect("there");
    assert_eq!(current.meta.last_log_id, Some(id(14)));
    assert_eq!(current.snapshot.into_inner(), before.to_bytes().expect("bytes"));
}

async fn an_installed_snapshot_replaces_the_state_and_is_there_after_a_restart(engine: Engine) {
    let (mut log, mut leader) = Store::in_memory(deaf()).expect("opens");
    append(&mut log, 0..30).await;
    leader.apply(log.try_get_log_entries(..).await.expect("entries")).await.expect("applied");
    let built = leader.get_snapshot_builder().await.build_snapshot().await.expect("built");
    let bytes = built.snapshot.get_ref().clone();

    let folder = tempfile::tempdir().expect("folder");
    {
        let sink = Memory::default();
        let (_log, mut machine) = Store::open(folder.path(), engine, sink.clone()).expect("opens");
        machine.install_snapshot(&built.meta, built.snapshot).await.expect("installed");
        assert!(sink.last().whole);
        // Rubbish is refused and changes nothing.
        let rubbish = Box::new(std::io::Cursor::new(b"\x01{".to_vec()));
        assert!(machine.install_snapshot(&built.meta, rubbish).await.is_err());
        assert_eq!(machine.applied_state().await.expect("state").0, Some(id(29)));
    }
    let sink = Memory::default();
    let (_log, mut machine) = open_again(folder.path(), engine, &sink);
    assert_eq!(sink.last().state.to_bytes().expect("bytes"), bytes);
    assert_eq!(machine.applied_state().await.expect("state").0, Some(id(29)));
}

#[tokio::test]
async fn applying_goes_on_while_a_snapshot_is_built_and_is_not_in_it() {
    let (mut log, mut machine) = Store::in_memory(deaf()).expect("opens");
    append(&mut log, 0..10).await;
    let entries = log.try_get_log_entries(..).await.expect("entries");
    machine.apply(entries[..5].to_vec()).await.expect("applied");
    let mut builder = machine.get_snapshot_builder().await;
    machine.apply(entries[5..].to_vec()).await.expect("applied");
    let built = builder.build_snapshot().await.expect("built");
    assert_eq!(built.meta.last_log_id, Some(id(4)));
    let state = wharden_state::State::from_bytes(built.snapshot.get_ref()).expect("state");
    let (_, mut other) = Store::in_memory(deaf()).expect("opens");
    other.apply(entries[..5].to_vec()).await.expect("applied");
    let same = other.get_snapshot_builder().await.build_snapshot().await.expect("built");
    assert_eq!(state.to_bytes().expect("bytes"), *same.snapshot.get_ref());
}

async fn a_folder_keeps_the_engine_that_it_was_made_with(engine: Engine) {
    let other = if engine == Engine::Sled { Engine::Redb } else { Engine::Sled };
    let folder = tempfile::tempdir().expect("folder");
    for asked in [engine, other] {
        let (mut log, _machine) = open_again(folder.path(), asked, &deaf());
        let first = log.get_log_state().await.expect("state").last_log_id.map_or(0, |id| id.index + 1);
        append(&mut log, first..first + 5).await;
    }
    assert_eq!(folder.path().join("log/log.redb").exists(), engine != Engine::Sled);
    assert_eq!(folder.path().join("log/journal").exists(), engine == Engine::Journal);
    assert_eq!(folder.path().join("log/db").exists(), engine == Engine::Sled);
    let (mut log, _machine) = open_again(folder.path(), engine, &deaf());
    assert_eq!(log.try_get_log_entries(..).await.expect("entries").len(), 10);
}

/// The first start of a store can be cut short anywhere; nothing was acknowledged, so it begins anew.
async fn what_a_first_start_left_half_made_is_made_anew(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    drop(Store::open(folder.path(), engine, deaf()).expect("opens"));
    let marker = fs::read_to_string(folder.path().join("FORMAT")).expect("marker");
    fs::write(folder.path().join("FORMAT"), marker.replace("in use\n", "")).expect("as before the end of the start");
    let file = folder.path().join(if engine == Engine::Sled { "log/db" } else { "log/log.redb" });
    let whole = fs::read(&file).expect("reads");
    for left in [&whole[..], &whole[..whole.len() / 2], &whole[..100], b"", &vec![0; whole.len()]] {
        fs::write(&file, left).expect("left");
        fs::write(folder.path().join("FORMAT"), marker.replace("in use\n", "")).expect("marker");
        let (mut log, machine) = open_again(folder.path(), engine, &deaf());
        append(&mut log, 0..1).await;
        drop((log, machine));
        let (mut log, _machine) = open_again(folder.path(), engine, &deaf());
        assert_eq!(log.try_get_log_entries(..).await.expect("entries").len(), 1);
        log.truncate(id(0)).await.expect("emptied");
    }
}

async fn a_folder_has_one_owner_at_a_time(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    let (log, machine) = Store::open(folder.path(), engine, deaf()).expect("opens");
    let second = Store::open(folder.path(), engine, deaf()).err().expect("refused");
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    drop((log, machine));
    open_again(folder.path(), engine, &deaf());
}

async fn a_read_for_a_peer_is_bounded_but_never_empty(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    let (mut log, _machine) = Store::open(folder.path(), engine, deaf()).expect("opens");
    use openraft::storage::RaftLogStorageExt;
    // Larger than sled's pages: these go to files of their own.
    let large: Vec<_> = (0..8).map(|index| entry(index, 600 * 1024)).collect();
    log.blocking_append(large.clone()).await.expect("appended");
    let read = log.limited_get_log_entries(0, 8).await.expect("read");
    assert_eq!(read, large[..1]);
    drop((log, _machine));
    let (mut log, _machine) = open_again(folder.path(), engine, &deaf());
    assert_eq!(log.try_get_log_entries(..).await.expect("read"), large);
}
