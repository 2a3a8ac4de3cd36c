//! The peer: as many watchers on an etcd as there are hosts, and one key that changes.

use crate::{
    figures::Etcd,
    host::now_us,
    limits::{DIALS, HOSTS_PER_ADDRESS, STEP},
    wire::{self, Call, Inbox},
};
use bytes::Bytes;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
    time::{Instant, sleep},
};
use wharden_harness::{
    Daemon,
    measure::{load_average, median, percentile, resident},
    ports::free_port,
};

const KEY: &[u8] = b"policy";

// Of etcd's rpc.proto, what is used here.
#[derive(Clone, PartialEq, prost::Message)]
struct WatchRequest {
    #[prost(message, optional, tag = "1")]
    create: Option<WatchCreate>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchCreate {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchResponse {
    #[prost(bool, tag = "3")]
    created: bool,
    #[prost(message, repeated, tag = "11")]
    events: Vec<WatchEvent>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchEvent {
    #[prost(bytes = "bytes", tag = "2")]
    kv: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Put {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Nothing {}

#[derive(Default)]
struct Watcher {
    created: AtomicU64,
    events: AtomicU64,
    at_us: AtomicU64,
}

/// Measures `times` changes of a value of this size.
///
/// # Errors
/// When etcd does not start or takes no watcher.
pub fn run(dir: &Path, watchers: usize, value_bytes: usize, times: usize) -> anyhow::Result<Etcd> {
    let (client, peer) = (free_port(), free_port());
    let mut command = Command::new("etcd");
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    command.args(["--log-level", "error", "--data-dir"]).arg(dir.join(format!("etcd-{client}")));
    command.args(["--listen-client-urls", &url(client), "--advertise-client-urls", &url(client)]);
    command.args(["--listen-peer-urls", &url(peer), "--initial-advertise-peer-urls", &url(peer)]);
    command.args(["--initial-cluster", &format!("default={}", url(peer))]);
    let mut daemon = Daemon::start("etcd", &command, &dir.join("etcd.log"));
    let to = SocketAddr::from(([127, 0, 0, 1], client));
    daemon.ready("etcd takes connections", || std::net::TcpStream::connect(to).ok());
    let pid = daemon.pid();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(to, pid, watchers, value_bytes, times));
    runtime.shutdown_timeout(Duration::from_secs(5));
    daemon.kill();
    figures
}

async fn measure(to: SocketAddr, pid: u32, wanted: usize, bytes: usize, times: usize) -> anyhow::Result<Etcd> {
    let before = resident(pid);
    // Both ends of a connection, and what etcd needs itself: an open file each.
    let wanted = wanted.min(19_000);
    let (turns, mut tasks) = (Arc::new(Semaphore::new(DIALS)), JoinSet::new());
    let all: Vec<Arc<Watcher>> = (0..wanted).map(|_| Arc::default()).collect();
    for (n, watcher) in all.iter().cloned().enumerate() {
        let turns = Arc::clone(&turns);
        tasks.spawn(async move { watch(to, n, &turns, &watcher).await });
    }
    let begun = Instant::now();
    let there = || all.iter().filter(|watcher| watcher.created.load(Relaxed) > 0).count();
    while there() < wanted && begun.elapsed() < STEP / 4 {
        sleep(Duration::from_millis(100)).await;
    }
    let watching = there();
    anyhow::ensure!(watching > 0, "etcd takes no watcher");
    sleep(Duration::from_secs(3)).await;
    let rss_per_watcher_bytes = resident(pid).saturating_sub(before) / watching as u64;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for turn in 1..=times as u64 {
        let stream = wire::connect(SocketAddr::from(([127, 0, 0, 1], 0)), to, Duration::from_secs(5)).await?;
        let (mut client, connection) = wire::handshake(stream, 64 * 1024).await?;
        let value = Bytes::from(vec![u8::try_from(turn).unwrap_or(0); bytes]);
        let begun_us = now_us();
        let put = Put { key: Bytes::from_static(KEY), value };
        tokio::select! {
            _ = connection => anyhow::bail!("etcd closed the connection"),
            done = wire::ask::<Nothing>(&mut client, "/etcdserverpb.KV/Put", &put) => {
                done?;
            }
        }
        let begun = Instant::now();
        let told = || all.iter().filter(|watcher| watcher.events.load(Relaxed) >= turn).count();
        while told() < watching && begun.elapsed() < STEP / 10 {
            sleep(Duration::from_millis(5)).await;
        }
        let mut took: Vec<u64> = all
            .iter()
            .filter(|watcher| watcher.events.load(Relaxed) >= turn)
            .map(|watcher| watcher.at_us.load(Relaxed).saturating_sub(begun_us))
            .collect();
        took.sort_unstable();
        p50.extend(percentile(&took, 0.5).map(|us| us as f64 / 1000.0));
        p99.extend(percentile(&took, 0.99).map(|us| us as f64 / 1000.0));
    }
    tasks.shutdown().await;
    Ok(Etcd {
        watchers: watching,
        value_bytes: bytes,
        rss_per_watcher_bytes,
        push_p50_ms: median(&p50).unwrap_or(0.0),
        push_p99_ms: median(&p99).unwrap_or(0.0),
        load_average: load_average(),
    })
}

async fn watch(to: SocketAddr, n: usize, turns: &Semaphore, watcher: &Watcher) -> anyhow::Result<()> {
    let turn = turns.acquire().await?;
    let last = u8::try_from(100 + n / HOSTS_PER_ADDRESS)?;
    let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
    let stream = wire::connect(from, to, Duration::from_secs(30)).await?;
    let (mut client, connection) = wire::handshake(stream, 64 * 1024).await?;
    tokio::select! {
        ended = connection => Ok(ended?),
        ended = talk(&mut client, turn, watcher) => ended,
    }
}

async fn talk(
    client: &mut h2::client::SendRequest<Bytes>,
    turn: SemaphorePermit<'_>,
    watcher: &Watcher,
) -> anyhow::Result<()> {
    let Call { mut to, answer } = wire::begin(client, "/etcdserverpb.Watch/Watch")?;
    let create = Some(WatchCreate { key: Bytes::from_static(KEY) });
    to.send_data(wire::frame(&WatchRequest { create }), false)?;
    let mut inbox = Inbox::open(answer).await?;
    let mut turn = Some(turn);
    loop {
        let WatchResponse { created, events } = inbox.next().await?;
        if created {
            watcher.created.store(1, Relaxed);
            drop(turn.take());
        }
        if !events.is_empty() {
            watcher.at_us.store(now_us(), Relaxed);
            watcher.events.fetch_add(events.len() as u64, Relaxed);
        }
    }
}
