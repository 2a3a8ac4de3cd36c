//! Does an agent stay as light as it was? For an hour it is asked ten times as much as on a usual host (`load.rs`), under
//! the limits that it sets for itself; each minute its memory, its processor time, its files and the time that a ping takes
//! with it and without are written down. Prints JSON and keeps it in `target/bench/soak.json`; ends with an error, and says
//! why, when the memory grew, a limit was reached, an answer was wrong, or a ping takes longer at the end.
//!
//! `tests/bench/soak.sh` builds what it needs and runs it; `--minutes 6` is as short as it gets.

mod load;

use load::{CONTAINERS, FOLLOWERS, Load, NORMAL, TIMES};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};
use wharden_harness::{
    World, eventually,
    limits::SETTLE,
    measure::{Spent, keep, load_average, median, percentile, resident},
};

/// What the caller may do: everything, beside the packs that any host would have.
const POLICY: &str = r#"@id("soak") @reason("the soak") permit(principal == User::"root", action, resource);"#;
/// Pings by each way that a minute's figure is made of.
const PINGS: usize = 200;
/// What the agent sets for itself: DESIGN's figures, memory in bytes, processor as a part of one.
const MEMORY_LIMIT: u64 = 128 << 20;
const PROCESSOR_LIMIT: f64 = 0.20;
/// Memory that may come and go: what a burst leaves with the allocator.
const MEMORY_SLACK: f64 = 3.0;
/// How much longer the guard's part of a ping may take at the end, and what is noise.
const SLOWER: f64 = 1.5;
const PING_SLACK_US: f64 = 100.0;

/// A minute.
struct Seen {
    rss_mib: f64,
    processor: f64,
    files: usize,
    direct: Vec<f64>,
    guard: Vec<f64>,
    calls: u64,
    /// Answers that are not those that they must be, since the beginning.
    wrong: u64,
    load_average: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let minutes: usize = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => 60,
        ["--minutes", n] => n.parse().expect("a number of minutes"),
        _ => panic!("usage: soak [--minutes 60]"),
    };
    assert!(minutes >= 6, "less than 6 minutes say nothing");
    let mut world = World::setup().packs(&["roles", "baseline"]).policy("soak", POLICY).start();
    world.agent.stop();
    world.agent.limits_itself();
    world.agent.start();
    world.settle();
    // Now: a session does not last for an hour.
    let host = eventually("what the agent says of itself", SETTLE, || {
        let found = world.admin.rest().get("/v1/inventory/hosts?host=dock-1").ok();
        let facts = found["items"][0]["facts"]["agent"].clone();
        facts["memory_limit_bytes"].as_u64().is_some_and(|limit| limit > 0).then_some(facts)
    });
    let (agent, ways) = (world.agent.pid(), [world.engine.socket(), world.agent.socket()].map(Path::to_owned));
    let load = Load::begin(&world);
    let mut all: Vec<Seen> = Vec::new();
    for minute in 1..=minutes {
        let seen = watch(agent, &ways, &load);
        eprintln!("minute {minute} of {minutes}: {}", seen.json());
        all.push(seen);
        keep("soak", &json!({ "minutes": all.iter().map(Seen::json).collect::<Vec<_>>() }));
    }
    let (wrong, streamed) = (load.counts.wrong.load(Relaxed), load.counts.streamed.load(Relaxed));
    drop(load);
    // The first sixth warms everything up; the second is what the last is compared with.
    let part = (minutes / 6).max(1);
    let (first, last) = (&all[part..2 * part], &all[minutes - part..]);
    let (rss, added) = ([first, last].map(memory), [first, last].map(added_us));
    let processor = all.iter().map(|seen| seen.processor).fold(0.0, f64::max);
    let most = all.iter().map(|seen| seen.rss_mib).fold(0.0, f64::max);
    let mut faults = Vec::new();
    let mut check = |good: bool, what: String| faults.extend((!good).then_some(what));
    check(wrong == 0, format!("{wrong} answers were wrong"));
    check(host["memory_limit_bytes"] == json!(MEMORY_LIMIT), format!("the agent's limits: {host}"));
    check(rss[1] <= rss[0] + MEMORY_SLACK, format!("memory grew from {:.1} to {:.1} MiB", rss[0], rss[1]));
    check(processor < PROCESSOR_LIMIT, format!("{processor:.3} of a processor in one minute"));
    check(
        added[1] <= added[0] * SLOWER + PING_SLACK_US,
        format!("a ping: {:.0}, then {:.0} us more", added[0], added[1]),
    );
    let report = json!({
        "calls_s": NORMAL * TIMES, "times_normal": TIMES, "containers": CONTAINERS, "followers": FOLLOWERS,
        "wrong_answers": wrong, "streamed_bytes": streamed, "agent_says_of_itself": host,
        "rss_mib_first": round(rss[0]), "rss_mib_last": round(rss[1]), "rss_mib_most": round(most),
        "core_fraction_p50": round3(median(&all.iter().map(|seen| seen.processor).collect::<Vec<_>>()).unwrap_or(0.0)),
        "core_fraction_most": round3(processor),
        "ping_added_us_first": round(added[0]), "ping_added_us_last": round(added[1]),
        "faults": faults, "minutes": all.iter().map(Seen::json).collect::<Vec<_>>(),
    });
    println!("{}", keep("soak", &report));
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks for a minute.
fn watch(agent: u32, ways: &[PathBuf; 2], load: &Load) -> Seen {
    let (begin, spent, before) = (Instant::now(), Spent::begin(&[agent]), load.counts.calls.load(Relaxed));
    let [direct, guard] = load::pings(ways, PINGS);
    std::thread::park_timeout(Duration::from_secs(60).saturating_sub(begin.elapsed()));
    Seen {
        rss_mib: resident(agent) as f64 / f64::from(1 << 20),
        processor: spent.fraction(),
        files: fs::read_dir(format!("/proc/{agent}/fd")).expect("the agent runs").count(),
        direct,
        guard,
        calls: load.counts.calls.load(Relaxed) - before,
        wrong: load.counts.wrong.load(Relaxed),
        load_average: load_average(),
    }
}

impl Seen {
    fn json(&self) -> Value {
        let at = |times: &[f64], part| round(percentile(times, part).unwrap_or(0.0));
        json!({
            "rss_mib": round(self.rss_mib), "core_fraction": round3(self.processor), "files": self.files,
            "direct_ping_p50_us": at(&self.direct, 0.5), "guard_ping_p50_us": at(&self.guard, 0.5),
            "guard_ping_p99_us": at(&self.guard, 0.99), "calls": self.calls, "wrong_answers": self.wrong, "load_average": self.load_average,
        })
    }
}

fn memory(minutes: &[Seen]) -> f64 {
    median(&minutes.iter().map(|seen| seen.rss_mib).collect::<Vec<_>>()).unwrap_or(0.0)
}

/// What the guard adds to a ping, in microseconds.
fn added_us(minutes: &[Seen]) -> f64 {
    let middle = |times: &[f64]| percentile(times, 0.5).unwrap_or(0.0);
    median(&minutes.iter().map(|seen| middle(&seen.guard) - middle(&seen.direct)).collect::<Vec<_>>()).unwrap_or(0.0)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn round3(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
