//! What a replicated write costs: three controllers beside three etcd members, on the same disk, in turns within one run,
//! since machines are noisy. Then the leader is killed, again and again, and the time until the next write is measured.
//! Prints JSON and keeps it in `target/bench/raft.json`.
//!
//! A write of Wharden is a call of the REST API over TLS: checked against policy, committed, in the audit. One of etcd is
//! a put of a key over gRPC without TLS, which is what most of etcd's own figures are of.
//!
//! `tests/bench/raft.sh` builds what it needs and runs it; `--seconds 20` makes each measurement longer, `--clients 64` takes
//! one load alone.

mod etcd;
mod wharden;

use serde_json::{Value, json};
use std::{
    env,
    future::Future,
    time::{Duration, Instant},
};
use wharden_harness::{Place, cluster::Cluster, measure::keep};

/// Clients at once.
const CLIENTS: [usize; 3] = [1, 16, 64];
/// Times that each measurement is taken; the figure is the median.
const ROUNDS: usize = 3;
/// Times that the leader is killed.
const KILLS: usize = 10;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (mut seconds, mut loads, mut kills) = (5, CLIENTS.to_vec(), KILLS);
    for pair in arguments.chunks(2) {
        match pair {
            [option, n] if option == "--seconds" => seconds = n.parse().expect("a number of seconds"),
            // To look at one load alone.
            [option, n] if option == "--clients" => (loads, kills) = (vec![n.parse().expect("a number")], 0),
            _ => panic!("usage: raft [--seconds 5] [--clients N]"),
        }
    }
    let place = Place::new();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let mut cluster = Cluster::of(&place, 3);
    let etcd = runtime.block_on(async { etcd::Etcd::start(&place.join("")).await });
    let time = Duration::from_secs(seconds);
    let mut rows = Vec::new();
    for clients in loads {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            // The floor of most changes is a second factor of the last five minutes.
            let bearer = wharden::bearer(&mut cluster);
            ours.push(runtime.block_on(wharden::load(&cluster, &bearer, clients, time)));
            theirs.push(runtime.block_on(etcd_load(&etcd, clients, time)));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let row = json!({
            "clients": clients,
            "wharden_writes_s": ours.per_second, "wharden_p50_ms": ours.p50, "wharden_p99_ms": ours.p99,
            "etcd_writes_s": theirs.per_second, "etcd_p50_ms": theirs.p50, "etcd_p99_ms": theirs.p99,
        });
        eprintln!("{row}");
        rows.push(row);
    }
    drop(etcd);
    cluster.admin.login();
    let failover: Vec<Value> = (0..kills).map(|_| json!(wharden::failover(&mut cluster).as_millis())).collect();
    let report = json!({ "writes": rows, "failover_ms": failover, "seconds": seconds, "rounds": ROUNDS });
    println!("{}", keep("raft", &report));
}

/// What clients saw of one load.
struct Seen {
    per_second: f64,
    /// Milliseconds.
    p50: f64,
    p99: f64,
}

/// Runs `clients` loops of writes for a time; each write says how long it took.
async fn measure<W, F>(clients: usize, time: Duration, client: impl Fn(usize) -> W) -> Seen
where
    W: FnMut(u64) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let begin = Instant::now();
    let loops: Vec<_> = (0..clients)
        .map(|number| {
            let mut write = client(number);
            tokio::spawn(async move {
                let mut took = Vec::new();
                for n in 0.. {
                    if begin.elapsed() >= time {
                        break;
                    }
                    let start = Instant::now();
                    write(n).await;
                    took.push(start.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for client in loops {
        took.extend(client.await.expect("a client"));
    }
    let elapsed = begin.elapsed().as_secs_f64();
    took.sort();
    let at = |share: f64| {
        let place = ((took.len() as f64 * share) as usize).min(took.len() - 1);
        round(took[place].as_secs_f64() * 1000.0)
    };
    Seen { per_second: round(took.len() as f64 / elapsed), p50: at(0.5), p99: at(0.99) }
}

async fn etcd_load(etcd: &etcd::Etcd, clients: usize, time: Duration) -> Seen {
    measure(clients, time, |number| {
        let channel = etcd.channel(number);
        move |n| {
            let channel = channel.clone();
            async move {
                let key = format!("client-{number}/{n}");
                etcd::put(&channel, key.as_bytes(), &[7; 64]).await.expect("a put");
            }
        }
    })
    .await
}

/// The round with the median throughput.
fn median(mut rounds: Vec<Seen>) -> Seen {
    rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    rounds.swap_remove(rounds.len() / 2)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
