//! Clients that put thresholds of their own, all the time, at whichever controller answers, and remember which of them were
//! acknowledged.

use super::Site;
use anyhow::Context;
use reqwest::{Certificate, Client};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, task::JoinHandle};
use wharden_harness::{Controller, admin::small_change};

/// Clients.
const CLIENTS: usize = 4;
/// Between two writes of one client: the others of this machine want to work too.
const PAUSE: Duration = Duration::from_millis(15);
/// How long a client waits before it asks another controller.
const PATIENCE: Duration = Duration::from_secs(2);

/// Thresholds that were acknowledged.
#[derive(Clone, Debug)]
pub struct Write {
    /// The hosts that they are for, which no other thresholds are.
    pub selector: String,
    begun: Instant,
    acknowledged: Instant,
}

struct Shared {
    urls: Vec<String>,
    bearer: Mutex<String>,
    is_over: AtomicBool,
    acknowledged: Mutex<Vec<Write>>,
    refused: Mutex<Vec<String>>,
}

/// The clients, while they work.
pub struct Load {
    runtime: Runtime,
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts them.
    ///
    /// # Errors
    /// When there is no certificate to believe.
    pub fn start(site: &Site) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let pem = std::fs::read(site.cluster.controllers[0].ca_file()).context("the CA")?;
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(&pem)?])
            .no_proxy()
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            .build()?;
        let shared = Arc::new(Shared {
            urls: site.cluster.controllers.iter().map(Controller::url).collect(),
            bearer: Mutex::new(site.cluster.admin.rest().bearer().unwrap_or_default()),
            is_over: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            refused: Mutex::default(),
        });
        let clients =
            (0..CLIENTS).map(|number| runtime.spawn(Arc::clone(&shared).write(client.clone(), number))).collect();
        Ok(Self { runtime, shared, clients })
    }

    /// A fresh second factor for all of them. All controllers must be there.
    pub fn log_in(&self, site: &mut Site) {
        site.cluster.admin.login();
        *lock(&self.shared.bearer) = site.cluster.admin.rest().bearer().unwrap_or_default();
    }

    /// Waits for a write that was begun after a moment, and says how long after that it was acknowledged.
    ///
    /// # Panics
    /// When there is none for long.
    pub fn next_after(&self, moment: Instant) -> Duration {
        let write = wharden_harness::eventually("a write is acknowledged again", Duration::from_secs(60), || {
            let acknowledged = lock(&self.shared.acknowledged);
            let newer = acknowledged.iter().rev().take_while(|write| write.acknowledged > moment);
            newer.filter(|write| write.begun > moment).last().cloned()
        });
        write.acknowledged - moment
    }

    /// How many were acknowledged.
    pub fn count(&self) -> usize {
        lock(&self.shared.acknowledged).len()
    }

    /// Ends; everything that was acknowledged.
    ///
    /// # Errors
    /// When a write was refused that must not be.
    pub fn stop(self) -> anyhow::Result<Vec<Write>> {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            self.runtime.block_on(client)?;
        }
        let refused = lock(&self.shared.refused);
        anyhow::ensure!(refused.is_empty(), "writes were refused: {:?}", refused.iter().take(5).collect::<Vec<_>>());
        Ok(lock(&self.shared.acknowledged).clone())
    }
}

impl Shared {
    async fn write(self: Arc<Self>, client: Client, number: usize) {
        let mut at = number % self.urls.len();
        let mut count = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            count += 1;
            let value = format!("{number}-{count}");
            let body = small_change(&value).to_string();
            let selector = format!("made={value}");
            // What got no answer may have happened; the same again changes nothing then.
            loop {
                let begun = Instant::now();
                let url = format!("{}/v1/capacity/thresholds/client-{number}", self.urls[at]);
                let request = client.put(&url).bearer_auth(&*lock(&self.bearer));
                let sent = request.header("content-type", "application/json").body(body.clone()).send().await;
                match sent.map(|response| response.status().as_u16()) {
                    Ok(200) => {
                        let write = Write { selector, begun, acknowledged: Instant::now() };
                        lock(&self.acknowledged).push(write);
                        break;
                    }
                    Ok(status) if status < 500 => {
                        lock(&self.refused).push(format!("{status} for {selector}"));
                        return;
                    }
                    _ => at = (at + 1) % self.urls.len(),
                }
                if self.is_over.load(Ordering::SeqCst) {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
