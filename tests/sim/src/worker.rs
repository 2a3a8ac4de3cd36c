//! A process full of hosts. Orders come on standard input, replies go to standard output.

use crate::{
    host::{self, Counters, Host, World, now_us},
    identity::{self, Identity},
    limits::{DIALS, LOOK},
    message::{Behaviour, Counts, Goal, Order, Reply},
    session::dial,
    wire,
};
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    ops::Range,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep},
};
use wharden_agent::{
    enrolment::{EnrollOptions, HostIdentity, check},
    limits::{RECONNECT_MAX, RECONNECT_MIN},
    session::Address,
};
use wharden_model::{Revision, Timestamp, api::Secret};
use wharden_pki::{KeyPair, token::JoinToken};
use wharden_proto::v1::{EnrollRequest, EnrollResponse};
use wharden_runtime::{
    backoff::Backoff,
    tls::{ClientConfig, HTTP2, client_config_pinned},
};

/// What a worker is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    pub seed: u64,
    /// Its part of the fleet.
    pub hosts: Range<usize>,
    pub controllers: Vec<(u64, SocketAddr)>,
    /// Where it keeps who its hosts are.
    pub identities: PathBuf,
}

/// Runs until it is told to end, or nobody is there to tell.
///
/// # Errors
/// When the file of identities is damaged.
pub async fn run(setup: Setup) -> anyhow::Result<()> {
    let world = Arc::new(World {
        seed: setup.seed,
        controllers: setup.controllers.clone(),
        hosts: setup.hosts.clone().map(|index| Arc::new(Host::new(index))).collect(),
        behaviour: watch::Sender::new(Arc::new(Behaviour::default())),
        bundles: crate::bundles::Bundles::default(),
        dials: Semaphore::new(DIALS),
        counters: Counters::default(),
        started: Instant::now(),
    });
    for (index, identity) in identity::read(&setup.identities)? {
        if let Some(host) = index.checked_sub(setup.hosts.start).and_then(|place| world.hosts.get(place)) {
            drop(host.identity.set(identity));
        }
    }
    let mut tasks = JoinSet::new();
    for host in &world.hosts {
        tasks.spawn(host::run(Arc::clone(&world), Arc::clone(host)));
    }
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut replies = tokio::io::stdout();
    while let Some(line) = orders.next_line().await? {
        let order: Order = serde_json::from_str(&line)?;
        let ends = matches!(order, Order::Quit);
        let reply = obey(&world, &setup, order).await.unwrap_or_else(|error| Reply::Failed(format!("{error:#}")));
        replies.write_all(format!("{}\n", serde_json::to_string(&reply)?).as_bytes()).await?;
        replies.flush().await?;
        if ends {
            break;
        }
    }
    tasks.shutdown().await;
    Ok(())
}

async fn obey(world: &Arc<World>, setup: &Setup, order: Order) -> anyhow::Result<Reply> {
    match order {
        Order::Enrol { tokens } => enrol_all(world, setup, &tokens).await,
        Order::Behave(behaviour) => {
            world.behaviour.send_replace(Arc::new(behaviour));
            Ok(Reply::Done)
        }
        Order::Await { goal, within_ms } => Ok(reach(world, goal, Duration::from_millis(within_ms)).await),
        Order::Count => Ok(Reply::Counted(count(world))),
        Order::Quit => Ok(Reply::Done),
    }
}

async fn reach(world: &World, goal: Goal, within: Duration) -> Reply {
    let behaviour = world.behaviour.borrow().clone();
    let concerned: Vec<&Host> = world
        .hosts
        .iter()
        .map(AsRef::as_ref)
        .filter(|host| host.identity.get().is_some() && world.is_of(host.index, behaviour.present, "present"))
        .collect();
    let begun = Instant::now();
    loop {
        let there = |host: &&&Host| {
            let up_since = host.up_since_us.load(Relaxed);
            (!goal.connected || up_since > 0)
                && (goal.since_us == 0 || up_since >= goal.since_us)
                && host.revision.load(Relaxed) >= goal.revision
                && (!goal.events || host.events_acked.load(Relaxed) >= host.events_made.load(Relaxed))
        };
        let hosts = concerned.iter().filter(there).count();
        if hosts == concerned.len() || begun.elapsed() >= within {
            let at_us = if goal.revision == 0 { up(&concerned) } else { acked(&concerned, goal.revision) };
            return Reply::Reached { hosts, at_us };
        }
        sleep(LOOK).await;
    }
}

/// When each session opened.
fn up(hosts: &[&Host]) -> Vec<u64> {
    hosts.iter().map(|host| host.up_since_us.load(Relaxed)).filter(|at| *at > 0).collect()
}

/// When each of those that hold this revision, and no newer one, acknowledged it.
fn acked(hosts: &[&Host], revision: Revision) -> Vec<u64> {
    let holding = hosts.iter().filter(|host| host.revision.load(Relaxed) == revision);
    holding.map(|host| host.acked_at_us.load(Relaxed)).collect()
}

