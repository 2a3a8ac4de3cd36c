//! States of earlier moments.

use crate::support::{Memory, append, command, deaf, entry, id, open_again};
use openraft::{
    EntryPayload, RaftLogReader, RaftSnapshotBuilder,
    storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine},
};
use std::{fs, path::Path};
use tempfile::TempDir;
use wharden_model::Timestamp;
use wharden_state::{Batch, State};
use wharden_store::{Engine, LogEntry, Moment, OpenError, ReplayError, Store, Until};

on_each_engine!(
    a_moment_is_found_by_index_and_by_time,
    a_state_given_bridges_what_the_log_holds_and_no_more,
    only_committed_entries_are_replayed,
    the_snapshot_before_the_moment_is_the_base,
);

/// The state after all entries before `end`. Entry n was issued at time n.
fn replayed(end: u64) -> State {
    let mut state = State::default();
    for index in 0..end {
        drop(state.apply(index, &command(index, 10)));
    }
    state
}

fn moment(end: u64) -> Moment {
    Moment { state: replayed(end), applied: end.checked_sub(1) }
}

/// A folder with entries 0 to 29, all committed.
async fn filled(engine: Engine) -> TempDir {
    let folder = tempfile::tempdir().expect("folder");
    let (mut log, _machine) = Store::open(folder.path(), engine, deaf()).expect("opens");
    append(&mut log, 0..30).await;
    log.save_committed(Some(id(29))).await.expect("saved");
    folder
}

/// Of a folder that may have been let go of a moment ago: sled's own threads hold it a little longer.
fn read(folder: &Path, base: Option<&Moment>, until: Until) -> Result<Moment, ReplayError> {
    loop {
        match Store::read_until(folder, base.cloned(), until) {
            Err(ReplayError::Open(OpenError::InUse { .. })) => std::thread::yield_now(),
            read => return read,
        }
    }
}

async fn a_moment_is_found_by_index_and_by_time(engine: Engine) {
    let folder = filled(engine).await;
    for index in [0, 1, 17, 29] {
        assert_eq!(read(folder.path(), None, Until::Index(index)).expect("found"), moment(index + 1));
        let time = Timestamp(index);
        assert_eq!(read(folder.path(), None, Until::Time(time)).expect("found"), moment(index + 1));
    }
    assert_eq!(read(folder.path(), None, Until::Time(Timestamp(9999))).expect("all"), moment(30));
    assert_eq!(read(folder.path(), None, Until::End).expect("all"), moment(30));

    // What is not of any time, and an entry that is partly too late.
    let (mut log, machine) = open_again(folder.path(), engine, &deaf());
    let late = LogEntry { log_id: id(31), payload: EntryPayload::Normal(Batch(vec![command(31, 1), command(50, 1)])) };
    log.blocking_append([LogEntry { log_id: id(30), payload: EntryPayload::Blank }, late]).await.expect("appended");
    log.save_committed(Some(id(31))).await.expect("saved");
    drop((log, machine));
    let found = read(folder.path(), None, Until::Time(Timestamp(49))).expect("found");
    assert_eq!(found, Moment { state: replayed(30), applied: Some(30) });
    let found = read(folder.path(), None, Until::Time(Timestamp(50))).expect("found");
    assert_eq!((found.applied, found.state.audit.records().len()), (Some(31), 32));
}

async fn a_state_given_bridges_what_the_log_holds_and_no_more(engine: Engine) {
    let folder = filled(engine).await;
    {
        let (mut log, mut machine) = open_again(folder.path(), engine, &deaf());
        machine.apply(log.try_get_log_entries(0..30).await.expect("entries")).await.expect("applied");
        machine.get_snapshot_builder().await.build_snapshot().await.expect("built");
        log.purge(id(11)).await.expect("purged");
    }
    for base in [12, 20] {
        let found = read(folder.path(), Some(&moment(base)), Until::Index(22)).expect("found");
        assert_eq!(found, moment(23));
    }
    assert_eq!(read(folder.path(), Some(&moment(23)), Until::Index(22)).expect("nothing to do"), moment(23));
    let error = read(folder.path(), Some(&moment(11)), Until::Index(22)).expect_err("entry 11 is gone");
    assert!(matches!(error, ReplayError::Gap { base: 10, begins: 12 }), "{error}");
    let error = read(folder.path(), Some(&moment(24)), Until::Index(22)).expect_err("too late");
    assert!(matches!(error, ReplayError::BaseIsLater { base: 23 }), "{error}");
    for until in [Until::Index(22), Until::Time(Timestamp(22))] {
        let error = read(folder.path(), None, until).expect_err("its own snapshot is of entry 29");
        assert!(matches!(error, ReplayError::TooEarly), "{error}");
    }
}

async fn only_committed_entries_are_replayed(engine: Engine) {
    let folder = filled(engine).await;
    {
        let (mut log, _machine) = open_again(folder.path(), engine, &deaf());
        append(&mut log, 30..40).await;
    }
    assert_eq!(read(folder.path(), None, Until::Time(Timestamp(35))).expect("found"), moment(30));
    let error = read(folder.path(), None, Until::Index(35)).expect_err("not committed");
    assert!(matches!(error, ReplayError::NotCommitted { index: 35, committed: Some(29) }), "{error}");
    let held = open_again(folder.path(), engine, &deaf());
    assert!(
        matches!(Store::read_until(folder.path(), None, Until::Index(1)), Err(ReplayError::Open(_))),
        "off-line only"
    );
    drop(held);
    let empty = tempfile::tempdir().expect("folder");
    assert!(matches!(read(empty.path(), None, Until::Index(1)), Err(ReplayError::NotAStore { .. })));
    assert_eq!(fs::read_dir(empty.path()).expect("lists").count(), 0, "nothing is made where nothing was");
}

async fn the_snapshot_before_the_moment_is_the_base(engine: Engine) {
    let folder = tempfile::tempdir().expect("folder");
    {
        let (mut log, mut machine) = open_again(folder.path(), engine, &Memory::default());
        append(&mut log, 0..30).await;
        log.save_committed(Some(id(29))).await.expect("saved");
        for end in [10, 20] {
            machine.apply(log.try_get_log_entries(end - 10..end).await.expect("entries")).await.expect("applied");
            machine.get_snapshot_builder().await.build_snapshot().await.expect("built");
        }
        log.purge(id(8)).await.expect("purged");
        assert_eq!(log.try_get_log_entries(..).await.expect("entries")[0], entry(9, 10));
    }
    for index in [9, 15, 19, 25] {
        assert_eq!(read(folder.path(), None, Until::Index(index)).expect("found"), moment(index + 1));
        assert_eq!(read(folder.path(), None, Until::Time(Timestamp(index))).expect("found"), moment(index + 1));
    }
    assert!(matches!(read(folder.path(), None, Until::Index(8)), Err(ReplayError::TooEarly)));
    assert!(matches!(read(folder.path(), None, Until::Time(Timestamp(8))), Err(ReplayError::TooEarly)));
}
