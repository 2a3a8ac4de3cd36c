use super::{described::Process, ledger::Ledger};
use crate::limits::INVENTORY_BYTES;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::{Notify, watch};
use wharden_model::inventory::{AgentFacts, Delta, HostFacts, UsageSample};

/// What the keeper and the sampler know, and the session tells.
#[derive(Default)]
pub struct Told {
    ledger: Mutex<Ledger>,
    processes: Mutex<BTreeMap<String, Process>>,
    agent: Mutex<AgentFacts>,
    fresh: Notify,
    sample: watch::Sender<Option<Arc<UsageSample>>>,
    /// What some controller knows: the number of the change that was acknowledged last.
    known: AtomicU64,
    strained: AtomicBool,
    put_off: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds values that are whole after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    /// Nothing is known but the agent itself.
    pub fn new(agent: AgentFacts) -> Self {
        Self { agent: Mutex::new(agent), ..Self::default() }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Ledger)) {
        change(&mut lock(&self.ledger));
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&lock(&self.ledger))
    }

    pub(crate) fn put_host(&self, facts: HostFacts) {
        let agent = lock(&self.agent).clone();
        let mut facts = HostFacts { agent, ..facts };
        facts.bound();
        self.change(|ledger| ledger.put_host(facts));
    }

    /// Says that there is something new.
    pub(crate) fn announce(&self) {
        self.fresh.notify_one();
    }

    pub(crate) fn put_process(&self, id: &str, process: Option<Process>) {
        match process {
            Some(process) => lock(&self.processes).insert(id.to_owned(), process),
            None => lock(&self.processes).remove(id),
        };
    }

    pub(crate) fn keep_processes(&self, ids: &[String]) {
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        lock(&self.processes).retain(|id, _| ids.contains(id.as_str()));
    }

    pub(crate) fn processes(&self) -> BTreeMap<String, Process> {
        lock(&self.processes).clone()
    }

    /// File systems to measure, and where the engine's are.
    pub(crate) fn host_facts(&self) -> HostFacts {
        self.look(|ledger| ledger.host().cloned()).unwrap_or_default()
    }

    pub(crate) fn strain(&self, strained: bool) {
        self.strained.store(strained, Relaxed);
    }

    /// Looks at the engine wait: the host or the agent is under pressure.
    pub fn is_strained(&self) -> bool {
        self.strained.load(Relaxed)
    }

    pub(crate) fn put_off(&self) {
        self.put_off.fetch_add(1, Relaxed);
    }

    /// Looks that were put off since the start.
    pub fn times_put_off(&self) -> u64 {
        self.put_off.load(Relaxed)
    }

    pub(crate) fn measured(&self, sample: UsageSample) {
        self.sample.send_replace(Some(Arc::new(sample)));
    }

    /// The newest sample, and those to come.
    pub fn samples(&self) -> watch::Receiver<Option<Arc<UsageSample>>> {
        self.sample.subscribe()
    }

    /// Waits for something new.
    pub async fn fresh(&self) {
        self.fresh.notified().await;
    }

    /// What came after a change; as much of it as one message takes.
    pub fn since(&self, base: u64) -> Delta {
        self.look(|ledger| ledger.since(base, INVENTORY_BYTES))
    }

    /// Number of the newest change; 0 while nothing is known.
    pub fn sequence(&self) -> u64 {
        self.look(Ledger::sequence)
    }

    /// The number of the change that a controller acknowledged last; 0 for none.
    pub fn known(&self) -> u64 {
        self.known.load(Relaxed)
    }

    /// A controller has acknowledged up to here.
    pub fn acknowledged(&self, sequence: u64) {
        self.known.store(sequence, Relaxed);
    }
}
