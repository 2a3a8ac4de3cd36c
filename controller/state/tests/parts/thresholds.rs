//! Thresholds of capacity: replicated, audited, bounded.

use super::*;
use std::collections::BTreeMap;
use wharden_model::{
    capacity::{Mark, Signal, ThresholdRule},
    limits::THRESHOLD_RULES_MAX,
};

fn put(name: &str, high_permille: u16) -> Command {
    let mark = Mark { high_permille, low_permille: 600, hold_s: 900 };
    let rule = ThresholdRule {
        selector: "role=db".parse().unwrap(),
        marks: BTreeMap::from([(Signal::Memory, mark), (Signal::PsiIo, mark)]),
    };
    Command::Capacity(CapacityCommand::PutThresholds { name: name.parse().unwrap(), rule })
}

fn delete(name: &str) -> Command {
    Command::Capacity(CapacityCommand::DeleteThresholds { name: name.parse().unwrap() })
}

#[test]
fn thresholds_are_kept_replaced_and_deleted_and_the_audit_says_so() {
    let (mut state, n) = bootstrapped();
    insta::assert_json_snapshot!("thresholds_entry", entry(n, put("db", 800)));
    state.apply(n, &entry(n, put("db", 800))).0.unwrap();
    state.apply(n + 1, &entry(n + 1, put("db", 700))).0.unwrap();
    let labels = "role=db".parse().unwrap();
    assert_eq!(state.capacity_thresholds().marks(&labels).of(Signal::Memory).high_permille, 700);
    assert_eq!(State::from_bytes(&state.to_bytes().unwrap()).unwrap(), state);
    let last = state.audit.records().last().unwrap().clone();
    assert_eq!((last.action.as_str(), last.resource.as_str()), ("capacity.thresholds.put", "thresholds db"));
    assert_eq!(last.detail, "role=db: memory 700/600 for 900 s, psi_io 700/600 for 900 s");
    assert_eq!(last.before, "2 marks for \"role=db\"");
    state.apply(n + 2, &entry(n + 2, delete("db"))).0.unwrap();
    assert!(state.thresholds.is_empty());
    let gone = state.apply(n + 3, &entry(n + 3, delete("db"))).0;
    assert_eq!(gone, Err(Rejection::NotFound { kind: Kind::Thresholds, name: "db".into() }));
}

#[test]
fn there_are_no_more_sets_of_thresholds_than_may_be() {
    let (mut state, mut n) = bootstrapped();
    for i in 0..THRESHOLD_RULES_MAX {
        state.apply(n, &entry(n, put(&format!("t{i}"), 800))).0.unwrap();
        n += 1;
    }
    let refused = state.apply(n, &entry(n, put("more", 800))).0;
    assert_eq!(refused, Err(Rejection::Limit { what: Kind::Thresholds, max: THRESHOLD_RULES_MAX }));
    state.apply(n + 1, &entry(n + 1, put("t0", 700))).0.unwrap();
}
