//! The one thread that writes. Changes happen in the order in which they were asked for; jobs that wait together share one
//! barrier. After the first error nothing is written any more, and every job gets that error.

use crate::{
    backend::{Backend, Op},
    error::WriteError,
    limits::{GROUP_MAX, WRITER_QUEUE},
    types::TypeConfig,
};
use openraft::storage::LogFlushed;
use std::{io, mem, sync::Arc, thread};
use tokio::sync::{mpsc, oneshot};

/// Who hears that a job's changes are durable.
pub(crate) enum Done {
    /// Raft, about entries.
    Entries(LogFlushed<TypeConfig>),
    /// Whoever waits.
    Waiter(oneshot::Sender<Result<(), WriteError>>),
    /// Nobody: it need not be durable by itself.
    Nobody,
}

impl Done {
    fn tell(self, result: Result<(), WriteError>) {
        match self {
            Self::Entries(callback) => callback.log_io_completed(result.map_err(io::Error::other)),
            // A waiter that is gone has been cancelled.
            Self::Waiter(waiter) => drop(waiter.send(result)),
            Self::Nobody => {}
        }
    }
}

struct Job {
    ops: Vec<Op>,
    readable: oneshot::Sender<Result<(), WriteError>>,
    done: Done,
}

/// The sending side. Dropping it waits until the thread has finished what was asked.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(backend: Arc<dyn Backend>) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(WRITER_QUEUE);
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || run(&*backend, queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Returns when the changes are readable; `done` hears when they are durable.
    pub(crate) async fn write(&self, ops: Vec<Op>, done: Done) -> Result<(), WriteError> {
        let (readable, is_readable) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(WriteError::Stopped)?;
        jobs.send(Job { ops, readable, done }).await.map_err(|_| WriteError::Stopped)?;
        is_readable.await.map_err(|_| WriteError::Stopped)?
    }

    /// Returns when the changes are durable.
    pub(crate) async fn write_durably(&self, ops: Vec<Op>) -> Result<(), WriteError> {
        let (waiter, durable) = oneshot::channel();
        self.write(ops, Done::Waiter(waiter)).await?;
        durable.await.map_err(|_| WriteError::Stopped)?
    }
}

impl Drop for Writer {
    /// Blocks for at most one barrier: whoever opens the folder next must find it released.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

fn run(backend: &dyn Backend, mut queue: mpsc::Receiver<Job>) {
    let mut state = Ok(());
    let mut waiting = Vec::new();
    while let Some(job) = queue.blocking_recv() {
        take(backend, job, &mut state, &mut waiting);
        while waiting.len() < GROUP_MAX
            && let Ok(job) = queue.try_recv()
        {
            take(backend, job, &mut state, &mut waiting);
        }
        if !waiting.is_empty() && state.is_ok() {
            state = backend.barrier().map_err(|error| WriteError::Barrier(error.0));
        }
        if let Err(error) = &state {
            tracing::error!(%error, "nothing is written to the log any more");
        }
        for done in mem::take(&mut waiting) {
            done.tell(state.clone());
        }
    }
}

fn take(backend: &dyn Backend, job: Job, state: &mut Result<(), WriteError>, waiting: &mut Vec<Done>) {
    if state.is_ok() {
        *state = apply(backend, job.ops).map_err(|error| WriteError::Write(error.0));
    }
    // The asker may be gone; its changes stay.
    drop(job.readable.send(state.clone()));
    if !matches!(job.done, Done::Nobody) {
        waiting.push(job.done);
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
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

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

    fn put(key: &str) -> Vec<Op> {
        vec![Op::Put(key.as_bytes().to_vec(), b"x".to_vec())]
    }

    #[tokio::test]
    async fn jobs_that_wait_together_share_a_barrier() {
        let backend = Arc::new(Slow::default());
        let held = Arc::clone(&backend);
        let (locked, is_locked) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let holder = thread::spawn(move || {
            let _gate = held.gate.lock().expect("gate");
            locked.send(()).expect("test waits");
            // An error only says that the test is over.
            let _ = released.recv();
        });
        is_locked.recv().expect("held");
        let writer = Arc::new(Writer::start(Arc::clone(&backend) as Arc<dyn Backend>).expect("thread"));
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let writer = Arc::clone(&writer);
                tokio::spawn(async move { writer.write_durably(put(&number.to_string())).await })
            })
            .collect();
        // The first job holds the thread in its barrier; the others gather behind it.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(backend.barriers.load(Ordering::SeqCst), 0, "nobody is told before the barrier");
        release.send(()).expect("holder waits");
        for task in tasks {
            assert_eq!(task.await.expect("joined"), Ok(()));
        }
        holder.join().expect("holder");
        assert!(backend.barriers.load(Ordering::SeqCst) <= 3);
    }

    #[tokio::test]
    async fn after_a_failed_barrier_nothing_is_written() {
        let backend = Arc::new(Slow { fail_at: Some(1), ..Slow::default() });
        let writer = Writer::start(Arc::clone(&backend) as Arc<dyn Backend>).expect("thread");
        let failed = Err(WriteError::Barrier("no space left".into()));
        assert_eq!(writer.write_durably(put("a")).await, Ok(()));
        assert_eq!(writer.write_durably(put("b")).await, failed);
        assert_eq!(writer.write_durably(put("c")).await, failed);
        assert_eq!(writer.write(put("c"), Done::Nobody).await, failed);
        assert_eq!(backend.get(b"c"), Ok(None));
        drop(writer);
        assert_eq!(backend.barriers.load(Ordering::SeqCst), 2);
    }
}
