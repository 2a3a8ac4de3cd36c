//! What the guard costs: the same calls straight to a private engine, through the guard, and through HAProxy as a socket
//! proxy, interleaved in one run, since machines are noisy. Prints JSON and keeps it in `target/bench/guard.json`.
//!
//! `tests/bench/guard.sh` builds what it needs and runs it; `--size 1GiB` makes the image larger.

mod cases;
mod haproxy;
mod http;

use cases::{Bench, Figure};
use haproxy::Haproxy;
use serde_json::{Map, Value, json};
use std::{env, fs, path::PathBuf, time::Duration};
use wharden_harness::World;

/// What the caller may do: everything, beside the packs that any host would have.
const POLICY: &str = r#"@id("bench") @reason("the bench") permit(principal == User::"root", action, resource);"#;
/// How long the agent is watched at rest.
const REST: Duration = Duration::from_secs(10);
/// Clock ticks in a second of `/proc/<pid>/stat`: a constant of the kernel's interface.
const TICKS: f64 = 100.0;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let size = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => 256 << 20,
        ["--size", size] => bytes(size),
        _ => panic!("usage: guard [--size 256MiB]"),
    };
    let world = World::setup().packs(&["roles", "baseline"]).policy("bench", POLICY).start();
    let haproxy = Haproxy::start(&world.place, world.engine.socket());
    let bench = Bench::new(&world, [world.engine.socket(), world.agent.socket(), &haproxy.socket], size);
    let mut report = Map::new();
    // At rest first: what a load leaves behind is another question.
    report.insert("agent_at_rest".into(), at_rest(world.agent.pid()));
    let mut cases = Map::new();
    bench.run(|(name, figure, values)| {
        let keys = match figure {
            Figure::Micros => ["direct_p50_us", "guard_p50_us", "haproxy_p50_us"],
            Figure::MibPerSecond => ["direct_mib_s", "guard_mib_s", "haproxy_mib_s"],
        };
        let values = keys.into_iter().zip(values).map(|(key, value)| (key.to_owned(), json!(round(value))));
        let values = Value::Object(values.collect());
        eprintln!("{name}: {values}");
        cases.insert(name.to_owned(), values);
    });
    report.insert("cases".into(), Value::Object(cases));
    report.insert("image_bytes".into(), json!(size));
    report.insert("agent_rss_mib_after".into(), json!(round(rss(world.agent.pid()))));
    let text = serde_json::to_string_pretty(&Value::Object(report)).expect("JSON");
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from).join("bench");
    fs::create_dir_all(&folder).expect("target/bench");
    fs::write(folder.join("guard.json"), &text).expect("guard.json");
    println!("{text}");
}

/// Memory and processor time of the agent while nobody calls.
fn at_rest(pid: u32) -> Value {
    let ticks = || -> f64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields[11].parse::<f64>().expect("utime") + fields[12].parse::<f64>().expect("stime")
    };
    let before = ticks();
    std::thread::park_timeout(REST);
    let percent = (ticks() - before) / TICKS / REST.as_secs_f64() * 100.0;
    json!({ "containers": cases::CONTAINERS, "rss_mib": round(rss(pid)), "cpu_percent_of_a_core": round(percent) })
}

fn rss(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

fn bytes(text: &str) -> u64 {
    let number = |unit: &str, shift: u32| Some(text.strip_suffix(unit)?.parse::<u64>().ok()? << shift);
    number("GiB", 30).or_else(|| number("MiB", 20)).expect("a size such as 256MiB or 1GiB")
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
