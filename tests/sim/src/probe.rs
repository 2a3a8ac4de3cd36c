//! Somebody who reads and writes over REST all the time, to see whether others have to wait.

use crate::limits::PROBE;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use wharden_harness::{Rest, admin::small_change, rest::Method};

/// Asks until it is dropped.
pub struct Probe {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    slowest_us: AtomicU64,
    failed: AtomicU64,
    asked: AtomicU64,
    /// One for each controller, and which is used. Locked while somebody waits for an answer.
    clients: Mutex<(Vec<Rest>, usize)>,
}

impl Probe {
    /// Begins; one client for each controller.
    pub fn start(clients: Vec<Rest>) -> Self {
        let shared = Arc::new(Shared { clients: Mutex::new((clients, 0)), ..Shared::default() });
        let task = Arc::clone(&shared);
        let thread = thread::spawn(move || ask(&task));
        Self { shared, thread: Some(thread) }
    }

    /// Asks at this controller from now on: the others do not run.
    pub fn move_to(&self, controller: usize) {
        self.shared.clients.lock().unwrap_or_else(PoisonError::into_inner).1 = controller;
    }

    /// Asks with a newer session from now on.
    pub fn renew(&self, clients: Vec<Rest>) {
        self.shared.clients.lock().unwrap_or_else(PoisonError::into_inner).0 = clients;
    }

    /// Asks nothing for as long as this is held.
    pub fn hush(&self) -> MutexGuard<'_, impl Sized> {
        self.shared.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The longest wait in milliseconds, and how many failed.
    pub fn seen(&self) -> (f64, u64) {
        (self.shared.slowest_us.load(Relaxed) as f64 / 1000.0, self.shared.failed.load(Relaxed))
    }

    /// Requests so far.
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Relaxed)
    }
}

fn ask(shared: &Shared) {
    let mut writes = false;
    while !shared.stop.load(Relaxed) {
        let clients = shared.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = &clients.0[clients.1];
        let begun = Instant::now();
        let answer = if writes {
            let rule = small_change("probe");
            client.try_send(&Method::PUT, "/v1/capacity/thresholds/probe", Some(rule.to_string().into_bytes()))
        } else {
            client.try_send(&Method::GET, "/v1/policies/sim-0000", None)
        };
        let took = begun.elapsed();
        drop(clients);
        shared.slowest_us.fetch_max(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
        // A session whose second factor is old is refused, which is an answer.
        if answer.is_err() || answer.is_ok_and(|answer| answer.status >= 500) {
            shared.failed.fetch_add(1, Relaxed);
        }
        shared.asked.fetch_add(1, Relaxed);
        writes = !writes;
        thread::sleep(PROBE.saturating_sub(took).max(Duration::from_millis(1)));
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
