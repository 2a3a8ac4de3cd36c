//! The agent at its memory limit: the one that its unit sets, enforced by the kernel.

use crate::{
    client::{Client, ask, eventually, get, post},
    engine::{EVENT, LABELLED},
    session::{Host, PRIVILEGED},
    world::NO_PRIVILEGED,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering::SeqCst,
};
use wharden_model::Posture;

const MIB: u64 = 1024 * 1024;
/// `MemoryMax` of the agent's unit.
const LIMIT: u64 = 128 * MIB;
const STREAMS: usize = 5000;
const OTHER_USER: u32 = 65_534;

/// A control group with a limit of memory, of either version.
pub struct MemoryGroup {
    dir: PathBuf,
    /// Files of the version in use: the limit, the count of those who were killed, and the line of memory that is not
    /// backed by files.
    names: [&'static str; 3],
}

impl MemoryGroup {
    fn new(name: &str, limit: u64) -> Self {
        let name = format!("wharden-test-{}-{name}", std::process::id());
        let second = Path::new("/sys/fs/cgroup/cgroup.controllers");
        let (dir, names) = if second.exists() {
            // Usual, and an error where it is so already.
            let _ = fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
            (Path::new("/sys/fs/cgroup").join(name), ["memory.max", "memory.events", "anon"])
        } else {
            let names = ["memory.limit_in_bytes", "memory.oom_control", "rss"];
            (Path::new("/sys/fs/cgroup/memory").join(name), names)
        };
        fs::create_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}; run as root", dir.display()));
        let group = Self { dir, names };
        fs::write(group.dir.join(group.names[0]), limit.to_string()).expect("limit of memory");
        group
    }

    /// A command that runs within the group from its first instruction on.
    pub fn around(&self, command: &Command) -> Command {
        let mut wrapped = Command::new("/bin/sh");
        wrapped.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.dir.join("cgroup.procs"));
        wrapped.env_clear().arg(command.get_program()).args(command.get_args());
        wrapped
    }

    fn number(&self, file: &str, name: &str) -> u64 {
        let text = fs::read_to_string(self.dir.join(file)).expect("file of the group");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {text}"))
    }

    /// Processes that were killed for memory.
    fn killed(&self) -> u64 {
        self.number(self.names[1], "oom_kill")
    }

    /// Bytes that its processes have, files not counted.
    fn held(&self) -> u64 {
        self.number("memory.stat", self.names[2])
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.dir);
    }
}

/// Other users may reach the socket.
fn open_to_all(guard: &Path) {
    for (path, mode) in [(guard.parent().expect("folder"), 0o711), (guard, 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    }
}

fn raise_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("limit of open files");
}

#[tokio::test(flavor = "multi_thread")]
async fn within_its_limit_of_memory_five_thousand_streams_leave_room_for_decisions_and_nothing_behind() {
    raise_files();
    let group = MemoryGroup::new("streams", LIMIT);
    let host = Host::within(&group).await;
    host.controller.push(NO_PRIVILEGED, Posture::Enforce, 10);
    host.acked(10).await;
    let guard = host.guard();
    open_to_all(&guard);
    let mut open = Vec::new();
    while open.len() < STREAMS {
        let some = (0..100).map(|_| async {
            let mut client = Client::connect_as(OTHER_USER, &guard).await;
            client.send(get("/v1.41/containers/web/logs?stdout=1&follow=1")).await;
            assert_eq!(client.head().await.0, 200);
            assert_eq!(client.take(11).await, b"6\r\nhello\n\r\n");
            client
        });
        open.extend(futures::future::join_all(some).await);
    }
    // And another one who fills all the room that one may have for requests that never come to their end.
    let half = post("/v1.41/containers/create", &" ".repeat(2_000_000));
    let half = &half[..half.len() - 1];
    let mut halves = Vec::new();
    for _ in 0..7 {
        let mut client = Client::connect(&guard).await;
        client.send(half).await;
        halves.push(client);
    }
    assert_eq!(host.create(PRIVILEGED).await, 403);
    assert_eq!(host.create(r#"{"Image":"busybox"}"#).await, 201);
    assert_eq!(group.killed(), 0, "{}", host.log());
    let held = group.held();
    assert!(held < LIMIT * 3 / 4, "{} MiB for {STREAMS} streams: the kernel needs the rest", held / MIB);
    drop(halves);
    drop(open);
    let closed = &host.engine.memory.streams_closed;
    // The agent's own look at the engine may have ended too.
    eventually("the engine's ends close", || closed.load(SeqCst) >= STREAMS as u64).await;
    let files = host.proc().join("fd");
    let count = || fs::read_dir(&files).expect("fd").count();
    eventually("the agent's files are closed", || count() < 100).await;
    assert_eq!(host.create(PRIVILEGED).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn within_its_limit_of_memory_labels_of_any_size_and_readers_of_any_patience_harm_nobody() {
    raise_files();
    let group = MemoryGroup::new("labels", LIMIT);
    let host = Host::within(&group).await;
    host.controller.push(NO_PRIVILEGED, Posture::Enforce, 10);
    host.acked(10).await;
    let guard = host.guard();
    open_to_all(&guard);
    let asking = |uid: u32, count: usize, request: String| {
        let (guard, request) = (guard.clone(), std::sync::Arc::new(request));
        let some = move |_| {
            let (guard, request) = (guard.clone(), std::sync::Arc::clone(&request));
            async move {
                let mut client = Client::connect_as(uid, &guard).await;
                client.send(request.as_str()).await;
                client
            }
        };
        futures::future::join_all((0..count).map(some))
    };
    let slow = asking(OTHER_USER, 400, get("/v1.41/networks")).await;
    let followers = asking(OTHER_USER, 200, get("/v1.41/events?since=1")).await;
    let mut answers = Vec::new();
    for request in
        [get(&format!("/v1.41/containers/{LABELLED}/json")), post(&format!("/v1.41/containers/{LABELLED}/start"), "")]
    {
        for _ in 0..4 {
            let some = (0..24).map(|_| ask(&guard, request.clone()));
            answers.extend(futures::future::join_all(some).await.into_iter().map(|answer| answer.status));
        }
    }
    assert!(answers.contains(&200), "{answers:?}");
    let busy = |status: &&u16| !matches!(**status, 200 | 204 | 404 | 429 | 503);
    assert_eq!(answers.iter().find(busy), None, "{answers:?}");
    assert_eq!(host.create(PRIVILEGED).await, 403);
    assert_eq!(host.create(r#"{"Image":"busybox"}"#).await, 201);
    drop(slow);
    drop(followers);
    let mut alone = asking(0, 1, get("/v1.41/events?since=1")).await.pop().expect("one");
    assert_eq!(alone.head().await.0, 200);
    alone.until(EVENT.as_bytes()).await;
    assert_eq!(group.killed(), 0, "{}", host.log());
    let held = group.held();
    assert!(held < LIMIT * 3 / 4, "{} MiB: the kernel needs the rest", held / MIB);
}
