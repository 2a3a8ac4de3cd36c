//! Crashes: a copy of the files, taken at rest, is what a killed process leaves.

use super::*;
use std::{collections::BTreeMap, fs, ops::ControlFlow};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Numbers that look like chance and are the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn change(journal: &Journal, model: &mut Model, chance: &mut Chance) {
    let ops: Vec<_> = (0..=chance.below(3))
        .map(|_| {
            let key = format!("log/{}", chance.below(40)).into_bytes();
            if chance.below(4) == 0 {
                return Op::Remove(key);
            }
            let size = [10, 700, 40_000][chance.below(3) as usize];
            Op::Put(key, vec![chance.below(256) as u8; size])
        })
        .collect();
    for op in &ops {
        match op {
            Op::Put(key, value) => drop(model.insert(key.clone(), value.clone())),
            Op::Remove(key) => drop(model.remove(key)),
        }
    }
    journal.batch(ops).expect("taken");
}

fn all(journal: &Journal) -> Model {
    let mut found = Model::new();
    let read = journal.range(b"log/", b"log0", &mut |key, value| {
        found.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    });
    read.expect("reads");
    found
}

fn copy(from: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("folder");
    for name in ["log.redb", FILE] {
        fs::copy(from.join(name), copy.path().join(name)).expect("copied");
    }
    copy
}

#[test]
fn a_crash_at_any_barrier_finds_what_it_made_durable_and_nothing_later() {
    let folder = tempfile::tempdir().expect("folder");
    let journal = Journal::open(folder.path()).expect("opens");
    let (mut model, mut chance, mut commits) = (Model::new(), Chance(7), 0);
    let mut generation = journal.writing().generation;
    for round in 0..600 {
        change(&journal, &mut model, &mut chance);
        journal.barrier().expect("durable");
        let now = journal.writing().generation;
        commits += u64::from(now != generation);
        if now != generation || round % 60 == 0 {
            let durable = model.clone();
            // What no barrier has seen is gone with the process.
            change(&journal, &mut model, &mut chance);
            let copy = copy(folder.path());
            assert_eq!(all(&Journal::open(copy.path()).expect("opens")), durable, "round {round}");
            assert_eq!(all(&Journal::open(copy.path()).expect("opens again")), durable, "round {round}");
        }
        generation = now;
    }
    assert!(commits >= 3, "the journal was full {commits} times");
    assert_eq!(all(&journal), model);
}

#[test]
fn a_change_larger_than_the_journal_goes_past_it() {
    let folder = tempfile::tempdir().expect("folder");
    let journal = Journal::open(folder.path()).expect("opens");
    journal.put(b"log/1", b"old").expect("put");
    journal.barrier().expect("durable");
    journal
        .batch(vec![Op::Put(b"log/1".to_vec(), vec![1; JOURNAL_BYTES]), Op::Remove(b"log/2".to_vec())])
        .expect("taken");
    journal.barrier().expect("durable");
    journal.put(b"log/3", b"new").expect("put");
    journal.barrier().expect("durable");
    let copied = all(&Journal::open(copy(folder.path()).path()).expect("opens"));
    assert_eq!(copied, all(&journal));
    assert_eq!((copied[&b"log/1".to_vec()].len(), copied.len()), (JOURNAL_BYTES, 2));
}

#[test]
fn a_journal_that_is_damaged_or_gone_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let journal = Journal::open(folder.path()).expect("opens");
    for number in 0..3 {
        journal.put(format!("log/{number}").as_bytes(), b"value").expect("put");
        journal.barrier().expect("durable");
    }
    let opened = |damage: &dyn Fn(&Path)| {
        let copy = copy(folder.path());
        damage(&copy.path().join(FILE));
        Journal::open(copy.path()).map(|journal| all(&journal).len())
    };
    let flip = |at: usize| {
        move |path: &Path| {
            let mut bytes = fs::read(path).expect("reads");
            bytes[at] ^= 1;
            fs::write(path, bytes).expect("written");
        }
    };
    assert_eq!(opened(&|_| {}).expect("opens"), 3);
    let error = opened(&flip(30)).expect_err("the first frame").to_string();
    assert!(error.contains("journal is damaged at byte 0"), "{error}");
    // What is wrong in the last one may have been under way. Each takes a header of 24 bytes and 19, filled up to eights.
    assert_eq!(opened(&flip(2 * 48 + 30)).expect("opens"), 2);
    let error = opened(&|path| fs::remove_file(path).expect("removed")).expect_err("gone").to_string();
    assert!(error.contains("journal"), "{error}");
    let error = opened(&|path| fs::write(path, [0; 100]).expect("cut")).expect_err("cut").to_string();
    assert!(error.contains("size"), "{error}");
}

#[test]
fn after_an_error_nothing_more_of_it_is_kept() {
    let folder = tempfile::tempdir().expect("folder");
    let journal = Journal::open(folder.path()).expect("opens");
    journal.put(b"log/1", b"kept").expect("put");
    journal.barrier().expect("durable");
    journal.put(b"log/2", b"not acknowledged").expect("put");
    journal.redb.forget();
    drop(journal);
    let journal = Journal::open(folder.path()).expect("opens");
    assert_eq!(all(&journal).len(), 1);
}
