//! An engine that answers from a script and remembers everything that reached it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
    time::{Duration, sleep},
};

pub const WEB: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Default)]
pub struct Memory {
    seen: Mutex<Vec<Seen>>,
    /// Bytes of the endless export that were taken.
    pub exported: AtomicU64,
    /// Requests that will never be answered.
    pub silent: AtomicU64,
    /// Streams whose client has gone.
    pub streams_closed: AtomicU64,
    /// Take image archives, requests to list networks and to create containers, and do not answer yet.
    pub busy: AtomicBool,
    /// Answer nothing any more.
    pub mute: AtomicBool,
    fault: Mutex<Option<Fault>>,
}

/// What goes wrong with every answer.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// These bytes, then the end.
    Instead(&'static str),
    /// Nothing, for as long as the other side waits.
    Silence,
}

pub struct Engine {
    pub path: PathBuf,
    pub memory: Arc<Memory>,
    task: JoinHandle<()>,
}

impl Engine {
    pub fn start(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).expect("bind");
        let memory = Arc::new(Memory::default());
        let shared = Arc::clone(&memory);
        let task = tokio::spawn(async move {
            // Ends with the task, as an engine's connections end with it.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("accept");
                let memory = Arc::clone(&shared);
                connections.spawn(async move {
                    let _ = serve(stream, &memory).await;
                });
            }
        });
        Self { path: path.to_owned(), memory, task }
    }

    /// Everything but the guard's own questions.
    pub fn seen(&self) -> Vec<Seen> {
        let asked = |seen: &&Seen| seen.headers.get("user-agent").is_none_or(|agent| agent != "wharden-agent");
        self.memory.seen.lock().expect("lock").iter().filter(asked).cloned().collect()
    }

    /// How often the guard itself has asked for this path.
    pub fn asked(&self, path: &str) -> usize {
        let line = format!("GET {path} HTTP/1.1");
        let own = |seen: &&Seen| {
            seen.line == line && seen.headers.get("user-agent").is_some_and(|agent| agent == "wharden-agent")
        };
        self.memory.seen.lock().expect("lock").iter().filter(own).count()
    }

    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.memory.fault.lock().expect("lock") = fault;
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Wire<'s> {
    stream: &'s mut UnixStream,
    buffer: Vec<u8>,
}

impl Wire<'_> {
    async fn more(&mut self) -> std::io::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    async fn take(&mut self, n: usize) -> std::io::Result<Vec<u8>> {
        while self.buffer.len() < n {
            self.more().await?;
        }
        Ok(self.buffer.drain(..n).collect())
    }

    async fn line(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.take(at + 2).await?;
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            self.more().await?;
        }
    }
}

async fn serve(mut stream: UnixStream, memory: &Memory) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let mut wire = Wire { stream: &mut stream, buffer };
        let line = wire.line().await?;
        let mut headers = BTreeMap::new();
        loop {
            let header = wire.line().await?;
            let Some((name, value)) = header.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
        if memory.mute.load(SeqCst) {
            return Ok(());
        }
        let fault = *memory.fault.lock().expect("lock");
        match fault {
            Some(Fault::Instead(bytes)) => return wire.stream.write_all(bytes.as_bytes()).await,
            Some(Fault::Silence) => {
                memory.silent.fetch_add(1, SeqCst);
                while wire.more().await.is_ok() {}
                memory.streams_closed.fetch_add(1, SeqCst);
                return Ok(());
            }
            None => {}
        }
        if path.ends_with("/images/load") && headers.contains_key("x-slow") {
            sleep(Duration::from_millis(10)).await;
        }
        if path.ends_with("/build") {
            // Answers before it has read anything.
            memory.seen.lock().expect("lock").push(Seen { line, headers, body: vec![] });
            wire.stream.write_all(&plain(400, "no Dockerfile")).await?;
            return Ok(());
        }
        let mut body = Vec::new();
        if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            loop {
                let size = usize::from_str_radix(&wire.line().await?, 16).expect("size");
                body.extend(wire.take(size).await?);
                assert_eq!(wire.line().await?, "");
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = headers.get("content-length") {
            body = wire.take(length.parse().expect("length")).await?;
        }
        buffer = std::mem::take(&mut wire.buffer);
        memory.seen.lock().expect("lock").push(Seen { line: line.clone(), headers, body: body.clone() });
        let long = ["/images/load", "/networks", "/containers/create"].iter().any(|end| path.ends_with(end));
        while long && memory.busy.load(SeqCst) {
            sleep(Duration::from_millis(10)).await;
        }
        if !answer(&mut stream, memory, &line, &path, &body).await? {
            return Ok(());
        }
    }
}

