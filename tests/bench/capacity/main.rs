//! How good the plan is: against an exact solver on fleets small enough for one, and against "move the biggest container to
//! the emptiest host" on 20,000 hosts. Prints JSON and keeps it in `target/bench/capacity.json`.
//!
//! All of them may do the same: the same pins, ports, architectures, requirements and anti-affinity, targets filled up to their
//! low marks. They differ in what they choose.
//!
//! `tests/bench/capacity.sh` builds and runs it.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod biggest;
mod exact;
mod fleet;
mod outcome;

use fleet::{Shape, fleet};
use outcome::Outcome;
use serde_json::{Value, json};
use std::{env, fs, path::PathBuf, time::Instant};
use wharden_capacity::{Everywhere, Host, Input, Moves, plan};
use wharden_model::{Timestamp, capacity::CapacityPlan};

/// Small fleets that the exact solver is asked about.
const SMALL_CASES: u64 = 60;
/// Times that a big plan is made; the median counts.
const ROUNDS: usize = 5;

fn main() {
    let exact = against_exact();
    eprintln!("{exact}");
    let fleets: Vec<Value> = [50, 200].into_iter().map(against_biggest).collect();
    let report = json!({ "exact": exact, "fleets": fleets });
    let text = serde_json::to_string_pretty(&report).expect("JSON");
    println!("{text}");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let file = target.join("bench/capacity.json");
    fs::create_dir_all(file.parent().expect("has a parent")).expect("the folder can be made");
    fs::write(&file, text).expect("the file can be written");
}

fn planned(hosts: &[Host]) -> CapacityPlan {
    let moves = Moves::default();
    plan(Input { at: Timestamp(0), hosts, moves: &moves, accepted: &[], previous: &[] }, &Everywhere)
}

fn against_exact() -> Value {
    let (mut ours, mut best, mut equal, mut solver_ms) = (Outcome::default(), Outcome::default(), 0, 0.0);
    for seed in 0..SMALL_CASES {
        let hosts = fleet(seed, Shape::SMALL);
        let own = outcome::of_plan(&hosts, &planned(&hosts));
        let start = Instant::now();
        let exact = exact::solve(&hosts);
        solver_ms += start.elapsed().as_secs_f64() * 1e3;
        equal += u32::from((own.still_over, own.moves, own.bytes) == (exact.still_over, exact.moves, exact.bytes));
        ours.add(&own);
        best.add(&exact);
    }
    json!({ "cases": SMALL_CASES, "equal": equal, "ours": ours.json(), "exact": best.json(), "solver_ms": solver_ms })
}

fn against_biggest(pressed_permille: u64) -> Value {
    let hosts = fleet(7, Shape { pressed_permille, ..Shape::LARGE });
    let mut times = Vec::new();
    let mut last = CapacityPlan::default();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        last = planned(&hosts);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let start = Instant::now();
    let biggest = biggest::solve(&hosts);
    let biggest_ms = start.elapsed().as_secs_f64() * 1e3;
    let ours = outcome::of_plan(&hosts, &last);
    let row = json!({
        "hosts": hosts.len(),
        "containers": hosts.iter().map(|h| h.containers.len()).sum::<usize>(),
        "pressed": hosts.iter().filter(|h| !h.pressed.is_empty()).count(),
        "ours": ours.json(), "ours_ms": times[ROUNDS / 2],
        "biggest_to_emptiest": biggest.json(), "biggest_to_emptiest_ms": biggest_ms,
    });
    eprintln!("{row}");
    row
}
