//! What must hold at each step, whatever happens: written down as controllers say it, compared as soon as two say something
//! about the same place of the log.

use crate::limits::COMPARED_WHOLE_EVERY;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use wharden_controller::raft::Outlet;
use wharden_state::State;
use wharden_store::{Published, Sink};

#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    /// What a state says in short, by the log entry that it reaches to.
    marks: BTreeMap<u64, (u64, Mark)>,
    /// The whole state, as its SHA-256.
    wholes: BTreeMap<u64, (u64, Vec<u8>)>,
    /// Who led in a term, and in which life of its process. openraft 0.9 orders leaders by term and number: one with a higher
    /// number may take over in the same term, and whoever gave the first one its vote counts that as a later one.
    leaders: BTreeMap<(u64, u64), u64>,
    snapshots_installed: u64,
    compared: u64,
    wrong: Vec<String>,
}

/// The head of the audit follows from every command that was ever applied; the rest shows what it would not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    audit: String,
    records: u64,
    revision: u64,
    users: usize,
    hosts: usize,
    sessions: usize,
    controllers: u64,
}

impl Mark {
    fn of(state: &State) -> Self {
        Self {
            audit: state.audit.head().to_string(),
            records: state.audit.last_seq(),
            revision: state.policy_revision,
            users: state.users.len(),
            hosts: state.hosts.len(),
            sessions: state.sessions.len(),
            controllers: state.controllers.last_number,
        }
    }
}

/// The SHA-256 of a state's bytes.
fn digest(state: &State) -> Vec<u8> {
    state.to_bytes().map(|bytes| Sha256::digest(&bytes).to_vec()).unwrap_or_default()
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that must never be. Told once, however often it is seen.
    pub fn wrong(&self, what: String) {
        let mut book = self.lock();
        if book.wrong.len() < 20 && !book.wrong.contains(&what) {
            book.wrong.push(what);
        }
    }

    pub fn found(&self) -> Vec<String> {
        self.lock().wrong.clone()
    }

    /// This controller leads in this term, in this life of its process.
    pub fn leads(&self, node: u64, term: u64, life: u64) {
        let led = *self.lock().leaders.entry((term, node)).or_insert(life);
        if led != life {
            self.wrong(format!("controller {node} was started again and leads on in term {term}"));
        }
    }

    /// Terms with a leader, snapshots that were installed, states that were compared.
    pub fn counts(&self) -> (usize, u64, u64) {
        let book = self.lock();
        (book.leaders.len(), book.snapshots_installed, book.compared)
    }

    fn see(&self, node: u64, applied: u64, published: &Published) {
        let mark = Mark::of(&published.state);
        let mut wrong = Vec::new();
        let mut book = self.lock();
        let (other, known) = book.marks.entry(applied).or_insert_with(|| (node, mark.clone())).clone();
        if known != mark {
            wrong.push(format!("at entry {applied} controller {other} has {known:?}, controller {node} has {mark:?}"));
        }
        book.compared += 1;
        if published.whole || applied.is_multiple_of(COMPARED_WHOLE_EVERY) {
            let whole = digest(&published.state);
            let (other, known) = book.wholes.entry(applied).or_insert_with(|| (node, whole.clone()));
            if *known != whole {
                wrong.push(format!("at entry {applied} the states of controllers {other} and {node} differ"));
            }
        }
        drop(book);
        wrong.into_iter().for_each(|what| self.wrong(what));
    }
}

/// Hands every new state of a controller to the ledger, then to those who wait for it.
pub struct Watched {
    pub node: u64,
    pub ledger: Ledger,
    pub outlet: Outlet,
    pub reached: Mutex<u64>,
}

impl Sink for Watched {
    fn publish(&self, published: Published) {
        let applied = published.applied.unwrap_or(0);
        let before = std::mem::replace(&mut *self.reached.lock().unwrap_or_else(PoisonError::into_inner), applied);
        if applied < before {
            self.ledger.wrong(format!("controller {} went back from entry {before} to {applied}", self.node));
        }
        if published.applied.is_some() {
            self.ledger.see(self.node, applied, &published);
        }
        if published.whole && before > 0 {
            self.ledger.lock().snapshots_installed += 1;
        }
        self.outlet.publish(published);
    }
}
