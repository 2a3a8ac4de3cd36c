//! The network by seed: messages are late, overtake each other, come twice or not at all; links are cut, one way too.

use super::{
    chance::Chance,
    message::{Ask, Party, Told},
};
use crate::limits::{DELAY_MS, TICK_MS};
use futures::future::BoxFuture;
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};
use wharden_controller::peers::{CallError, Reply, Request, Transport};

/// How bad it is, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    pub lost: u64,
    pub doubled: u64,
    /// Messages that take up to two seconds.
    pub late: u64,
}

/// A question that has arrived.
pub struct Asked {
    pub id: u64,
    pub from: Party,
    pub to: u64,
    pub ask: Ask,
}

enum Flight {
    Ask(Asked),
    Told { id: u64, from: u64, to: Party, told: Box<Told> },
}

#[derive(Clone)]
pub struct Wire(Arc<Mutex<Air>>);

struct Air {
    now: u64,
    chance: Chance,
    weather: Weather,
    /// From whom to whom nothing passes.
    cut: BTreeSet<(u64, u64)>,
    /// By the moment at which it arrives, and a number.
    flights: BTreeMap<(u64, u64), Flight>,
    /// Who waits for the answer to which question.
    waiting: BTreeMap<u64, oneshot::Sender<Told>>,
    sent: u64,
    /// All that ever arrived, so that two runs can be compared.
    trace: DefaultHasher,
}

impl Wire {
    pub fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(Air {
            now: 0,
            chance,
            weather: Weather::default(),
            cut: BTreeSet::new(),
            flights: BTreeMap::new(),
            waiting: BTreeMap::new(),
            sent: 0,
            trace: DefaultHasher::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Air> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a question; the answer comes here, if it comes.
    pub fn ask(&self, from: Party, to: u64, ask: Ask) -> oneshot::Receiver<Told> {
        let mut air = self.lock();
        let (answer, is_answered) = oneshot::channel();
        let id = air.number();
        air.waiting.insert(id, answer);
        let doubled = air.weather.doubled;
        if air.chance.in_thousand(doubled) {
            let again = Asked { id, from, to, ask: ask.clone() };
            air.send(Flight::Ask(again));
        }
        air.send(Flight::Ask(Asked { id, from, to, ask }));
        is_answered
    }

    /// Sends an answer.
    pub fn tell(&self, id: u64, from: u64, to: Party, told: Told) {
        self.lock().send(Flight::Told { id, from, to, told: Box::new(told) });
    }

    /// Hands over what arrives in the turn that begins now: answers to those who wait, questions to the caller.
    pub fn arrive(&self, now: u64) -> Vec<Asked> {
        let mut air = self.lock();
        air.now = now;
        let later = air.flights.split_off(&(now + TICK_MS, 0));
        let arrived = std::mem::replace(&mut air.flights, later);
        let mut asked = Vec::new();
        for (when, flight) in arrived {
            if !air.passes(&flight) {
                continue;
            }
            when.hash(&mut air.trace);
            match flight {
                Flight::Ask(question) => asked.push(question),
                Flight::Told { id, told, .. } => {
                    if let Some(waiting) = air.waiting.remove(&id) {
                        // Whoever asked may have been killed meanwhile.
                        drop(waiting.send(*told));
                    }
                }
            }
        }
        asked
    }

    pub fn weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Nothing passes from the one to the other any more.
    pub fn cut(&self, links: impl IntoIterator<Item = (u64, u64)>) {
        self.lock().cut.extend(links);
    }

    pub fn heal(&self) {
        self.lock().cut.clear();
    }

    /// The same number for two runs in which the same happened.
    pub fn trace(&self) -> u64 {
        self.lock().trace.finish()
    }

    pub fn sent(&self) -> u64 {
        self.lock().sent
    }
}

impl Air {
    fn number(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    fn passes(&self, flight: &Flight) -> bool {
        let ends = match flight {
            Flight::Ask(Asked { from, to, .. }) => from.node().map(|from| (from, *to)),
            Flight::Told { from, to, .. } => to.node().map(|to| (*from, to)),
        };
        ends.is_none_or(|ends| !self.cut.contains(&ends))
    }

    fn send(&mut self, flight: Flight) {
        let Weather { lost, late, .. } = self.weather;
        if self.chance.in_thousand(lost) || !self.passes(&flight) {
            return;
        }
        let longest = if self.chance.in_thousand(late) { 2000 } else { DELAY_MS };
        // Not in this turn: who has had his could not hear it.
        let at = self.now + TICK_MS + self.chance.within(0..longest);
        let number = self.number();
        self.flights.insert((at, number), flight);
    }
}

/// A controller's way to the others.
pub struct Link {
    pub wire: Wire,
    pub own: u64,
    /// Set when another one says that this controller was removed.
    pub removed: Arc<AtomicBool>,
}

impl Transport for Link {
    fn call(&self, to: u64, request: Request, limit: Duration) -> BoxFuture<'_, Result<Reply, CallError>> {
        let answer = self.wire.ask(Party::Node(self.own), to, Ask::Peer(Box::new(request)));
        Box::pin(async move {
            match timeout(limit, answer).await {
                Ok(Ok(Told::Peer(Reply::Removed))) => {
                    self.removed.store(true, Ordering::SeqCst);
                    Err(CallError::Removed { number: self.own })
                }
                Ok(Ok(Told::Peer(reply))) => Ok(reply),
                Ok(Ok(Told::Down)) => Err(CallError::Unreachable { to, why: "nobody listens".to_owned() }),
                Ok(Ok(Told::Stranger)) => Err(CallError::Refused("not known".to_owned())),
                Ok(_) | Err(_) => Err(CallError::Lost { to, why: "no answer".to_owned() }),
            }
        })
    }
}
