//! A worker's process and what it says.

use crate::{
    limits::WORKER_LIMIT,
    task::{Line, Task},
};
use anyhow::Context;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Instant,
};

pub(super) struct Worker {
    child: Child,
    reader: JoinHandle<()>,
    said: Arc<Said>,
}

#[derive(Default)]
struct Said {
    so_far: Mutex<(Vec<Line>, bool)>,
    more: Condvar,
}

impl Said {
    fn lock(&self) -> MutexGuard<'_, (Vec<Line>, bool)> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    pub(super) fn start(program: &Path, task: &Task) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .arg("work")
            .arg(serde_json::to_string(task)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Panics of an engine on a disk that is off are expected, and reported by what the store says.
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let out = child.stdout.take().context("piped")?;
        let said = Arc::<Said>::default();
        let heard = Arc::clone(&said);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // A line that the kill cut in two says nothing.
                let Ok(line) = serde_json::from_str(&line) else { break };
                heard.lock().0.push(line);
                heard.more.notify_all();
            }
            heard.lock().1 = true;
            heard.more.notify_all();
        });
        Ok(Self { child, reader, said })
    }

    /// Whether it has said all that it will say.
    pub(super) fn has_ended(&self) -> bool {
        self.said.lock().1
    }

    /// Waits until what it said is enough; false when it ends before, or takes too long.
    pub(super) fn wait_for(&self, enough: impl Fn(&[Line]) -> bool) -> bool {
        let end = Instant::now() + WORKER_LIMIT;
        let mut said = self.said.lock();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if enough(&said.0) {
                return true;
            }
            if said.1 || left.is_zero() {
                return false;
            }
            said = self.said.more.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the process, if it still runs, and gives what it said.
    pub(super) fn kill(mut self) -> anyhow::Result<Vec<Line>> {
        // One that has ended cannot be killed, which is as well.
        let _ = self.child.kill();
        self.child.wait().context("the worker does not end")?;
        self.reader.join().map_err(|_| anyhow::anyhow!("the worker's lines cannot be read"))?;
        Ok(std::mem::take(&mut self.said.lock().0))
    }
}