fn plain(status: u16, message: &str) -> Vec<u8> {
    let body = serde_json::json!({ "message": message }).to_string();
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn json(value: &serde_json::Value) -> Vec<u8> {
    let body = value.to_string();
    format!(
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Answers one request; false when the connection is over.
async fn answer(
    stream: &mut UnixStream,
    memory: &Memory,
    line: &str,
    path: &str,
    body: &[u8],
) -> std::io::Result<bool> {
    let tail = path.trim_start_matches("/v1.41");
    let answer = match tail {
        "/version" => json(&serde_json::json!({ "Version": "20.10.24", "ApiVersion": "1.41" })),
        "/info" => {
            json(&serde_json::json!({ "Containers": 2, "ContainersRunning": 1, "DockerRootDir": "/srv/engine" }))
        }
        "/_ping" => {
            let body = if line.starts_with("HEAD") { "" } else { "OK" };
            format!("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\n{body}").into_bytes()
        }
        "/images/json" => {
            json(&serde_json::json!([{ "RepoTags": ["busybox:latest", "turned:latest"], "RepoDigests": [] }]))
        }
        "/containers/json" if line.contains("shared") => json(&serde_json::json!([{ "Id": WEB }])),
        "/containers/json" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nX-T: 1\r\n\r\n".to_vec()
        }
        "/networks" => NETWORKS_ANSWER.clone(),
        "/containers/create" => {
            let id = serde_json::json!({ "Id": WEB, "Warnings": [] }).to_string();
            format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{id}", id.len()).into_bytes()
        }
        "/images/load" => plain(200, &format!("{} bytes", body.len())),
        "/images/busybox/json" | "/images/busybox:latest/json" => {
            json(&serde_json::json!({ "Id": format!("sha256:{WEB}"), "Config": { "User": "" } }))
        }
        // Another one at each look.
        "/images/turned/json" | "/images/turned:latest/json" | "/volumes/turned" if line.starts_with("GET") => {
            let looks = memory.seen.lock().expect("lock").iter().filter(|seen| seen.line.contains("turned")).count();
            json(&serde_json::json!({ "Id": format!("sha256:{looks:064x}"), "Config": {},
                "Name": "turned", "Driver": "local", "Labels": { "look": looks.to_string() }, "Options": null }))
        }
        "/volumes/kept" if line.starts_with("GET") => {
            json(&serde_json::json!({ "Name": "kept", "Driver": "local", "Labels": null, "Options": null }))
        }
        "/images/get" => return export(stream, memory).await,
        "/events" if line.contains("since=1") => return follow(stream, memory, &LABELLED_EVENTS).await,
        "/events" => return follow(stream, memory, EVENT).await,
        _ if tail.ends_with("/logs") => return follow(stream, memory, "hello\n").await,
        _ if tail.ends_with("/attach") => return tunnel(stream, memory, line).await,
        _ if tail.starts_with("/containers/") && tail.ends_with("/json") => {
            let name = tail.trim_start_matches("/containers/").trim_end_matches("/json");
            if name == LABELLED {
                LABELLED_ANSWER.clone()
            } else if WEB.starts_with(name) || name == "web" {
                json(&serde_json::json!({
                    "Id": WEB, "Name": "/web", "Image": format!("sha256:{WEB}"),
                    "Config": { "Image": "busybox", "Labels": { "team": "a" } }, "State": { "Pid": 0 },
                }))
            } else {
                plain(404, &format!("No such container: {name}"))
            }
        }
        _ if line.starts_with("DELETE") => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        _ => plain(404, "page not found"),
    };
    stream.write_all(&answer).await?;
    Ok(true)
}

/// A container of very many labels.
pub const LABELLED: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static LABELLED_ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    json(&serde_json::json!({ "Id": LABELLED, "Name": "/labelled", "Image": format!("sha256:{WEB}"),
        "Config": { "Image": "busybox", "Labels": labels(20_000, 50) } }))
});

