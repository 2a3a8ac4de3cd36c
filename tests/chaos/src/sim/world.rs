//! The whole: controllers, network and clients, turn by turn.

use super::{
    chance::Chance,
    clients::{Outside, client},
    faults::{Done, Faults},
    ledger::Ledger,
    node::{Flaw, Node},
    operator::Operator,
    time::Time,
    wire::{Asked, Weather, Wire},
    workload::beginning,
};
use crate::limits::{CLIENTS, FAULTS_MS, RECOVERY_MS, TICK_MS};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};
use wharden_state::Actor;

/// Turns between two looks at who leads and who has ended.
const LOOK_EVERY: u64 = 5;

pub struct World {
    pub now: u64,
    pub wire: Wire,
    pub ledger: Ledger,
    pub done: Done,
    pub nodes: BTreeMap<u64, Node>,
    pub outside: Arc<Outside>,
    /// Questions that wait for a controller that is paused.
    waiting: Vec<Asked>,
    clients: Runtime,
    /// How far the clients' time has come.
    clients_reached: Duration,
    time: Time,
    chance: Chance,
    seed: u64,
    flaw: Flaw,
}

impl World {
    /// One controller, founded.
    ///
    /// # Errors
    /// When there is no clock of its own, or nothing starts.
    pub fn begin(seed: u64, flaw: Flaw) -> anyhow::Result<Self> {
        let time = Time::begin()?;
        let clients = Builder::new_current_thread().enable_time().build()?;
        let wire = Wire::new(Chance::new(seed, "wire"));
        let outside = Arc::new(Outside::new(wire.clone(), time.at(0), flaw));
        let mut world = Self {
            now: 0,
            wire,
            ledger: Ledger::default(),
            done: Done::default(),
            nodes: BTreeMap::new(),
            outside,
            waiting: Vec::new(),
            clients,
            clients_reached: Duration::ZERO,
            time,
            chance: Chance::new(seed, "turns"),
            seed,
            flaw,
        };
        world.add(1)?;
        let found = world.nodes.get(&1).map_or(Ok(()), Node::found);
        found.map_err(anyhow::Error::msg)?;
        Ok(world)
    }

    fn add(&mut self, number: u64) -> anyhow::Result<()> {
        let mut node = Node::new(number, self.seed, self.flaw);
        self.time.set(self.now)?;
        node.start(&self.wire, &self.ledger, self.flaw).map_err(anyhow::Error::msg)?;
        self.nodes.insert(number, node);
        self.know();
        Ok(())
    }

