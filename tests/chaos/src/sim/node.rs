//! One controller: its disk and clock, which stay, and its process, which comes and goes. A process is a runtime of its own,
//! so that a crash drops everything in it wherever it is, and a pause lets nothing in it happen.

use super::{
    chance::Chance,
    disk::Disk,
    ledger::{Ledger, Watched},
    message::{Ask, Party, Told},
    time::Time,
    wire::{Asked, Link, Wire},
    workload::look,
};
use crate::{
    history::Outcome,
    limits::{LOG_KEEP, SNAPSHOT_CHUNK, SNAPSHOT_EVERY},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};
use wharden_controller::{
    cluster::{self, Answering},
    peers::{Inbound, Reply},
    raft::{Outlet, ProposeError, Raft, Sizes},
};
use wharden_model::Timestamp;
use wharden_runtime::{clock::ManualClock, shutdown::Shutdown};
use wharden_state::Actor;
use wharden_store::{Shelf, Simulated, Store};

/// What is deliberately wrong, to see that it is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Flaw {
    #[default]
    None,
    /// The disk says that it has synced and has not.
    UnsyncedDisk,
    /// Reads do not ask whether what they see is the newest.
    StaleReads,
    /// A retry is a new request.
    ForgottenRequests,
    /// A leader that was restarted leads on in its term.
    ResumedTerm,
}

pub struct Node {
    pub number: u64,
    pub disk: Arc<Disk>,
    pub clock: Arc<ManualClock>,
    snapshots: Arc<Shelf>,
    process: Option<Process>,
    /// How often it was started.
    pub lives: u64,
    /// It runs nothing until this moment.
    pub paused_until: u64,
    /// It starts again at this moment.
    pub down_until: u64,
    /// It was removed from the cluster, and knows it.
    pub is_out: bool,
    /// How far its own time has come.
    reached: Duration,
}

struct Process {
    // Dropped before the raft handle, with all that runs in it.
    runtime: Runtime,
    serving: Arc<Serving>,
    removed: Arc<AtomicBool>,
}

struct Serving {
    number: u64,
    raft: Raft,
    answering: Answering,
    stale: bool,
}

impl Node {
    pub fn new(number: u64, seed: u64, flaw: Flaw) -> Self {
        let disk = Disk::new(Chance::new(seed, ("disk", number)), flaw == Flaw::UnsyncedDisk);
        Self {
            number,
            disk: Arc::new(disk),
            clock: Arc::new(ManualClock::at(1_800_000_000_000)),
            snapshots: Arc::default(),
            process: None,
            lives: 0,
            paused_until: 0,
            down_until: 0,
            is_out: false,
            reached: Duration::ZERO,
        }
    }

    pub fn is_up(&self) -> bool {
        self.process.is_some()
    }

    pub fn raft(&self) -> Option<&Raft> {
        self.process.as_ref().map(|process| &process.serving.raft)
    }

    /// Starts its process.
    ///
    /// # Errors
    /// In words, when what is on its disk is not sound.
    pub fn start(&mut self, wire: &Wire, ledger: &Ledger, flaw: Flaw) -> Result<(), String> {
        let runtime = Builder::new_current_thread().enable_time().build().map_err(|error| error.to_string())?;
        let removed = Arc::new(AtomicBool::new(false));
        let raft = runtime.block_on(self.open(wire, ledger, &removed, flaw))?;
        runtime.spawn(cluster::keep(raft.clone(), Timestamp(0)));
        let answering = Answering::new(raft.clone(), Timestamp(0));
        let serving = Serving { number: self.number, raft, answering, stale: flaw == Flaw::StaleReads };
        self.lives += 1;
        self.process = Some(Process { runtime, serving: Arc::new(serving), removed });
        Ok(())
    }

