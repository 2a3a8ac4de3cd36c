//! The one thread that writes, or in a simulation the one task. Changes happen in the order in which they were asked for;
//! jobs that wait together share one barrier. After the first error nothing is written any more, and every job gets that
//! error.

use crate::{
    backend::{Backend, Op},
    error::WriteError,
    limits::{GROUP_MAX, WRITER_QUEUE},
    simulated::Latency,
};
use std::{
    io, mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

struct Job {
    ops: Vec<Op>,
    /// Hears when they are durable; nobody asks when that may wait for the next barrier.
    durable: Option<Heard>,
}

pub(crate) type Outcome = Result<(), WriteError>;

/// Hears what became of a job, in the writer's thread: it must not block.
pub(crate) type Heard = Box<dyn FnOnce(Outcome) + Send>;

/// The sending side. Dropping it waits until the thread has finished what was asked.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
    /// Longest that a job may take.
    limit: Duration,
    /// The thread did not answer in time, and nobody waits for it any more.
    stuck: AtomicBool,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(backend: Arc<dyn Backend>, limit: Duration) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(WRITER_QUEUE);
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || run(&*backend, queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), limit, stuck: AtomicBool::new(false) })
    }

    /// The same as a task of the runtime that it is called in. Each barrier takes as long as `latency` says, after what it
    /// covers was written: a crash in between is one in the middle of a disk write.
    pub(crate) fn in_task(backend: Arc<dyn Backend>, limit: Duration, latency: Latency) -> Self {
        let (jobs, queue) = mpsc::channel(WRITER_QUEUE);
        // It ends with the queue, or with the runtime.
        drop(tokio::spawn(run_in_task(backend, queue, latency)));
        Self { jobs: Some(jobs), thread: None, limit, stuck: AtomicBool::new(false) }
    }

    /// Returns when the changes are in the queue. Whoever is given hears when they are durable; without one they are after
    /// the next barrier.
    pub(crate) async fn queue(&self, ops: Vec<Op>, durable: Option<Heard>) -> Outcome {
        self.within_limit(self.send(Job { ops, durable })).await
    }

    /// Returns when the changes are durable, and all that were asked for before.
    pub(crate) async fn write_durably(&self, ops: Vec<Op>) -> Outcome {
        let (durable, is_durable) = oneshot::channel();
        let heard = Box::new(move |outcome| {
            // Whoever asked may have been cancelled; what was written stays.
            let _ = durable.send(outcome);
        });
        self.within_limit(async {
            self.send(Job { ops, durable: Some(heard) }).await?;
            is_durable.await.map_err(|_| WriteError::Stopped)?
        })
        .await
    }

    async fn send(&self, job: Job) -> Outcome {
        let jobs = self.jobs.as_ref().ok_or(WriteError::Stopped)?;
        jobs.send(job).await.map_err(|_| WriteError::Stopped)
    }

    /// Sled 0.34 can wait for ever on a write that failed in one of its own threads.
    async fn within_limit(&self, work: impl Future<Output = Outcome>) -> Outcome {
        let stuck = WriteError::Stuck { seconds: self.limit.as_secs() };
        if self.stuck.load(Ordering::SeqCst) {
            return Err(stuck);
        }
        tokio::time::timeout(self.limit, work).await.unwrap_or_else(|_| {
            tracing::error!(error = %stuck, "nothing is written to the log any more");
            self.stuck.store(true, Ordering::SeqCst);
            Err(stuck)
        })
    }
}

impl Drop for Writer {
    /// Blocks for at most one barrier, so that whoever opens the folder next finds it released. A thread that is stuck is
    /// left behind; it holds the folder until the process ends.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && !self.stuck.load(Ordering::SeqCst)
            && thread.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

fn run(backend: &dyn Backend, mut queue: mpsc::Receiver<Job>) {
    let mut work = Work::new(backend);
    while let Some(job) = queue.blocking_recv() {
        work.write(job, &mut queue);
        work.confirm();
    }
}

async fn run_in_task(backend: Arc<dyn Backend>, mut queue: mpsc::Receiver<Job>, latency: Latency) {
    let mut work = Work::new(&*backend);
    while let Some(job) = queue.recv().await {
        work.write(job, &mut queue);
        tokio::time::sleep(latency()).await;
        work.confirm();
    }
}

/// What was written and waits for its barrier.
struct Work<'a> {
    backend: &'a dyn Backend,
    state: Outcome,
    waiting: Vec<Heard>,
}

impl<'a> Work<'a> {
    fn new(backend: &'a dyn Backend) -> Self {
        Self { backend, state: Ok(()), waiting: Vec::new() }
    }

    /// Writes this job and those that wait behind it.
    fn write(&mut self, job: Job, queue: &mut mpsc::Receiver<Job>) {
        self.take(job);
        while self.waiting.len() < GROUP_MAX
            && let Ok(job) = queue.try_recv()
        {
            self.take(job);
        }
    }

