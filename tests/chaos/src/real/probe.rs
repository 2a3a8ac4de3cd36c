//! Somebody who asks a guard without end, and must always hear what policy says.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use wharden_harness::{Agent, raw::status};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// What one of them asked and heard.
#[derive(Clone, Debug, Default)]
pub struct Probed {
    /// Questions that policy permits, and all of them were.
    pub allowed: u64,
    /// Questions that it does not permit, and none of them was.
    pub denied: u64,
    /// Anything else.
    pub wrong: Vec<String>,
}

/// One of them, while it asks.
pub struct Probe {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Probed>,
}

impl Probe {
    /// Asks the guard of an agent.
    pub fn start(agent: &Agent) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, socket) = (Arc::clone(&is_over), agent.socket().to_owned());
        Self { is_over, thread: thread::spawn(move || ask(&socket, &over)) }
    }

    /// Ends.
    ///
    /// # Errors
    /// When it ended before.
    pub fn stop(self) -> anyhow::Result<Probed> {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow::anyhow!("a probe panicked"))
    }
}

fn ask(socket: &Path, is_over: &AtomicBool) -> Probed {
    let mut probed = Probed::default();
    while !is_over.load(Ordering::SeqCst) {
        for (path, expected) in [("/v1.41/info", 200), ("/v1.41/system/df", 403)] {
            match get(socket, path) {
                Ok(answer) if status(&answer) == expected && expected == 200 => probed.allowed += 1,
                Ok(answer) if status(&answer) == expected => probed.denied += 1,
                Ok(answer) => probed.wrong.push(format!("{path}: {}", answer.lines().next().unwrap_or_default())),
                Err(error) => probed.wrong.push(format!("{path}: {error}")),
            }
        }
        thread::sleep(PAUSE);
    }
    probed
}

fn get(socket: &Path, path: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