fn count(world: &World) -> Counts {
    let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    let all = |what: fn(&Host) -> u64| world.hosts.iter().map(|host| what(host)).sum();
    let counters = &world.counters;
    let (whole, differences, headers) = (of(&counters.whole), of(&counters.differences), of(&counters.headers));
    Counts {
        hosts: world.hosts.len() as u64,
        connected: all(|host| u64::from(host.up_since_us.load(Relaxed) > 0)),
        sessions: of(&counters.sessions),
        broken: of(&counters.broken),
        told_to_wait: of(&counters.told_to_wait),
        received_bytes: of(&counters.received_bytes),
        pushes: whole + differences + headers,
        whole,
        differences,
        headers,
        acks: of(&counters.acks),
        nacks: of(&counters.nacks),
        events_made: all(|host| host.events_made.load(Relaxed)),
        events_acked: all(|host| host.events_acked.load(Relaxed)),
        events_lost: of(&counters.events_lost),
        reports: of(&counters.reports),
        heartbeats: of(&counters.heartbeats),
        pings: of(&counters.pings),
        rules: of(&counters.rules),
    }
}

async fn enrol_all(world: &Arc<World>, setup: &Setup, tokens: &[String]) -> anyhow::Result<Reply> {
    let tokens: Vec<JoinToken> = tokens.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    anyhow::ensure!(!tokens.is_empty(), "no tokens were given");
    let tls = tokens.iter().map(|token| client_config_pinned(token.ca_fingerprint, &[HTTP2]));
    let tls = tls.collect::<Result<Vec<_>, _>>()?;
    let mut tasks = JoinSet::new();
    for host in world.hosts.iter().filter(|host| host.identity.get().is_none()) {
        let of = host.index % tokens.len();
        let (world, host, token, tls) = (Arc::clone(world), Arc::clone(host), tokens[of].clone(), Arc::clone(&tls[of]));
        tasks.spawn(async move { (host.index, enrol(&world, &host, &token, &tls).await) });
    }
    let (mut took_ms, mut refused, mut made) = (Vec::new(), 0, Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (index, enrolled) = done?;
        match enrolled {
            Ok((identity, took)) => {
                took_ms.push(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
                made.push((index, identity));
            }
            Err(error) => {
                eprintln!("host {index} was not enrolled: {error:#}");
                refused += 1;
            }
        }
    }
    identity::append(&setup.identities, made.iter().map(|(index, identity)| (*index, identity)))?;
    for (index, identity) in made {
        if let Some(host) = world.hosts.get(index - setup.hosts.start) {
            drop(host.identity.set(Identity::of(&identity)?));
        }
    }
    Ok(Reply::Enrolled { took_ms, refused })
}

/// Makes a key and asks for a certificate, until it is given or refused for good.
async fn enrol(
    world: &World,
    host: &Host,
    token: &JoinToken,
    tls: &Arc<ClientConfig>,
) -> anyhow::Result<(HostIdentity, Duration)> {
    let key = KeyPair::generate()?;
    let hostname = format!("sim-{:06}", host.index);
    let request = EnrollRequest {
        token: token.text().reveal().to_owned(),
        csr: key.csr_der()?.into(),
        hostname: hostname.clone(),
        request_id: format!("{:032x}", rand::random::<u128>()),
    };
    let mut backoff = Backoff::new(RECONNECT_MIN, RECONNECT_MAX);
    let begun = Instant::now();
    for turn in host.index.. {
        let (_, to) = world.controllers[turn % world.controllers.len()];
        let asked = async {
            let stream = dial(world, host, Arc::clone(tls), to).await?;
            let (mut client, connection) = wire::handshake(stream, 64 * 1024).await?;
            tokio::select! {
                _ = connection => Err(wire::WireError::Closed),
                answer = wire::ask::<EnrollResponse>(&mut client, "/wharden.v1.Agent/Enroll", &request) => answer,
            }
        };
        match asked.await {
            Ok(answer) => {
                let options = EnrollOptions {
                    data_dir: std::path::PathBuf::new(),
                    controllers: world.controllers.iter().map(|(_, to)| address(*to)).collect(),
                    token: Secret::new(token.text().reveal().to_owned()),
                    hostname,
                    force: false,
                    now: Timestamp(now_us() / 1000),
                };
                return Ok((check(&options, token, answer, &key)?, begun.elapsed()));
            }
            // INVALID_ARGUMENT, PERMISSION_DENIED, FAILED_PRECONDITION, UNAUTHENTICATED.
            Err(error @ wire::WireError::Status { code: 3 | 7 | 9 | 16, .. }) => return Err(error.into()),
            Err(wire::WireError::Status { retry_after: Some(wait), .. }) => {
                world.counters.told_to_wait.fetch_add(1, Relaxed);
                sleep(wait).await;
            }
            Err(_) => sleep(backoff.next_wait()).await,
        }
    }
    unreachable!("turns never end")
}

fn address(to: SocketAddr) -> Address {
    Address { host: to.ip().to_string(), port: to.port() }
}
