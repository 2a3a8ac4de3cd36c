//! What is asked of the guard all the time: a mix of calls with the answers that each must get.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use wharden_harness::{World, image::APP, raw};

/// Containers on the host.
pub const CONTAINERS: usize = 50;
/// Calls a second of a host on which people and a build server are at work, and how many times as many are made here.
pub const NORMAL: u32 = 5;
pub const TIMES: u32 = 10;
/// Streams that are open all the time: followers of the logs of a container that says a line each second.
pub const FOLLOWERS: usize = 20;
/// Threads that call.
const WORKERS: u32 = 4;

/// One thing that is done, with the calls that it takes.
#[derive(Clone, Copy)]
enum Deed {
    Ping,
    List,
    Images,
    Inspect,
    /// Refused by the baseline.
    Privileged,
    CreateAndRemove,
    Exec,
}

/// Fifty calls, in an order in which the dear ones are apart.
const MIX: [Deed; 47] = {
    use Deed::{CreateAndRemove as C, Exec as E, Images as G, Inspect as I, List as L, Ping as P, Privileged as X};
    [
        P, I, L, X, P, I, P, G, I, L, P, C, I, P, L, X, I, P, P, L, I, G, P, X, I, E, P, L, I, P, X, I, L, P, G, I, P,
        C, L, P, I, X, P, L, I, G, P,
    ]
};

/// The counters of everything that calls.
#[derive(Default)]
pub struct Counts {
    pub calls: AtomicU64,
    /// Answers that are not those that the call must get.
    pub wrong: AtomicU64,
    /// Bytes of the streams.
    pub streamed: AtomicU64,
    stop: AtomicBool,
}

/// The load, until it is dropped.
pub struct Load {
    pub counts: Arc<Counts>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Makes the containers and begins.
    pub fn begin(world: &World) -> Self {
        let docker = world.direct();
        let run = |name: &str, script: &str| {
            docker.run(&["run", "-d", "--network", "none", "--name", name, APP, "sh", "-c", script]).ok();
        };
        for n in 1..CONTAINERS {
            run(&format!("idle-{n}"), "exec sleep 1000000");
        }
        run("talker", "while sleep 1; do echo a line of some length that says that nothing happened; done");
        let counts = Arc::new(Counts::default());
        let guard = world.agent.socket().to_owned();
        let callers = (0..WORKERS).map(|worker| {
            let (guard, counts) = (guard.clone(), Arc::clone(&counts));
            thread::spawn(move || call(&guard, &counts, worker))
        });
        let followers = (0..FOLLOWERS).map(|_| {
            let (guard, counts) = (guard.clone(), Arc::clone(&counts));
            thread::spawn(move || follow(&guard, &counts))
        });
        let threads = callers.chain(followers).collect();
        Self { counts, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.counts.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked said so already.
            drop(thread.join());
        }
    }
}

/// Calls at even distances; what took longer is not made up for.
fn call(guard: &Path, counts: &Counts, worker: u32) {
    let pause = Duration::from_secs(1) * WORKERS / (NORMAL * TIMES);
    let mut next = Instant::now() + pause * worker / WORKERS;
    for (n, deed) in MIX.iter().cycle().skip(worker as usize * 11).enumerate() {
        if counts.stop.load(Relaxed) {
            return;
        }
        thread::park_timeout(next.saturating_duration_since(Instant::now()));
        let idle = format!("idle-{}", n % (CONTAINERS - 1) + 1);
        let (calls, good) = deed.done(guard, &idle);
        counts.calls.fetch_add(u64::from(calls), Relaxed);
        counts.wrong.fetch_add(u64::from(!good), Relaxed);
        next = (next + pause * calls).max(Instant::now());
    }
}

impl Deed {
    /// How many calls were made, and whether all answers were right.
    fn done(self, guard: &Path, idle: &str) -> (u32, bool) {
        match self {
            Self::Ping => (1, get(guard, "/_ping").0 == 200),
            Self::List => (1, get(guard, "/v1.41/containers/json").0 == 200),
            Self::Images => (1, get(guard, "/v1.41/images/json").0 == 200),
            Self::Inspect => (1, get(guard, &format!("/v1.41/containers/{idle}/json")).0 == 200),
            Self::Privileged => {
                let body = format!(r#"{{"Image":"{APP}","HostConfig":{{"Privileged":true}}}}"#);
                (1, send(guard, "POST", "/v1.41/containers/create", &body).0 == 403)
            }
            Self::CreateAndRemove => {
                let body = format!(r#"{{"Image":"{APP}","Cmd":["true"],"HostConfig":{{"NetworkMode":"none"}}}}"#);
                let (status, answer) = send(guard, "POST", "/v1.41/containers/create", &body);
                let Some(id) = id(&answer).filter(|_| status == 201) else { return (1, false) };
                (2, send(guard, "DELETE", &format!("/v1.41/containers/{id}"), "").0 == 204)
            }
            Self::Exec => {
                let body = r#"{"AttachStdout":true,"Cmd":["true"]}"#;
                let (status, answer) = send(guard, "POST", &format!("/v1.41/containers/{idle}/exec"), body);
                let Some(id) = id(&answer).filter(|_| status == 201) else { return (1, false) };
                let start = format!("/v1.41/exec/{id}/start");
                (2, send(guard, "POST", &start, r#"{"Detach":false,"Tty":false}"#).0 == 200)
            }
        }
    }
}

/// Reads the log of the one that talks, to the end.
fn follow(guard: &Path, counts: &Counts) {
    let target = "/v1.41/containers/talker/logs?stdout=1&follow=1&tail=1";
    let mut stream: UnixStream = raw::open(guard);
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n").as_bytes()).expect("sent");
    let mut buffer = [0; 4096];
    while !counts.stop.load(Relaxed) {
        match stream.read(&mut buffer) {
            Ok(n) if n > 0 => counts.streamed.fetch_add(n as u64, Relaxed),
            _ => {
                counts.wrong.fetch_add(1, Relaxed);
                return;
            }
        };
    }
}

pub fn get(socket: &Path, target: &str) -> (u16, String) {
    send(socket, "GET", target, "")
}

fn send(socket: &Path, method: &str, target: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let answer = raw::exchange_open(socket, request.as_bytes());
    (raw::status(&answer), answer)
}

fn id(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once(r#""Id":""#)?;
    rest.split_once('"').map(|(id, _)| id.to_owned())
}

/// The time that pings take by two ways, in turns, in microseconds and in order.
pub fn pings(ways: &[PathBuf; 2], rounds: usize) -> [Vec<f64>; 2] {
    let mut took: [Vec<f64>; 2] = Default::default();
    for _ in 0..rounds {
        for (way, took) in ways.iter().zip(&mut took) {
            let begin = Instant::now();
            assert_eq!(get(way, "/_ping").0, 200);
            took.push(begin.elapsed().as_secs_f64() * 1e6);
        }
    }
    for took in &mut took {
        took.sort_unstable_by(f64::total_cmp);
    }
    took
}
