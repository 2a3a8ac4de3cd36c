//! Disks that are full, fail an fsync, or are slow. What was acknowledged stays, the store says why it stops, and it starts
//! again when the disk works.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use std::{path::PathBuf, time::Duration};
use wharden_powercut::{
    disk::Order,
    mount::Faults,
    run::{End, Trial},
};
use wharden_store::Engine;

const MANY: u64 = 10_000;

fn trial(engine: Engine) -> Trial {
    Trial::new(PathBuf::from(env!("CARGO_BIN_EXE_powercut")), engine, Order::Any, 7)
}

/// Looks at what is there, on a disk without faults.
fn look(trial: Trial) -> Trial {
    let running = trial.start(20, Faults::default()).expect("starts");
    let (trial, end) = running.end_at_moment().expect("ends");
    sound(&end);
    assert!(end.is_opened && end.acknowledged > 0, "works again: {end:?}");
    trial
}

fn sound(end: &End) {
    assert_eq!(end.lost, None, "{end:?}");
}

fn full(engine: Engine) {
    let running = trial(engine).start(MANY, Faults::default()).expect("starts");
    assert!(running.wait_for_acknowledged(20), "works");
    running.power().leave_room(Some(200_000));
    assert!(running.wait_for_giving_up(), "stops when the disk is full");
    let (trial, end) = running.kill(false).expect("ends");
    sound(&end);
    let said = end.gave_up.expect("says why");
    assert!(said.contains("No space left"), "{said}");

    // Still full: it starts, or says the same again.
    let running = trial.start(20, Faults::default()).expect("starts");
    running.wait_for_giving_up();
    let (mut trial, end) = running.kill(false).expect("ends");
    sound(&end);
    let said = end.gave_up.expect("twenty operations do not fit");
    assert!(said.contains("No space left"), "{said}");

    // There is room again. The power is cut then too, since what the full disk held may never have been synced.
    trial.make_room();
    let mut trial = look(trial);
    trial.cut(&mut Xoshiro256PlusPlus::seed_from_u64(1));
    look(trial);
}

fn failed_sync(engine: Engine) {
    let running = trial(engine).start(MANY, Faults::default()).expect("starts");
    assert!(running.wait_for_acknowledged(20), "works");
    running.power().fail_next_sync();
    assert!(running.wait_for_giving_up(), "stops when the disk does not confirm a write");
    let (trial, end) = running.kill(false).expect("ends");
    sound(&end);
    let said = end.gave_up.expect("says why");
    assert!(said.contains("error") && said.contains("repair the disk"), "{said}");

    // The kernel has forgotten what it could not write: the next start must not build on it.
    let mut trial = look(trial);
    trial.cut(&mut Xoshiro256PlusPlus::seed_from_u64(2));
    look(trial);
}

/// Every fsync of a store takes its time, and nothing else happens.
fn slow(engine: Engine) {
    let faults = Faults { sync_takes: Duration::from_millis(300), ..Faults::default() };
    let running = trial(engine).start(8, faults).expect("starts");
    let (trial, end) = running.end_at_moment().expect("ends");
    sound(&end);
    assert!(end.acknowledged > 0);
    look(trial);
}

#[test]
fn a_full_disk_stops_the_journal_and_loses_nothing() {
    full(Engine::Journal);
}

#[test]
fn a_failed_fsync_stops_the_journal_and_loses_nothing() {
    failed_sync(Engine::Journal);
}

#[test]
fn a_slow_disk_only_makes_the_journal_slow() {
    slow(Engine::Journal);
}

#[test]
fn a_full_disk_stops_redb_and_loses_nothing() {
    full(Engine::Redb);
}

#[test]
fn a_full_disk_stops_sled_and_loses_nothing() {
    full(Engine::Sled);
}

#[test]
fn a_failed_fsync_stops_redb_and_loses_nothing() {
    failed_sync(Engine::Redb);
}

#[test]
fn a_failed_fsync_stops_sled_and_loses_nothing() {
    failed_sync(Engine::Sled);
}

#[test]
fn a_slow_disk_only_makes_redb_slow() {
    slow(Engine::Redb);
}

#[test]
fn a_slow_disk_only_makes_sled_slow() {
    slow(Engine::Sled);
}
