use super::*;
use crate::history::model::{Call, Key, Outcome};

const READ: Call = Call::Read;

fn put(value: u64) -> Call {
    Call::Put { value, if_version: None }
}

fn seen(at: u64, value: u64) -> Outcome {
    Outcome::Seen(Held { at, value })
}

/// Operations as (asked, heard, call, outcome); heard 0 for never.
fn history(of: &[(u64, u64, Call, Outcome)]) -> Vec<Operation> {
    let operation = |(asked, heard, call, outcome): &(u64, u64, Call, Outcome)| Operation {
        client: 1,
        key: Key::Policy(1),
        call: *call,
        asked: *asked,
        heard: (*heard > 0).then_some((*heard, *outcome)),
        request: String::new(),
        at: (0, 0),
    };
    of.iter().map(operation).collect()
}

fn is_explained(of: &[(u64, u64, Call, Outcome)]) -> bool {
    check(&history(of), Held::default()).is_ok()
}

#[test]
fn what_happens_at_the_same_time_may_have_any_order() {
    assert!(is_explained(&[]));
    let overlapping =
        [(1, 6, put(7), Outcome::Version(1)), (2, 5, put(8), Outcome::Version(2)), (3, 4, READ, seen(0, 0))];
    assert!(is_explained(&overlapping));
    let other = [(1, 6, put(7), Outcome::Version(2)), (2, 5, put(8), Outcome::Version(1)), (3, 4, READ, seen(1, 8))];
    assert!(is_explained(&other));
    let impossible =
        [(1, 6, put(7), Outcome::Version(2)), (2, 5, put(8), Outcome::Version(1)), (3, 4, READ, seen(1, 7))];
    assert!(!is_explained(&impossible));
}

#[test]
fn a_read_that_misses_what_was_acknowledged_before_it_is_found() {
    assert!(is_explained(&[(1, 2, put(7), Outcome::Version(1)), (3, 4, READ, seen(1, 7))]));
    assert!(!is_explained(&[(1, 2, put(7), Outcome::Version(1)), (3, 4, READ, seen(0, 0))]));
    // Two reads that go back in time, while the write is under way.
    let back = [(1, 8, put(7), Outcome::Version(1)), (2, 3, READ, seen(1, 7)), (4, 5, READ, seen(0, 0))];
    let why = check(&history(&back), Held::default()).expect_err("unexplained");
    assert_eq!(why.first.asked, 4);
}

#[test]
fn what_nobody_heard_of_may_have_happened_once_at_any_time_or_not_at_all() {
    let open = (1, 0, put(7), Outcome::Done);
    assert!(is_explained(&[open, (2, 3, READ, seen(0, 0))]));
    assert!(is_explained(&[open, (2, 3, READ, seen(0, 0)), (4, 5, READ, seen(1, 7))]));
    assert!(!is_explained(&[open, (2, 3, READ, seen(1, 7)), (4, 5, READ, seen(0, 0))]));
    assert!(!is_explained(&[open, (2, 3, READ, seen(2, 7))]), "twice");
    assert!(!is_explained(&[(2, 3, READ, seen(1, 7)), (4, 0, put(7), Outcome::Done)]), "before it was asked for");
}

#[test]
fn one_use_is_had_by_one() {
    let enrol = |n| Call::Enrol { host: n };
    let one = Held { at: 0, value: 1 };
    let once = history(&[(1, 4, enrol(1), Outcome::Done), (2, 3, enrol(2), Outcome::Refused)]);
    assert!(check(&once, one).is_ok());
    let twice = history(&[(1, 4, enrol(1), Outcome::Done), (2, 3, enrol(2), Outcome::Done)]);
    assert!(check(&twice, one).is_err());
    let late = history(&[(1, 2, enrol(1), Outcome::Refused), (3, 4, enrol(2), Outcome::Done)]);
    assert!(check(&late, one).is_err(), "nobody had it when the first one was refused");
}

#[test]
fn long_histories_with_many_unknowns_are_checked() {
    let mut long = Vec::new();
    for n in 0..300 {
        long.push((10 * n + 1, 0, put(1000 + n), Outcome::Done));
        let heard = if n % 2 == 0 { 0 } else { 10 * n + 5 };
        long.push((10 * n + 2, heard, READ, seen(n + 1, 1000 + n)));
    }
    let long: Vec<_> = long.into_iter().filter(|(_, heard, call, _)| *heard > 0 || *call != READ).collect();
    assert!(is_explained(&long));
}
