//! The disk keeps what was synced, and loses the rest in every way.

use super::{Disk, Order, ROOT, Refusal};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use std::{collections::BTreeSet, ffi::OsStr};

fn name(name: &str) -> &OsStr {
    OsStr::new(name)
}

/// What a test leaves after a cut, over many seeds.
fn outcomes(order: Order, prepare: impl Fn(&mut Disk), see: impl Fn(&Disk) -> String) -> BTreeSet<String> {
    let cut = |seed| {
        let mut disk = Disk::new(order);
        prepare(&mut disk);
        disk.cut(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        see(&disk)
    };
    (0..300).map(cut).collect()
}

fn content(disk: &Disk, file: &str) -> String {
    match disk.look_up(ROOT, name(file)) {
        Ok(ino) => String::from_utf8_lossy(disk.file(ino).expect("file").seen()).into_owned(),
        Err(_) => "none".to_owned(),
    }
}

fn set(found: &[&str]) -> BTreeSet<String> {
    found.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_was_synced_with_its_name_is_always_there() {
    for order in [Order::Journal, Order::Any] {
        let prepare = |disk: &mut Disk| {
            let ino = disk.make(ROOT, name("a"), 0o600, false).expect("made");
            disk.write(ino, 0, b"old").expect("written");
            disk.sync(ino).expect("synced");
            disk.sync(ROOT).expect("synced");
            disk.write(ino, 0, b"new").expect("written");
        };
        assert_eq!(outcomes(order, prepare, |disk| content(disk, "a")), set(&["old", "new"]));
    }
}

#[test]
fn a_synced_file_without_its_name_is_lost_only_where_nothing_promises_the_name() {
    let prepare = |disk: &mut Disk| {
        let ino = disk.make(ROOT, name("a"), 0o600, false).expect("made");
        disk.write(ino, 0, b"x").expect("written");
        disk.sync(ino).expect("synced");
    };
    assert_eq!(outcomes(Order::Any, prepare, |disk| content(disk, "a")), set(&["none", "x"]));
    assert_eq!(outcomes(Order::Journal, prepare, |disk| content(disk, "a")), set(&["x"]));
}

#[test]
fn a_rename_is_whole_and_the_changes_around_it_keep_their_order_only_in_a_journal() {
    let prepare = |disk: &mut Disk| {
        for file in ["a", "b"] {
            let ino = disk.make(ROOT, name(file), 0o600, false).expect("made");
            disk.write(ino, 0, file.as_bytes()).expect("written");
            disk.sync(ino).expect("synced");
        }
        disk.sync(ROOT).expect("synced");
        disk.rename((ROOT, name("a")), (ROOT, name("c"))).expect("renamed");
        disk.remove(ROOT, name("b"), false).expect("removed");
    };
    let see = |disk: &Disk| ["a", "b", "c"].map(|file| content(disk, file)).join(" ");
    assert_eq!(outcomes(Order::Journal, prepare, see), set(&["a b none", "none b a", "none none a"]));
    let any = set(&["a b none", "none b a", "none none a", "a none none"]);
    assert_eq!(outcomes(Order::Any, prepare, see), any);
}

#[test]
fn writes_are_torn_at_sectors_and_may_leave_holes() {
    let prepare = |disk: &mut Disk| {
        let ino = disk.make(ROOT, name("a"), 0o600, false).expect("made");
        disk.sync(ROOT).expect("synced");
        disk.write(ino, 0, &[b'x'; 8192]).expect("written");
    };
    let kinds = outcomes(Order::Any, prepare, |disk| {
        let content = content(disk, "a").into_bytes();
        let sectors: BTreeSet<_> =
            content.chunks(512).map(|sector| BTreeSet::from_iter(sector.iter().copied())).collect();
        assert!(sectors.iter().all(|bytes| bytes.len() == 1), "a sector is whole");
        match content.len() {
            0 => "nothing".to_owned(),
            len => format!(
                "{} {}",
                if len == 8192 { "long" } else { "short" },
                if sectors.len() == 1 { "even" } else { "torn" }
            ),
        }
    });
    assert!(kinds.is_superset(&set(&["nothing", "long even", "long torn", "short torn"])), "{kinds:?}");
}

#[test]
fn a_failed_sync_loses_what_waited_and_a_full_disk_takes_nothing_more() {
    let mut disk = Disk::new(Order::Any);
    let ino = disk.make(ROOT, name("a"), 0o600, false).expect("made");
    disk.write(ino, 0, b"old").expect("written");
    disk.sync(ino).expect("synced");
    disk.write(ino, 0, b"newer").expect("written");
    disk.fail_sync(ino).expect("there");
    disk.sync(ino).expect("says yes");
    assert_eq!(disk.file(ino).expect("file").seen(), b"old");
    disk.set_capacity(4);
    assert_eq!(disk.write(ino, 3, b"ab"), Err(Refusal::NoSpace));
    assert_eq!(disk.resize(ino, 5), Err(Refusal::NoSpace));
    disk.write(ino, 0, b"more").expect("just fits");
    disk.resize(ino, 1).expect("shrinks");
}

#[test]
fn a_new_folder_is_lost_with_all_that_is_in_it_unless_its_own_name_was_synced() {
    let prepare = |disk: &mut Disk| {
        let folder = disk.make(ROOT, name("d"), 0o700, true).expect("made");
        let ino = disk.make(folder, name("a"), 0o600, false).expect("made");
        disk.sync(ino).expect("synced");
        disk.sync(folder).expect("synced");
    };
    let found = outcomes(Order::Any, prepare, |disk| disk.look_up(ROOT, name("d")).is_ok().to_string());
    assert_eq!(found, set(&["false", "true"]));
}
