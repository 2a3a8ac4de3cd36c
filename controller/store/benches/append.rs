//! How long an append takes until it is durable, with each engine, beside what the disk needs for the same bytes without any
//! database: write and fsync of one file. Prints JSON and keeps it in `target/bench/append.json`.
//!
//! `cargo bench -p wharden-store` runs it in the system's temporary folder; `TMPDIR` chooses another disk.

use openraft::{CommittedLeaderId, EntryPayload, storage::RaftLogStorageExt};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};
use wharden_model::{RequestId, Timestamp};
use wharden_state::{Actor, AuditCommand, Batch, Command, Entry};
use wharden_store::{Engine, LogEntry, LogId, Store};

const APPENDS: u64 = 500;
const COMMAND_BYTES: usize = 512;

fn entry(index: u64, commands: u64) -> LogEntry {
    let command = |number: u64| Entry {
        request_id: RequestId::new(format!("{number:032x}")).expect("32 hex digits"),
        actor: Actor::System,
        issued_at: Timestamp(number),
        if_revision: None,
        origin: None,
        command: Command::Audit(AuditCommand::Refused {
            action: "bench".into(),
            resource: "x".repeat(COMMAND_BYTES),
            reason: String::new(),
        }),
    };
    let batch = Batch((0..commands).map(command).collect());
    LogEntry { log_id: LogId::new(CommittedLeaderId::new(1, 1), index), payload: EntryPayload::Normal(batch) }
}

fn figures(name: &str, mut times: Vec<Duration>) -> serde_json::Value {
    times.sort();
    let at = |percent: usize| times[times.len() * percent / 100].as_micros();
    serde_json::json!({ "what": name, "p50_us": at(50), "p99_us": at(99) })
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut results = Vec::new();
    for (engine, commands) in Engine::ALL.into_iter().flat_map(|engine| [(engine, 1), (engine, 64)]) {
        let path = folder.path().join(format!("{engine}-{commands}"));
        let (mut log, _machine) = Store::open(&path, engine, |_| {}).expect("a new store");
        let times = (0..APPENDS).map(|index| {
            let entry = entry(index, commands);
            let begin = Instant::now();
            runtime.block_on(log.blocking_append([entry])).expect("appended");
            begin.elapsed()
        });
        results.push(figures(&format!("{engine}: append of {commands} commands"), times.collect()));
    }
    let bytes = vec![b'x'; COMMAND_BYTES];
    let mut file = File::create(folder.path().join("plain")).expect("a file");
    let times = (0..APPENDS).map(|_| {
        let begin = Instant::now();
        file.write_all(&bytes).and_then(|()| file.sync_data()).expect("written");
        begin.elapsed()
    });
    results.push(figures("write and fdatasync of a file", times.collect()));
    let text = serde_json::to_string_pretty(&results).expect("plain figures");
    println!("{text}");
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    fs::create_dir_all(&out).and_then(|()| fs::write(out.join("append.json"), text)).expect("target can be written");
}
