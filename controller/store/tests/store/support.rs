//! Entries to write, and a sink that remembers.

use openraft::{CommittedLeaderId, EntryPayload, storage::RaftLogStorageExt};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{self, Child, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};
use wharden_model::{RequestId, Timestamp};
use wharden_state::{Actor, AuditCommand, Batch, Command, Entry};
use wharden_store::{Engine, LogEntry, LogId, LogStore, OpenError, Published, Sink, StateMachine, Store};

/// Longest that a folder is waited for that was let go of.
const FREE_WITHIN: Duration = Duration::from_secs(20);

pub fn id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(1, 1), index)
}

/// A command whose audit record says `number`; `size` more bytes make it longer.
pub fn command(number: u64, size: usize) -> Entry {
    Entry {
        request_id: RequestId::new(format!("{number:032x}")).expect("id"),
        actor: Actor::System,
        issued_at: Timestamp(number),
        if_revision: None,
        origin: None,
        command: Command::Audit(AuditCommand::Refused {
            action: "policy.update".into(),
            resource: "x".repeat(size),
            reason: number.to_string(),
        }),
    }
}

pub fn entry(index: u64, size: usize) -> LogEntry {
    LogEntry { log_id: id(index), payload: EntryPayload::Normal(Batch(vec![command(index, size)])) }
}

pub async fn append(log: &mut LogStore, indexes: impl IntoIterator<Item = u64>) {
    let entries: Vec<_> = indexes.into_iter().map(|index| entry(index, 10)).collect();
    log.blocking_append(entries).await.expect("appended");
}

/// Remembers everything that was published.
#[derive(Clone, Default)]
pub struct Memory(pub Arc<Mutex<Vec<Published>>>);

impl Sink for Memory {
    fn publish(&self, published: Published) {
        self.0.lock().expect("lock").push(published);
    }
}

impl Memory {
    pub fn last(&self) -> Published {
        self.0.lock().expect("lock").last().expect("published").clone()
    }
}

/// Opens a folder that was let go of a moment ago: sled's own threads hold it a little longer.
pub fn open_again(folder: &Path, engine: Engine, sink: &(impl Sink + Clone)) -> (LogStore, StateMachine) {
    once_free(|| Store::open(folder, engine, sink.clone())).expect("opens again")
}

/// What opens it, once it was let go of.
pub fn once_free<T>(open: impl Fn() -> Result<T, OpenError>) -> Result<T, OpenError> {
    let end = Instant::now() + FREE_WITHIN;
    loop {
        match open() {
            Err(OpenError::InUse { .. }) if Instant::now() < end => thread::yield_now(),
            opened => return opened,
        }
    }
}

/// Hears nothing.
pub fn deaf() -> impl Sink + Clone {
    |_: Published| {}
}

/// What [`child`] told this process: the engine and the folder. None in a run of the test by itself.
pub fn task(variable: &str) -> Option<(Engine, PathBuf)> {
    let task = std::env::var(variable).ok()?;
    let (engine, folder) = task.split_once(' ').expect("engine and folder");
    Some((engine.parse().expect("engine"), PathBuf::from(folder)))
}

/// Runs one test of this program as a process of its own, with `variable` naming engine and folder. Sees each line that it prints,
/// from where the test's own output begins, and may kill it.
pub fn child(test: &str, variable: &str, engine: Engine, folder: &Path, mut see: impl FnMut(&str, &mut Child)) {
    let mut child = process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(variable, format!("{engine} {}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("child");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.map_while(Result::ok) {
        // The first line shares its line with the name of the test.
        see(line.rsplit("... ").next().unwrap_or_default(), &mut child);
    }
    child.wait().expect("ended");
}
