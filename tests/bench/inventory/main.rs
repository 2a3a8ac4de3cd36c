//! Searches in the inventory of a large fleet: fills a controller's view, asks it in many ways, and prints JSON, which is
//! kept in `target/bench/inventory.json` too.
//!
//! `cargo bench -p wharden-controller --bench inventory -- [--hosts 20000] [--containers 20] [--rounds 100]`

mod fleet;

use fleet::Fleet;
use serde_json::{Value, json};
use std::{
    env, fs,
    path::Path,
    time::{Duration, Instant},
};
use wharden_controller::inventory::{Answer, Filter, Inventory, Kind, Place, Sign};
use wharden_model::inventory::ContainerState;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (mut hosts, mut containers, mut rounds) = (20_000_usize, 20_usize, 100_usize);
    for pair in arguments.chunks(2) {
        let number = |text: &str| text.parse().expect("a number");
        match pair.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["--hosts", text] => hosts = number(text),
            ["--containers", text] => containers = number(text),
            ["--rounds", text] => rounds = number(text).max(1),
            _ => panic!("usage: inventory [--hosts 20000] [--containers 20] [--rounds 100]"),
        }
    }
    let view = Inventory::default();
    let (before, begun) = (resident(), Instant::now());
    let mut applying = Duration::ZERO;
    let mut fleet = Fleet::new();
    for n in 0..hosts {
        let (delta, sample) = fleet.whole(containers);
        let at = Instant::now();
        view.apply(&Fleet::host(n), &Fleet::boot(), delta);
        view.sample(&Fleet::host(n), sample);
        applying += at.elapsed();
    }
    let held = resident().saturating_sub(before);
    let all = hosts * containers;
    let queries: Vec<Value> =
        filters(hosts).into_iter().map(|(name, kind, filter)| measure(&view, name, kind, &filter, rounds)).collect();
    let worst = queries.iter().filter_map(|query| query["p99_ms"].as_f64()).fold(0.0, f64::max);
    let report = json!({
        "hosts": hosts,
        "containers": all,
        "fill_s": begun.elapsed().as_secs_f64(),
        "apply_us_per_host": micros(applying) / hosts.max(1) as f64,
        "bytes": held,
        "bytes_per_container": held / (all.max(1) as u64),
        "slowest_p99_ms": worst,
        "load_average": fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next(),
        "queries": queries,
    });
    let text = serde_json::to_string_pretty(&report).expect("JSON");
    println!("{text}");
    let target = env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let folder = Path::new(&target).join("bench");
    fs::create_dir_all(&folder).expect("folder of figures");
    fs::write(folder.join("inventory.json"), text + "\n").expect("the figures");
}

/// What people ask, and what is hardest.
fn filters(hosts: usize) -> Vec<(&'static str, Kind, Filter)> {
    let all = || Filter { limit: 100, ..Filter::default() };
    let some = |text: &str| Some(text.to_owned());
    let middle = Place { host: Fleet::host(hosts / 2), id: String::new() };
    vec![
        (
            "image with its tag",
            Kind::Containers,
            Filter { image: some("registry.example.org/team/app-17:1.8"), ..all() },
        ),
        (
            "image, any tag, 1000 things",
            Kind::Containers,
            Filter { image: some("registry.example.org/team/app-17"), limit: 1000, ..all() },
        ),
        ("mount /etc", Kind::Containers, Filter { mount: some("/etc"), ..all() }),
        ("owner", Kind::Containers, Filter { owner: some("user-7"), ..all() }),
        ("label, of a fortieth", Kind::Containers, Filter { label: Some(("team".into(), some("team-3"))), ..all() }),
        ("port", Kind::Containers, Filter { port: Some(20_443), ..all() }),
        ("network", Kind::Containers, Filter { network: some("app-3_default"), ..all() }),
        (
            "owner and state and mount",
            Kind::Containers,
            Filter { owner: some("user-7"), state: Some(ContainerState::Exited), mount: some("/srv"), ..all() },
        ),
        ("everything, first page", Kind::Containers, all()),
        (
            "everything, a page of 1000 from the middle",
            Kind::Containers,
            Filter { limit: 1000, after: Some(middle), ..all() },
        ),
        ("running, first page", Kind::Containers, Filter { state: Some(ContainerState::Running), ..all() }),
        ("a part of a name that nothing has", Kind::Containers, Filter { name: some("no-such-name"), ..all() }),
        ("hosts that hold an image", Kind::Images, Filter { image: some("registry.example.org/team/app-17"), ..all() }),
        ("hosts", Kind::Hosts, all()),
    ]
}

fn measure(view: &Inventory, name: &str, kind: Kind, filter: &Filter, rounds: usize) -> Value {
    let mut times: Vec<Duration> = Vec::with_capacity(rounds);
    let mut found = 0;
    for _ in 0..rounds {
        let begun = Instant::now();
        let answer = view.search(kind, filter, |_| Sign::default());
        times.push(begun.elapsed());
        found = count(&answer);
    }
    times.sort_unstable();
    let at = |share: usize| micros(times[(times.len() * share / 100).min(times.len() - 1)]) / 1000.0;
    json!({"query": name, "found": found, "p50_ms": at(50), "p99_ms": at(99)})
}

fn count(answer: &Answer) -> usize {
    match answer {
        Answer::Containers(page) => page.items.len(),
        Answer::Images(page) => page.items.len(),
        Answer::Volumes(page) => page.items.len(),
        Answer::Networks(page) => page.items.len(),
        Answer::Hosts(page) => page.items.len(),
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Bytes of resident memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
}
