//! Seeds that every run of the tests simulates. `tests/chaos.sh` does many more.

use serde_json::{Value, json};
use std::{path::PathBuf, process::Command};
use wharden_chaos::sim::{Flaw, Found, Plan, Scene, Summary, one, run};

/// They take about 40 s of two cores in the profile `dev`.
const SEEDS: u64 = 250;

fn plan(first: u64, seeds: u64, flaw: Flaw) -> Plan {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_chaos"));
    Plan { program, first, seeds, until: None, jobs: 2, flaw, scene: Scene::Everything }
}

fn play(plan: &Plan) -> Summary {
    run(plan, |found| eprintln!("{}\n  {}", found.replay, found.wrong.join("\n  ")))
}

fn simulate(first: u64, seeds: u64, flaw: Flaw) -> Summary {
    play(&plan(first, seeds, flaw))
}

/// The command that is printed for a seed finds the same again.
fn replay(found: &Found) {
    let arguments = found.replay.strip_prefix("tests/chaos.sh ").expect("the script");
    let program = env!("CARGO_BIN_EXE_chaos");
    // The script builds this program and gives it the arguments.
    let output = Command::new(program).arg("sim").args(arguments.split(' ')).output().expect(program);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["found"][0]["wrong"], json!(found.wrong));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(&found.replay), "{told}");
}

#[test]
fn nothing_is_lost_doubled_or_stale_whatever_goes_wrong() {
    let summary = simulate(1, SEEDS, Flaw::None);
    assert!(summary.found.is_empty(), "{:#?}", summary.found);
    assert_eq!(summary.seeds, SEEDS);
    let done = &summary.done;
    let kinds = [
        done.cuts,
        done.one_way_cuts,
        done.crashes,
        done.power_losses,
        done.pauses,
        done.clock_jumps,
        done.slow_disks,
        done.failed_disks,
        done.storms,
        done.lost_unsynced,
        summary.snapshots_installed,
    ];
    assert!(kinds.iter().all(|times| *times > 0), "each kind of fault has come about: {summary:?}");
    assert!(summary.heard > summary.asked / 2, "{summary:?}");
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    let plan = plan(7, 1, Flaw::None);
    let first = one(&plan, 7).expect("simulated");
    let again = one(&plan, 7).expect("simulated");
    assert_eq!(first, again);
    let other = one(&plan, 8).expect("simulated");
    assert_ne!(first.trace, other.trace);
}

/// openraft 0.9 would let it lead on in its term, with an older idea of what is committed, and with another entry in a place
/// that it has given out already.
#[test]
fn a_leader_that_was_restarted_reads_what_it_had_acknowledged() {
    let summary = play(&Plan { scene: Scene::RestartedLeader, ..plan(1, 6, Flaw::None) });
    assert!(summary.found.is_empty(), "{:#?}", summary.found);
    assert!(summary.terms as u64 > summary.done.crashes, "none of them leads on: {summary:?}");
    let flawed = play(&Plan { scene: Scene::RestartedLeader, ..plan(1, 6, Flaw::ResumedTerm) });
    let found: Vec<&String> = flawed.found.iter().flat_map(|found| &found.wrong).collect();
    assert!(found.iter().any(|wrong| wrong.contains("leads on in term")), "that it leads on is found out: {found:?}");
    assert!(found.iter().any(|wrong| !wrong.contains("leads on in term")), "and what comes of it: {found:?}");
    replay(flawed.found.first().expect("it is found"));
}

#[test]
fn a_disk_that_acknowledges_before_it_has_synced_is_found_out() {
    assert!(!simulate(1, 5, Flaw::UnsyncedDisk).found.is_empty());
}

#[test]
fn reads_that_are_not_the_newest_are_found_out() {
    let summary = simulate(1, 5, Flaw::StaleReads);
    replay(summary.found.first().expect("it is found"));
}

#[test]
fn a_retry_that_happens_twice_is_found_out() {
    assert!(!simulate(1, 10, Flaw::ForgottenRequests).found.is_empty());
}