    /// Clients know those that are not out.
    fn know(&self) {
        let known = self.nodes.values().filter(|node| !node.is_out).map(|node| node.number).collect();
        *self.outside.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    pub fn node(&mut self, number: u64, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(&number) {
            change(node);
        }
    }

    /// All that were not removed.
    pub fn all(&self) -> Vec<u64> {
        self.nodes.values().filter(|node| !node.is_out).map(|node| node.number).collect()
    }

    /// Those whose process runs.
    pub fn up(&self) -> Vec<u64> {
        self.nodes.values().filter(|node| node.is_up()).map(|node| node.number).collect()
    }

    /// The one that leads in the newest term.
    pub fn leader(&self) -> Option<u64> {
        let leads = |node: &Node| Some((node.leads_in()?, node.number));
        self.nodes.values().filter_map(leads).max().map(|(_, number)| number)
    }

    pub fn crash(&mut self, number: u64, until: u64) {
        let lost = self.nodes.get_mut(&number).map_or(0, |node| {
            node.down_until = until;
            node.paused_until = 0;
            node.crash()
        });
        self.waiting.retain(|asked| asked.to != number);
        self.done.crashes += 1;
        self.done.lost_unsynced += lost as u64;
    }

    /// One turn of everybody.
    ///
    /// # Errors
    /// When the clock cannot be set.
    pub fn turn(&mut self) -> anyhow::Result<()> {
        let (now, end) = (self.now, self.now + TICK_MS);
        let arrived = self.wire.arrive(now);
        for asked in std::mem::take(&mut self.waiting).into_iter().chain(arrived) {
            match self.nodes.get(&asked.to) {
                Some(node) if node.paused_until > now => self.waiting.push(asked),
                Some(node) => node.receive(&self.wire, asked),
                None => {}
            }
        }
        self.time.resume(now, self.clients_reached)?;
        self.clients.block_on(async { tokio::time::sleep_until(self.time.at(end)).await });
        self.clients_reached = self.time.now();
        let mut order = self.up();
        self.chance.shuffle(&mut order);
        for number in order {
            if let Some(node) = self.nodes.get_mut(&number).filter(|node| node.paused_until <= now) {
                node.run(&self.time, now, end)?;
            }
        }
        self.now = end;
        for node in self.nodes.values() {
            node.clock.advance(TICK_MS);
        }
        if (end / TICK_MS).is_multiple_of(LOOK_EVERY) {
            self.look();
            self.ended();
        }
        self.begin_processes()
    }

    fn look(&self) {
        for node in self.nodes.values() {
            if let Some(term) = node.leads_in() {
                self.ledger.leads(node.number, term, node.lives);
            }
        }
    }

    /// Processes that end by themselves.
    fn ended(&mut self) {
        for number in self.up() {
            let Some(node) = self.nodes.get_mut(&number) else { continue };
            if node.was_removed() {
                node.is_out = true;
                node.crash();
                self.know();
            } else if let Some(why) = node.raft().and_then(|raft| raft.metrics().running_state.err()) {
                // A disk that fails ends a process, nothing else does.
                let why = why.to_string();
                if !why.contains("the simulated disk failed") {
                    self.ledger.wrong(format!("controller {number} stopped by itself: {why}"));
                }
                self.crash(number, self.now + 500);
            }
        }
    }

    /// Processes that are new, or start again.
    fn begin_processes(&mut self) -> anyhow::Result<()> {
        let joined = std::mem::take(&mut *self.outside.joined.lock().unwrap_or_else(PoisonError::into_inner));
        for number in joined {
            self.add(number)?;
        }
        let now = self.now;
        let due = |node: &&mut Node| !node.is_up() && !node.is_out && node.down_until <= now;
        for node in self.nodes.values_mut().filter(due) {
            self.time.set(now)?;
            if let Err(why) = node.start(&self.wire, &self.ledger, self.flaw) {
                self.ledger.wrong(format!("controller {} does not start: {why}", node.number));
                node.is_out = true;
            }
        }
        Ok(())
    }

    /// Turns until something is so; false when it never is.
    ///
    /// # Errors
    /// When the clock cannot be set.
    pub fn until(&mut self, longest: u64, is_so: impl Fn(&Self) -> bool) -> anyhow::Result<bool> {
        let end = self.now + longest;
        while self.now < end {
            self.turn()?;
            if (self.now / TICK_MS).is_multiple_of(LOOK_EVERY) && is_so(self) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Three voters, and the things that clients ask of.
    ///
    /// # Errors
    /// When they do not come about.
    pub fn set_up(&mut self) -> anyhow::Result<()> {
        let raft = self.nodes.get(&1).and_then(Node::raft).cloned();
        let raft = raft.ok_or_else(|| anyhow::anyhow!("the first controller does not run"))?;
        let beginning = self.clients.spawn(async move {
            for command in beginning() {
                raft.propose(Actor::System, command).await.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(())
        });
        anyhow::ensure!(self.until(RECOVERY_MS, |_| beginning.is_finished())?, "the cluster is not founded");
        self.clients.block_on(beginning)?.map_err(anyhow::Error::msg)?;
        let chance = Chance::new(self.seed, "growing");
        let mut operator = Operator { outside: Arc::clone(&self.outside), chance };
        let grown = self.clients.spawn(async move { operator.grow(3).await });
        anyhow::ensure!(self.until(RECOVERY_MS, |_| grown.is_finished())?, "three controllers are not one cluster");
        Ok(())
    }

    /// Clients ask, and things go wrong.
    ///
    /// # Errors
    /// When the clock cannot be set.
    pub fn live(&mut self) -> anyhow::Result<Vec<JoinHandle<()>>> {
        let mut tasks = Vec::new();
        for number in 1..=CLIENTS {
            let chance = Chance::new(self.seed, ("client", number));
            tasks.push(self.clients.spawn(client(Arc::clone(&self.outside), number, chance)));
        }
        let operator = Operator { outside: Arc::clone(&self.outside), chance: Chance::new(self.seed, "operator") };
        tasks.push(self.clients.spawn(operator.work()));
        let end = self.now + FAULTS_MS;
        let mut faults = Faults::new(Chance::new(self.seed, "faults"), self.now + 300);
        while self.now < end {
            faults.step(self);
            self.turn()?;
        }
        self.outside.over.store(true, Ordering::SeqCst);
        Ok(tasks)
    }

    /// All is well again.
    pub fn heal(&mut self) {
        self.wire.heal();
        self.wire.weather(Weather::default());
        for node in self.nodes.values_mut() {
            node.disk.slow(false);
            node.paused_until = 0;
            node.down_until = 0;
        }
    }

    /// Runs something of the clients'.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.clients.spawn(task)
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }
}
