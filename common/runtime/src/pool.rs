//! Threads of their own for work that comes in crowds: whatever is few and must be quick does not wait behind it.

use std::{future::Future, io};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// As many threads as there are processors, with timers and sockets of their own. What is started within runs there too.
/// Dropping it drops all that still runs on it.
pub struct Pool(Option<Runtime>);

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(name: &str) -> io::Result<Self> {
        Builder::new_multi_thread().enable_all().thread_name(name).build().map(|runtime| Self(Some(runtime)))
    }

    /// Runs something here, until the handle is dropped.
    ///
    /// # Panics
    /// Never: the threads are there until `self` is dropped.
    pub fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> AbortOnDropHandle<T> {
        let runtime = self.0.as_ref().expect("until it is dropped");
        AbortOnDropHandle::new(runtime.spawn(task))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // May be called where nothing may block.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread};

    /// The threads of the test's own runtime are busy, and yet.
    #[tokio::test]
    async fn what_runs_on_a_pool_waits_for_nobody_else() {
        let pool = Pool::start("a-pool").expect("threads");
        let (done, came) = mpsc::channel();
        let running = pool.run(async move {
            let within = tokio::spawn(async { thread::current().name().map(str::to_owned) });
            done.send(within.await.expect("it runs")).expect("somebody waits");
        });
        // Blocks the only thread here.
        assert_eq!(came.recv().expect("it was done").as_deref(), Some("a-pool"));
        running.await.expect("done");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_ends() {
        let pool = Pool::start("a-pool").expect("threads");
        let (held, gone) = tokio::sync::oneshot::channel::<()>();
        drop(pool.run(async move {
            let _held = held;
            std::future::pending::<()>().await;
        }));
        gone.await.expect_err("it was dropped");
    }
}
