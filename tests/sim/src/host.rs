//! One host: who it is, what it remembers, and its coming and going.

use crate::{
    bundles::{Bundles, Held},
    identity::Identity,
    limits::HOSTS_PER_ADDRESS,
    load::{Machine, place},
    message::Behaviour,
    session::{Ended, session},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep},
};
use wharden_agent::{
    limits::{RECONNECT_MAX, RECONNECT_MIN, REJECTED_MAX, SESSION_SETTLED},
    session::weight,
};
use wharden_model::HostId;
use wharden_runtime::backoff::Backoff;

/// Microseconds since the epoch, the same for all processes of this machine.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What all hosts of a process share.
pub struct World {
    pub seed: u64,
    /// Number and agents' port of each controller.
    pub controllers: Vec<(u64, SocketAddr)>,
    pub hosts: Vec<Arc<Host>>,
    pub behaviour: watch::Sender<Arc<Behaviour>>,
    pub bundles: Bundles,
    pub dials: Semaphore,
    pub counters: Counters,
    pub started: Instant,
}

/// What is counted of all hosts of a process.
#[derive(Default)]
pub struct Counters {
    pub sessions: AtomicU64,
    pub broken: AtomicU64,
    pub told_to_wait: AtomicU64,
    pub received_bytes: AtomicU64,
    pub whole: AtomicU64,
    pub differences: AtomicU64,
    pub headers: AtomicU64,
    pub acks: AtomicU64,
    pub nacks: AtomicU64,
    pub events_lost: AtomicU64,
    pub reports: AtomicU64,
    pub heartbeats: AtomicU64,
    pub pings: AtomicU64,
    pub rules: AtomicU64,
}

/// One host, as others see it.
pub struct Host {
    /// Its place in the whole fleet.
    pub index: usize,
    pub identity: OnceLock<Identity>,
    /// When its session opened, in microseconds since the epoch; 0 without one.
    pub up_since_us: AtomicU64,
    pub revision: AtomicU64,
    /// When it acknowledged that revision.
    pub acked_at_us: AtomicU64,
    pub events_made: AtomicU64,
    pub events_acked: AtomicU64,
}

impl Host {
    /// One that is not enrolled yet.
    pub fn new(index: usize) -> Self {
        let zero = AtomicU64::default;
        Self {
            index,
            identity: OnceLock::new(),
            up_since_us: zero(),
            revision: zero(),
            acked_at_us: zero(),
            events_made: zero(),
            events_acked: zero(),
        }
    }

    /// The address that it connects from: an address has ports for a part of the fleet only.
    pub fn source(&self) -> SocketAddr {
        let last = u8::try_from(2 + self.index / HOSTS_PER_ADDRESS).unwrap_or(u8::MAX);
        SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0))
    }
}

/// What a host knows that nobody else looks at.
pub struct Memory {
    pub machine: Machine,
    pub held: Option<Arc<Held>>,
    /// The first event that is not acknowledged, and the newest one.
    pub events: (u64, u64),
}

impl World {
    /// A host's own place in a share of the fleet.
    pub fn is_of(&self, index: usize, share: f64, of: &str) -> bool {
        place(self.seed, index, of) < share
    }

    /// Controllers in the order in which a host wants them.
    fn ranked(&self, id: &HostId) -> Vec<SocketAddr> {
        let mut all = self.controllers.clone();
        all.sort_by_cached_key(|(number, _)| std::cmp::Reverse(weight(id, *number)));
        all.into_iter().map(|(_, address)| address).collect()
    }
}

/// Keeps a session while the host is to have one, for ever, as an agent would.
pub async fn run(world: Arc<World>, host: Arc<Host>) {
    let mut behaviour = world.behaviour.subscribe();
    let mut memory = Memory { machine: Machine::new(world.seed, host.index), held: None, events: (1, 0) };
    let mut backoff = Backoff::new(RECONNECT_MIN, RECONNECT_MAX);
    let mut rejections = Backoff::new(RECONNECT_MAX, REJECTED_MAX);
    let (mut turn, mut way) = (0, None);
    loop {
        let present = |behaviour: &Arc<Behaviour>| {
            host.identity.get().is_some() && world.is_of(host.index, behaviour.present, "present")
        };
        if behaviour.wait_for(present).await.is_err() {
            return;
        }
        let Some(identity) = host.identity.get() else { continue };
        let ranked = world.ranked(&identity.id);
        let address = ranked[turn % ranked.len()];
        turn += 1;
        let begun = Instant::now();
        let home = ranked.first().copied().filter(|home| *home != address);
        let to = (address, way.take());
        let ended = Box::pin(session(&world, &host, identity, &mut memory, &mut behaviour, to, home)).await;
        if !matches!(ended, Ended::Home(_)) {
            host.up_since_us.store(0, Relaxed);
        }
        if begun.elapsed() >= SESSION_SETTLED {
            turn = usize::from(ranked.first() == Some(&address));
            backoff.reset();
            rejections.reset();
        }
        let pause = match ended {
            Ended::Ordered => {
                turn = 0;
                backoff.reset();
                continue;
            }
            Ended::Home(stream) => {
                (turn, way) = (0, Some(stream));
                backoff.reset();
                continue;
            }
            Ended::Refused { retry_after: Some(pause) } => {
                world.counters.told_to_wait.fetch_add(1, Relaxed);
                pause
            }
            Ended::Refused { retry_after: None } => rejections.next_wait(),
            Ended::Broken => backoff.next_wait(),
        };
        world.counters.broken.fetch_add(1, Relaxed);
        sleep(pause.max(Duration::from_millis(1))).await;
    }
}
