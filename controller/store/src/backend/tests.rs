//! What the trait promises, of each backend.

use super::{Backend, Engine, Memory, Op};
use crate::error::OpenError;
use std::{ops::ControlFlow, path::Path, sync::Arc};

/// Runs a test of a backend that holds nothing yet. `again` lets go of a backend and gives it as a restart finds it.
fn each(test: impl Fn(Arc<dyn Backend>, &dyn Fn(Arc<dyn Backend>) -> Arc<dyn Backend>)) {
    test(Arc::new(Memory::default()), &|backend| backend);
    for engine in Engine::ALL {
        let folder = tempfile::tempdir().expect("folder");
        let path: &Path = folder.path();
        test(engine.open(path).expect("opens"), &|backend| {
            drop(backend);
            loop {
                match engine.open(path) {
                    // Sled's own threads let go of the folder a moment later.
                    Err(OpenError::InUse { .. }) => std::thread::yield_now(),
                    opened => return opened.expect("opens again"),
                }
            }
        });
    }
}

fn put(key: &str, value: &str) -> Op {
    Op::Put(key.into(), value.into())
}

fn range(backend: &dyn Backend, from: &str, to: &str, most: usize) -> String {
    let mut found = Vec::new();
    let visited = backend.range(from.as_bytes(), to.as_bytes(), &mut |key, value| {
        found.push(format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value)));
        if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    visited.expect("reads");
    found.join(" ")
}

#[test]
fn changes_are_readable_at_once_and_after_a_barrier_and_a_restart() {
    each(|backend, again| {
        assert_eq!(backend.get(b"a"), Ok(None));
        backend.put(b"a", b"1").expect("put");
        assert_eq!(backend.get(b"a"), Ok(Some(b"1".to_vec())));
        backend.batch(vec![put("a", "2"), put("b", "1"), Op::Remove(b"none".to_vec())]).expect("batch");
        assert_eq!(range(&*backend, "a", "z", 9), "a=2 b=1");
        backend.barrier().expect("durable");
        assert_eq!(range(&*backend, "a", "z", 9), "a=2 b=1");
        backend.batch(vec![Op::Remove(b"a".to_vec()), put("b", "2"), put("c", "1")]).expect("batch");
        assert_eq!(backend.get(b"a"), Ok(None));
        let backend = again(backend);
        assert_eq!(range(&*backend, "a", "z", 9), "b=2 c=1", "an end in peace keeps what waited too");
        backend.barrier().expect("nothing to do");
    });
}

#[test]
fn ranges_lay_what_waits_over_what_is_durable() {
    each(|backend, _| {
        backend.batch(["b", "d", "f", "h"].map(|key| put(key, "old")).into()).expect("batch");
        backend.barrier().expect("durable");
        let changes =
            vec![put("a", "new"), put("d", "new"), put("e", "new"), Op::Remove(b"f".to_vec()), put("i", "new")];
        backend.batch(changes).expect("batch");
        for _ in 0..2 {
            let all = "a=new b=old d=new e=new h=old i=new";
            assert_eq!(range(&*backend, "a", "z", 9), all);
            for most in 1..6 {
                assert_eq!(range(&*backend, "a", "z", most).split(' ').count(), most);
                assert!(all.starts_with(&range(&*backend, "a", "z", most)));
            }
            assert_eq!(range(&*backend, "b", "i", 9), "b=old d=new e=new h=old", "the end is not in it");
            assert_eq!(range(&*backend, "f", "g", 9), "");
            assert_eq!(range(&*backend, "d", "d", 9), "");
            assert_eq!(range(&*backend, "z", "a", 9), "");
            backend.barrier().expect("durable");
        }
    });
}

#[test]
fn the_last_change_of_a_key_counts_also_within_a_batch() {
    each(|backend, again| {
        backend.batch(vec![put("a", "1"), Op::Remove(b"a".to_vec()), put("a", "2")]).expect("batch");
        backend.batch(vec![put("b", "1"), Op::Remove(b"b".to_vec())]).expect("batch");
        backend.barrier().expect("durable");
        let backend = again(backend);
        assert_eq!(range(&*backend, "a", "z", 9), "a=2");
    });
}

#[test]
fn values_of_all_sizes_come_back_whole() {
    each(|backend, again| {
        let sizes = [0, 1, 4096, 65_536, 600_000];
        let value = |size: usize| (0..size).map(|at| (at * 31 % 251) as u8).collect::<Vec<_>>();
        for size in sizes {
            backend.put(size.to_string().as_bytes(), &value(size)).expect("put");
        }
        backend.barrier().expect("durable");
        let backend = again(backend);
        for size in sizes {
            assert_eq!(backend.get(size.to_string().as_bytes()), Ok(Some(value(size))));
        }
    });
}

#[test]
fn readers_see_all_of_a_batch_or_nothing_while_it_is_written() {
    each(|backend, _| {
        let pair = |value: &str| vec![put("a", value), put("b", value)];
        backend.batch(pair("0")).expect("batch");
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut last = 0;
                while last < 200 {
                    let seen = range(&*backend, "a", "z", 9);
                    let (a, b) = seen.split_once(' ').expect("both");
                    assert_eq!(a[2..], b[2..], "both from the same batch");
                    let number: u32 = a[2..].parse().expect("number");
                    assert!(number >= last, "never back in time");
                    last = number;
                }
            });
            for number in 1..=200 {
                backend.batch(pair(&number.to_string())).expect("batch");
                if number % 3 == 0 {
                    backend.barrier().expect("durable");
                }
            }
            reader.join().expect("reader");
        });
    });
}
