//! What the guard costs: the same calls straight to a private engine, through the guard, and through HAProxy as a socket
//! proxy, interleaved in one run, since machines are noisy. Prints JSON and keeps it in `target/bench/guard.json`.
//!
//! `tests/bench/guard.sh` builds what it needs and runs it; `--size 64MiB` makes the image smaller, `--case ping` measures
//! that case only.

mod cases;
mod haproxy;
mod http;

use cases::{Bench, Figure};
use haproxy::Haproxy;
use serde_json::{Map, Value, json};
use std::{cell::RefCell, env, path::Path, process::ExitCode, time::Duration};
use wharden_harness::{
    World,
    measure::{Spent, keep, load_average, resident},
};

/// What the caller may do: everything, beside the packs that any host would have.
const POLICY: &str = r#"@id("bench") @reason("the bench") permit(principal == User::"root", action, resource);"#;
/// How long the agent is watched at rest.
const REST: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (mut size, mut wanted) = (1 << 30, "");
    for pair in arguments.chunks(2) {
        match pair.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["--size", text] => size = bytes(text),
            ["--case", _] => wanted = &pair[1],
            _ => panic!("usage: guard [--size 1GiB] [--case PART-OF-ITS-NAME]"),
        }
    }
    let mut world = World::setup().packs(&["roles", "baseline"]).policy("bench", POLICY).start();
    let haproxy = Haproxy::start(&world.place, world.engine.socket());
    let paths = [world.engine.socket(), world.agent.socket(), &haproxy.socket].map(Path::to_owned);
    let bench = Bench::new(&world, paths, size);
    let agent = world.agent.pid();
    let report = RefCell::new(Report::default());
    let put = |key: &str, value| report.borrow_mut().put(key, value);
    put("image_bytes", json!(size));
    put("load_average_before", json!(load_average()));
    // At rest first: what a load leaves behind is another question.
    put("agent_at_rest", at_rest(agent));
    // In life the controller is on another machine: what it does with the events would be measured too.
    world.controller.stop();
    let (mut cases, mut failed) = (Map::new(), false);
    bench.run(wanted, |name, measured| {
        let figures = match measured {
            Ok((figure, values)) => {
                let keys = match figure {
                    Figure::Micros => ["direct_p50_us", "guard_p50_us", "haproxy_p50_us"],
                    Figure::MibPerSecond => ["direct_mib_s", "guard_mib_s", "haproxy_mib_s"],
                };
                let values = keys.into_iter().zip(values).map(|(key, value)| (key.to_owned(), json!(round(value))));
                Value::Object(values.chain([("load_average".to_owned(), json!(load_average()))]).collect())
            }
            Err(panic) => {
                failed = true;
                let why = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
                json!({ "error": why.unwrap_or("it panicked") })
            }
        };
        eprintln!("{name}: {figures}");
        cases.insert(name.to_owned(), figures);
        put("cases", Value::Object(cases.clone()));
    });
    put("agent_rss_mib_after", json!(round(rss_mib(agent))));
    println!("{}", keep("guard", &report.borrow().0));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What has been measured so far. It is on disk after each case, however long the next one takes.
#[derive(Default)]
struct Report(Value);

impl Report {
    fn put(&mut self, key: &str, value: Value) {
        self.0[key] = value;
        keep("guard", &self.0);
    }
}

/// Memory and processor time of the agent while nobody calls.
fn at_rest(pid: u32) -> Value {
    let spent = Spent::begin(&[pid]);
    std::thread::park_timeout(REST);
    let percent = spent.fraction() * 100.0;
    let percent = (percent * 1000.0).round() / 1000.0;
    json!({ "containers": cases::CONTAINERS, "rss_mib": round(rss_mib(pid)), "cpu_percent_of_a_core": percent })
}

fn rss_mib(pid: u32) -> f64 {
    resident(pid) as f64 / f64::from(1 << 20)
}

fn bytes(text: &str) -> u64 {
    let number = |unit: &str, shift: u32| Some(text.strip_suffix(unit)?.parse::<u64>().ok()? << shift);
    number("GiB", 30).or_else(|| number("MiB", 20)).expect("a size such as 256MiB or 1GiB")
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