fn labels(count: usize, bytes: usize) -> serde_json::Value {
    (0..count).map(|n| (n.to_string(), "x".repeat(bytes).into())).collect::<serde_json::Map<_, _>>().into()
}

/// Of containers with about as many labels as an event may have, and with as long ones.
static LABELLED_EVENTS: LazyLock<String> = LazyLock::new(|| {
    let event = |id: &str, attributes| serde_json::json!({ "Type": "container", "Action": "start", "Actor": { "ID": id, "Attributes": attributes } });
    format!("{}\n{}\n{EVENT}", event("many", labels(6_000, 0)), event("long", labels(100, 4_000)))
});

/// Networks of the engine, and the bytes that each has in a list.
pub const NETWORKS: usize = 256;
const NETWORK_BYTES: usize = 16 * 1024;

static NETWORKS_ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let about = "x".repeat(NETWORK_BYTES);
    let network =
        |n| serde_json::json!({ "Id": format!("{n:064x}"), "Name": format!("net-{n}"), "Options": { "about": about } });
    json(&(0..NETWORKS).map(network).collect())
});

/// A body without end; counts what was taken.
async fn export(stream: &mut UnixStream, memory: &Memory) -> std::io::Result<bool> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await?;
    let chunk = [b"8000\r\n".as_slice(), &[b'x'; 0x8000], b"\r\n"].concat();
    loop {
        if stream.write_all(&chunk).await.is_err() {
            memory.streams_closed.fetch_add(1, SeqCst);
            return Ok(false);
        }
        memory.exported.fetch_add(0x8000, SeqCst);
    }
}

/// One line, then silence until the client goes.
/// An event about the engine itself.
pub const EVENT: &str = "{\"Type\":\"daemon\",\"Action\":\"reload\",\"Actor\":{\"ID\":\"x\"}}\n";

async fn follow(stream: &mut UnixStream, memory: &Memory, line: &str) -> std::io::Result<bool> {
    let chunk = format!("{:x}\r\n{line}\r\n", line.len());
    stream.write_all(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}").as_bytes()).await?;
    let mut byte = [0];
    let _ = stream.read(&mut byte).await;
    memory.streams_closed.fetch_add(1, SeqCst);
    Ok(false)
}

/// Switches, greets, and sends back what comes; says goodbye once the client is done with sending.
async fn tunnel(stream: &mut UnixStream, memory: &Memory, line: &str) -> std::io::Result<bool> {
    if line.contains("stderr=0") {
        stream.write_all(&plain(409, "container is paused")).await?;
        return Ok(true);
    }
    let head: &[u8] = if line.contains("logs=1") {
        b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
    } else {
        b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    };
    stream.write_all(head).await?;
    stream.write_all(b"hi\n").await?;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break,
            Ok(n) => stream.write_all(&buffer[..n]).await?,
            Err(error) => {
                memory.streams_closed.fetch_add(1, SeqCst);
                return Err(error);
            }
        }
    }
    sleep(Duration::from_millis(50)).await;
    let told = stream.write_all(b"bye\n").await;
    memory.streams_closed.fetch_add(1, SeqCst);
    told?;
    Ok(false)
}