    async fn open(&self, wire: &Wire, ledger: &Ledger, removed: &Arc<AtomicBool>, flaw: Flaw) -> Result<Raft, String> {
        let outlet = Outlet::default();
        let watched = outlet.watched();
        let latency = Arc::clone(&self.disk);
        let disk = Simulated {
            backend: Arc::clone(&self.disk) as _,
            snapshots: Arc::clone(&self.snapshots),
            latency: Arc::new(move || latency.latency()),
            resumes: flaw == Flaw::ResumedTerm,
        };
        let sink = Watched { node: self.number, ledger: ledger.clone(), outlet, reached: Mutex::new(0) };
        let halves = Store::simulated(&disk, sink).map_err(|error| error.to_string())?;
        let sizes = Sizes { snapshot_every: SNAPSHOT_EVERY, log_keep: LOG_KEEP, snapshot_chunk: SNAPSHOT_CHUNK };
        let link = Link { wire: wire.clone(), own: self.number, removed: Arc::clone(removed) };
        let clock = Arc::clone(&self.clock) as _;
        Raft::over(halves, watched, sizes, self.number, Arc::new(link), clock, &Shutdown::new())
            .await
            .map_err(|error| error.to_string())
    }

    /// Makes it the first one of a cluster.
    ///
    /// # Errors
    /// In words.
    pub fn found(&self) -> Result<(), String> {
        let process = self.process.as_ref().ok_or("it does not run")?;
        process.runtime.block_on(process.serving.raft.found()).map_err(|error| error.to_string())
    }

    /// Kills its process; its disk loses what was not synced. How many changes were lost.
    pub fn crash(&mut self) -> usize {
        self.process = None;
        self.disk.crash()
    }

    /// It believes that it leads.
    pub fn leads_in(&self) -> Option<u64> {
        let metrics = self.raft()?.metrics();
        metrics.state.is_leader().then_some(metrics.current_term)
    }

    /// Lets it run from one moment until another.
    ///
    /// # Errors
    /// When the clock cannot be set.
    pub fn run(&mut self, time: &Time, from: u64, until: u64) -> anyhow::Result<()> {
        if let Some(process) = &self.process {
            time.resume(from, self.reached)?;
            process.runtime.block_on(async { tokio::time::sleep_until(time.at(until)).await });
            self.reached = time.now();
        }
        Ok(())
    }

    /// It was told, or has read, that it was removed.
    pub fn was_removed(&self) -> bool {
        self.process.as_ref().is_some_and(|process| {
            process.removed.load(Ordering::SeqCst) || process.serving.raft.state().controllers.was_removed(self.number)
        })
    }

    /// Hands it a question. Whoever does not run answers nothing, or that nobody listens.
    pub fn receive(&self, wire: &Wire, asked: Asked) {
        let Asked { id, from, ask, .. } = asked;
        let Some(process) = &self.process else {
            wire.tell(id, self.number, from, Told::Down);
            return;
        };
        let (serving, wire) = (Arc::clone(&process.serving), wire.clone());
        process.runtime.spawn(async move {
            let told = serving.answer(from, ask).await;
            wire.tell(id, serving.number, from, told);
        });
    }
}

impl Serving {
    async fn answer(&self, from: Party, ask: Ask) -> Told {
        match (ask, from) {
            (Ask::Peer(request), Party::Node(from)) => {
                // As `peers` judges the caller's certificate.
                let controllers = self.raft.state().controllers.clone();
                if controllers.was_removed(from) {
                    return Told::Peer(Reply::Removed);
                }
                if !controllers.is_empty() && !controllers.members.contains_key(&from) {
                    return Told::Stranger;
                }
                Told::Peer(self.answering.receive(from, *request).await)
            }
            (Ask::Peer(_), Party::Client(_)) => Told::Stranger,
            (Ask::Write { request, command }, _) => {
                match self.raft.propose_with(request, Actor::System, *command, None).await {
                    Ok(applied) => Told::Wrote(Ok(applied)),
                    Err(ProposeError::Rejected(rejection)) => Told::Wrote(Err(rejection)),
                    Err(_) => Told::Unavailable,
                }
            }
            (Ask::Read(key), _) => match self.newest().await {
                Some(state) => Told::Seen(Outcome::Seen(look(&state, key))),
                None => Told::Unavailable,
            },
            (Ask::Members, _) => match self.newest().await {
                Some(state) => Told::Members(state.controllers.clone()),
                None => Told::Unavailable,
            },
        }
    }

    async fn newest(&self) -> Option<Arc<wharden_state::State>> {
        if self.stale { Some(self.raft.state()) } else { self.raft.linearizable().await.ok() }
    }
}
