//! Stopping a process: one signal that everyone hears, and an owner for every task.
//!
//! ```text
//! running ── SIGTERM, SIGINT or stop() ──▶ stopping ── all tasks ended ──▶ done
//!                                              └───── grace over ───────▶ Unfinished(names)
//! ```

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{signal::unix, task::JoinHandle};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::TaskTracker,
};

/// Tasks that had not ended when the grace was over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("still running when the time to stop was over: {}", .0.join(", "))]
pub struct Unfinished(pub Vec<&'static str>);

/// Shared by every part of a process. Clones are the same shutdown.
#[derive(Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tracker: TaskTracker,
    names: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Shutdown {
    /// One that only [`Shutdown::stop`] triggers.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that SIGTERM and SIGINT trigger too. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses to install a handler.
    pub fn on_signals() -> std::io::Result<Self> {
        let shutdown = Self::new();
        let mut terminate = unix::signal(unix::SignalKind::terminate())?;
        let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
        let stop = shutdown.clone();
        shutdown.spawn("signals", async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                () = stop.stopped() => return,
            };
            tracing::info!(signal = name, "stopping");
            stop.stop();
        });
        Ok(shutdown)
    }

    /// Tells everyone to stop. Returns at once.
    pub fn stop(&self) {
        self.token.cancel();
    }

    /// True once a stop was asked for.
    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Ends when a stop is asked for. Owns what it needs, so that it can move into a server's graceful shutdown.
    pub fn stopped(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    /// A token that is cancelled with this shutdown and can be cancelled alone, e.g. for one connection.
    pub fn child(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// Starts a task that this shutdown owns. The task itself must heed [`Shutdown::stopped`].
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let entry = Entry::new(name, Arc::clone(&self.names));
        self.tracker.spawn(async move {
            let _entry = entry;
            task.await
        })
    }

    /// Starts a task that is dropped, wherever it waits, when a stop is asked for.
    pub fn spawn_until_stopped(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        drop(self.spawn(name, async move {
            token.run_until_cancelled(task).await;
        }));
    }

    /// Asks to stop and waits until every task has ended.
    ///
    /// # Errors
    /// [`Unfinished`] with the names of those that did not end within `grace`.
    pub async fn finish(&self, grace: Duration) -> Result<(), Unfinished> {
        self.stop();
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait()).await.is_ok() {
            return Ok(());
        }
        Err(Unfinished(self.names.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()))
    }
}

/// A running task in the list of names; leaves it when dropped, a panic included.
struct Entry {
    name: &'static str,
    names: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Entry {
    fn new(name: &'static str, names: Arc<Mutex<BTreeMap<&'static str, usize>>>) -> Self {
        *names.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert(0) += 1;
        Self { name, names }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match names.get_mut(self.name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                names.remove(self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_task_hears_the_stop_and_is_waited_for() {
        let shutdown = Shutdown::new();
        let inner = shutdown.clone();
        let task = shutdown.spawn("worker", async move {
            inner.stopped().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            7
        });
        shutdown.spawn_until_stopped("forever", std::future::pending());
        assert!(!shutdown.is_stopping());
        shutdown.finish(Duration::from_secs(5)).await.expect("all end");
        assert_eq!(task.await.expect("joined"), 7);
    }

    #[tokio::test]
    async fn tasks_that_do_not_end_are_named() {
        let shutdown = Shutdown::new();
        drop(shutdown.spawn("stuck", std::future::pending::<()>()));
        drop(shutdown.spawn("stuck", std::future::pending::<()>()));
        drop(shutdown.spawn("quick", async {}));
        let left = shutdown.finish(Duration::from_millis(50)).await.expect_err("stuck");
        assert_eq!(left, Unfinished(vec!["stuck"]));
    }

    #[tokio::test]
    async fn a_child_stops_alone_but_not_the_other_way_round() {
        let shutdown = Shutdown::new();
        let (one, two) = (shutdown.child(), shutdown.child());
        one.cancel();
        assert!(!shutdown.is_stopping() && !two.is_cancelled());
        shutdown.stop();
        assert!(two.is_cancelled());
    }
}
