//! Clients: they ask any controller, ask again under the same id when they hear nothing, and write down what they hear.

use super::{
    chance::Chance,
    message::{Ask, Party, Told},
    node::Flaw,
    wire::Wire,
    workload::{ACCOUNTS, POLICIES, TOKENS, USERS, outcome, request},
};
use crate::{
    history::{Call, History, Key, Outcome},
    limits::{PATIENCE, TRIES},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};
use wharden_model::RequestId;

/// What all of them share.
pub struct Outside {
    pub wire: Wire,
    pub history: Mutex<History>,
    /// Controllers that one may ask.
    pub known: Mutex<Vec<u64>>,
    /// Nothing new is asked any more.
    pub over: AtomicBool,
    pub begin: Instant,
    pub flaw: Flaw,
    /// Controllers that have joined and are to be started.
    pub joined: Mutex<Vec<u64>>,
    numbers: AtomicU64,
}

impl Outside {
    pub fn new(wire: Wire, begin: Instant, flaw: Flaw) -> Self {
        Self {
            wire,
            history: Mutex::default(),
            known: Mutex::default(),
            over: AtomicBool::new(false),
            begin,
            flaw,
            joined: Mutex::default(),
            numbers: AtomicU64::new(1),
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// A number that nothing else has.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::SeqCst)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub fn somebody(&self, chance: &mut Chance) -> u64 {
        chance.pick(&self.known.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or(1)
    }

    /// Asks one controller once.
    pub async fn ask_once(&self, client: u64, to: u64, ask: Ask) -> Option<Told> {
        timeout(PATIENCE, self.wire.ask(Party::Client(client), to, ask)).await.ok()?.ok()
    }

    /// Asks until there is an answer, or patience ends; writes it down. `at` asks this controller only.
    pub async fn ask(
        &self,
        client: u64,
        at: Option<u64>,
        key: Key,
        call: Call,
        chance: &mut Chance,
    ) -> Option<Outcome> {
        let first = self.request();
        let place = self.history().ask(client, key, call, first.as_str(), self.now());
        for attempt in 0..TRIES {
            let to = at.unwrap_or_else(|| self.somebody(chance));
            let again = attempt > 0 && self.flaw == Flaw::ForgottenRequests;
            let id = if again { self.request() } else { first.clone() };
            let heard = match self.ask_once(client, to, Ask::of(id, key, &call)).await {
                Some(Told::Wrote(reply)) => Some(outcome(key, &reply)),
                Some(Told::Seen(outcome)) => Some(outcome),
                _ => None,
            };
            if let Some(outcome) = heard {
                self.history().hear(place, outcome, self.now());
                return Some(outcome);
            }
            sleep(Duration::from_millis(chance.within(10..200))).await;
        }
        None
    }

    fn request(&self) -> RequestId {
        request(self.number())
    }

    pub fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for this and that until it is over.
pub async fn client(outside: Arc<Outside>, number: u64, mut chance: Chance) {
    // The versions of policies that it has seen.
    let mut versions: BTreeMap<Key, u64> = BTreeMap::new();
    while !outside.is_over() {
        let (key, call) = draw(&outside, &versions, &mut chance);
        match outside.ask(number, None, key, call, &mut chance).await {
            Some(Outcome::Seen(held)) => {
                versions.insert(key, held.at);
            }
            Some(Outcome::Version(version) | Outcome::Moved(version)) => {
                versions.insert(key, version);
            }
            _ => {}
        }
        sleep(Duration::from_millis(chance.within(0..150))).await;
    }
}

fn draw(outside: &Outside, versions: &BTreeMap<Key, u64>, chance: &mut Chance) -> (Key, Call) {
    let key = match chance.within(0..10) {
        0..4 => Key::Policy(chance.within(0..POLICIES)),
        4..6 => Key::User(chance.within(0..USERS)),
        6..8 => Key::Token(chance.within(0..TOKENS)),
        _ => Key::Account(chance.within(0..ACCOUNTS)),
    };
    if chance.in_thousand(400) {
        return (key, Call::Read);
    }
    let call = match key {
        Key::Policy(_) => {
            let if_version = versions.get(&key).copied().filter(|_| chance.in_thousand(400));
            Call::Put { value: outside.number(), if_version }
        }
        Key::User(_) if chance.in_thousand(500) => Call::Create,
        Key::User(_) => Call::Delete,
        Key::Token(_) => Call::Enrol { host: outside.number() },
        // Several clients have the same code at the same time.
        Key::Account(_) => Call::Login { step: 1 + outside.now() / 1500, session: outside.number() },
    };
    (key, call)
}
