//! The store, with its power cut a few times: what every run of the tests does. `tests/powercut.sh` does it hundreds of
//! times. Without /dev/fuse these fail, since a cut that was not tried proves nothing.

use std::path::PathBuf;
use wharden_powercut::run::{self, Plan, Report};
use wharden_store::Engine;

fn cut(engine: Engine, seed: u64, cuts: u64) -> Report {
    let plan = Plan { program: PathBuf::from(env!("CARGO_BIN_EXE_powercut")), engine, order: None, seed, cuts };
    run::run(&plan, |failure| eprintln!("{}: {}", failure.replay(engine), failure.what)).expect("cuts can be made here")
}

#[test]
fn nothing_acknowledged_is_lost_with_the_default_store() {
    let report = cut(Engine::default(), 1, 20);
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(report.cuts, 20);
    assert!(report.acknowledged > 100, "the cuts came in the middle of work: {report:?}");
    assert!(report.cuts_while_opening > 0 && report.kills > 0, "and everywhere else: {report:?}");
}