    fn take(&mut self, job: Job) {
        if self.state.is_ok() {
            self.state = apply(self.backend, job.ops).map_err(|error| WriteError::Write(error.0));
        }
        self.waiting.extend(job.durable);
    }

    /// Makes it durable and says so.
    fn confirm(&mut self) {
        if !self.waiting.is_empty() && self.state.is_ok() {
            self.state = self.backend.barrier().map_err(|error| WriteError::Barrier(error.0));
        }
        if let Err(error) = &self.state {
            tracing::error!(%error, "nothing is written to the log any more");
        }
        for durable in mem::take(&mut self.waiting) {
            durable(self.state.clone());
        }
    }
}

fn apply(backend: &dyn Backend, mut ops: Vec<Op>) -> Result<(), crate::backend::BackendError> {
    match ops.pop() {
        None => Ok(()),
        Some(Op::Put(key, value)) if ops.is_empty() => backend.put(&key, &value),
        Some(last) => {
            ops.push(last);
            backend.batch(ops)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{BackendError, Memory, Visitor};
    use std::sync::{Mutex, atomic::AtomicUsize};

    const LONG: Duration = Duration::from_secs(60);

    /// Counts barriers; fails the one with this number; each waits for the gate.
    #[derive(Default)]
    struct Slow {
        memory: Memory,
        gate: Mutex<()>,
        barriers: AtomicUsize,
        fail_at: Option<usize>,
    }

    impl Backend for Slow {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
            self.memory.get(key)
        }
        fn put(&self, key: &[u8], value: &[u8]) -> Result<(), BackendError> {
            self.memory.put(key, value)
        }
        fn batch(&self, ops: Vec<Op>) -> Result<(), BackendError> {
            self.memory.batch(ops)
        }
        fn range(&self, from: &[u8], to: &[u8], visit: &mut Visitor<'_>) -> Result<(), BackendError> {
            self.memory.range(from, to, visit)
        }
        fn barrier(&self) -> Result<(), BackendError> {
            drop(self.gate.lock().expect("gate"));
            let number = self.barriers.fetch_add(1, Ordering::SeqCst);
            if Some(number) == self.fail_at { Err(BackendError("no space left".into())) } else { Ok(()) }
        }
    }

    /// Closes the gate until the answer is dropped.
    fn hold(backend: &Arc<Slow>) -> std::sync::mpsc::Sender<()> {
        let held = Arc::clone(backend);
        let (locked, is_locked) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let _gate = held.gate.lock().expect("gate");
            locked.send(()).expect("test waits");
            // An error says that the sender was dropped, which is the sign.
            let _ = released.recv();
        });
        is_locked.recv().expect("held");
        release
    }

    fn put(key: &str) -> Vec<Op> {
        vec![Op::Put(key.as_bytes().to_vec(), b"x".to_vec())]
    }

    #[tokio::test]
    async fn jobs_that_wait_together_share_a_barrier() {
        let backend = Arc::new(Slow::default());
        let gate = hold(&backend);
        let writer = Arc::new(Writer::start(Arc::clone(&backend) as Arc<dyn Backend>, LONG).expect("thread"));
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let writer = Arc::clone(&writer);
                tokio::spawn(async move { writer.write_durably(put(&number.to_string())).await })
            })
            .collect();
        // The first job holds the thread in its barrier; the others gather behind it.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(backend.barriers.load(Ordering::SeqCst), 0, "nobody is told before the barrier");
        drop(gate);
        for task in tasks {
            assert_eq!(task.await.expect("joined"), Ok(()));
        }
        assert!(backend.barriers.load(Ordering::SeqCst) <= 3);
    }

    #[tokio::test]
    async fn after_a_failed_barrier_nothing_is_written() {
        let backend = Arc::new(Slow { fail_at: Some(1), ..Slow::default() });
        let writer = Writer::start(Arc::clone(&backend) as Arc<dyn Backend>, LONG).expect("thread");
        let failed = Err(WriteError::Barrier("no space left".into()));
        assert_eq!(writer.write_durably(put("a")).await, Ok(()));
        assert_eq!(writer.write_durably(put("b")).await, failed);
        assert_eq!(writer.write_durably(put("c")).await, failed);
        assert_eq!(writer.queue(put("c"), None).await, Ok(()), "whoever does not ask does not hear it");
        assert_eq!(backend.get(b"c"), Ok(None));
        drop(writer);
        assert_eq!(backend.barriers.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_barrier_that_never_returns_is_an_error_and_holds_nobody_up() {
        let backend = Arc::new(Slow::default());
        let gate = hold(&backend);
        let writer = Writer::start(Arc::clone(&backend) as Arc<dyn Backend>, Duration::from_millis(50));
        let writer = writer.expect("thread");
        let stuck = Err(WriteError::Stuck { seconds: 0 });
        assert_eq!(writer.write_durably(put("a")).await, stuck);
        assert_eq!(writer.queue(put("b"), None).await, stuck);
        drop(writer);
        drop(gate);
    }
}
