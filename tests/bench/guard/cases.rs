//! The calls that are measured.

use crate::http::{Answer, Http};
use std::{
    fs::{self, File},
    io::{Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};
use wharden_harness::{World, image::APP, measure::median};

/// Containers on the host.
pub const CONTAINERS: usize = 50;
/// Rounds, in each of which every path has its turn.
const ROUNDS: usize = 7;
/// Rounds of what takes seconds.
const LONG_ROUNDS: usize = 7;
/// Short calls in a round.
const CALLS: usize = 200;
/// Parallel followers of logs, and the bytes that each reads: the engine itself needs milliseconds for each KiB line of all
/// of them, and with more it would answer nobody in time, whichever way one asks.
const FOLLOWERS: usize = 200;
const LOG_BYTES: u64 = 1 << 20;
const LOG_LINE: usize = 1 << 10;
const IMAGE: &str = "big:latest";

#[derive(Clone, Copy)]
pub enum Figure {
    Micros,
    MibPerSecond,
}

/// The figures of a case: direct, guard, HAProxy.
pub type Measured = (Figure, [f64; 3]);

pub struct Bench {
    paths: [PathBuf; 3],
    size: u64,
    container: String,
    talker: String,
    saved: PathBuf,
    context: PathBuf,
}

impl Bench {
    pub fn new(world: &World, paths: [PathBuf; 3], size: u64) -> Self {
        let docker = world.direct();
        let run = |name: &str, script: &str| {
            let args = ["run", "-d", "--network", "none", "--name", name, APP, "sh", "-c", script];
            docker.run(&args).ok().trim().to_owned()
        };
        for n in 2..CONTAINERS {
            run(&format!("idle-{n}"), "exec sleep 1000000");
        }
        let container = run("idle-1", "exec sleep 1000000");
        // Lines, then silence.
        let line = "x".repeat(LOG_LINE - 1);
        let talker = run("talker", &format!("yes {line} | head -c {LOG_BYTES}; exec sleep 1000000"));
        let (tree, context) = (world.place.join("big"), world.place.join("context.tar"));
        fs::create_dir_all(&tree).expect("folder");
        random(&tree.join("blob"), size);
        fs::write(tree.join("Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n").expect("Dockerfile");
        let tar = Command::new("tar").arg("-cf").arg(&context).arg("-C").arg(&tree).arg(".").status().expect("tar");
        assert!(tar.success());
        fs::remove_dir_all(&tree).expect("removed");
        docker.run(&["import", context.to_str().expect("path"), IMAGE]).ok();
        let saved = world.place.join("saved.tar");
        docker.run(&["save", "-o", saved.to_str().expect("path"), IMAGE]).ok();
        Self { paths, size, container, talker, saved, context }
    }

    /// Measures every case whose name has this in it, and hands over each as it is done. One that fails does not keep the
    /// others from being measured.
    pub fn run(&self, wanted: &str, mut done: impl FnMut(&str, thread::Result<Measured>)) {
        let id = &self.container;
        let cases: [(&str, &dyn Fn() -> Measured); 10] = [
            ("ping", &|| self.calls("/_ping")),
            ("version", &|| self.calls("/v1.41/version")),
            ("container inspect", &|| self.calls(&format!("/v1.41/containers/{id}/json"))),
            ("container list", &|| self.calls("/v1.41/containers/json")),
            ("container create and remove", &|| self.micros(5, create_and_remove)),
            ("exec", &|| self.micros(3, |path| self.exec(path))),
            ("image save", &|| self.speed(|path| self.save(path))),
            ("image load", &|| {
                self.speed(|path| self.upload(path, "/v1.41/images/load?quiet=1", &self.saved, "Loaded image"))
            }),
            ("build context", &|| {
                let target = "/v1.41/build?t=built&networkmode=none";
                self.speed(|path| self.upload(path, target, &self.context, "Successfully built"))
            }),
            ("200 followers of logs", &|| self.speed(|path| self.follow(path))),
        ];
        for (name, case) in cases.iter().filter(|(name, _)| name.contains(wanted)) {
            done(name, catch_unwind(AssertUnwindSafe(case)));
        }
    }

    /// Short calls, one after the other on one connection.
    fn calls(&self, target: &str) -> Measured {
        let mut connections = self.paths.each_ref().map(|path| Http::connect(path));
        let mut times: [Vec<Duration>; 3] = Default::default();
        for round in 0..=ROUNDS {
            for (connection, times) in connections.iter_mut().zip(&mut times) {
                for _ in 0..CALLS {
                    let begin = Instant::now();
                    let answer = connection.call("GET", target, "");
                    let took = begin.elapsed();
                    assert_eq!(answer.status, 200, "{}", text(&answer));
                    // The first round warms everything up.
                    if round > 0 {
                        times.push(took);
                    }
                }
            }
        }
        (Figure::Micros, times.map(|times| middle(&times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>()) * 1e6))
    }

    fn micros(&self, calls: usize, run: impl Fn(&Path) -> Duration) -> Measured {
        (Figure::Micros, self.interleaved(ROUNDS, calls, |path| run(path).as_secs_f64() * 1e6))
    }

    fn speed(&self, run: impl Fn(&Path) -> f64) -> Measured {
        (Figure::MibPerSecond, self.interleaved(LONG_ROUNDS, 1, run))
    }

    fn interleaved(&self, rounds: usize, calls: usize, run: impl Fn(&Path) -> f64) -> [f64; 3] {
        let mut all: [Vec<f64>; 3] = Default::default();
        for round in 0..=rounds {
            for (path, all) in self.paths.iter().zip(&mut all) {
                for _ in 0..calls {
                    let value = run(path);
                    if round > 0 {
                        all.push(value);
                    }
                }
            }
        }
        all.map(|all| middle(&all))
    }

    fn exec(&self, path: &Path) -> Duration {
        let begin = Instant::now();
        let mut http = Http::connect(path);
        let body = r#"{"AttachStdout":true,"Cmd":["true"]}"#;
        let made = http.call("POST", &format!("/v1.41/containers/{}/exec", self.container), body);
        assert_eq!(made.status, 201, "{}", text(&made));
        let started = http.call("POST", &format!("/v1.41/exec/{}/start", id(&made)), r#"{"Detach":false,"Tty":false}"#);
        assert!(matches!(started.status, 101 | 200), "{}", text(&started));
        begin.elapsed()
    }

    fn save(&self, path: &Path) -> f64 {
        let answer = Http::connect(path).call("GET", &format!("/v1.41/images/{IMAGE}/get"), "");
        assert!(answer.status == 200 && answer.bytes >= self.size, "{} bytes", answer.bytes);
        mib(answer.bytes, answer.body_took)
    }

    fn upload(&self, path: &Path, target: &str, file: &Path, said: &str) -> f64 {
        let begin = Instant::now();
        let answer = Http::connect(path).upload(target, File::open(file).expect("file"));
        assert!(answer.status == 200 && text(&answer).contains(said), "{} {}", answer.status, text(&answer));
        mib(self.size, begin.elapsed())
    }

    fn follow(&self, path: &Path) -> f64 {
        let target = format!("/v1.41/containers/{}/logs?stdout=1&follow=1", self.talker);
        let begin = Instant::now();
        thread::scope(|scope| {
            for _ in 0..FOLLOWERS {
                scope.spawn(|| {
                    let mut http = Http::connect(path);
                    http.send(format!("GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n").as_bytes());
                    let answer = http.answer(LOG_BYTES);
                    assert!(answer.status == 200 && answer.bytes >= LOG_BYTES, "{}", text(&answer));
                });
            }
        });
        mib(FOLLOWERS as u64 * LOG_BYTES, begin.elapsed())
    }
}

fn create_and_remove(path: &Path) -> Duration {
    let begin = Instant::now();
    let mut http = Http::connect(path);
    let body = format!(r#"{{"Image":"{APP}","Cmd":["true"],"HostConfig":{{"NetworkMode":"none"}}}}"#);
    let made = http.call("POST", "/v1.41/containers/create", &body);
    assert_eq!(made.status, 201, "{}", text(&made));
    let removed = http.call("DELETE", &format!("/v1.41/containers/{}", id(&made)), "");
    assert_eq!(removed.status, 204, "{}", text(&removed));
    begin.elapsed()
}

fn id(answer: &Answer) -> String {
    let json: serde_json::Value = serde_json::from_slice(&answer.start).expect("JSON");
    json["Id"].as_str().expect("Id").to_owned()
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.start).into_owned()
}

/// A file that no layer below can make smaller.
fn random(path: &Path, size: u64) {
    let mut from = File::open("/dev/urandom").expect("urandom").take(size);
    let mut to = File::create(path).expect("file");
    std::io::copy(&mut from, &mut to).expect("written");
    to.flush().expect("written");
}

fn mib(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / f64::from(1 << 20) / took.as_secs_f64()
}

fn middle(values: &[f64]) -> f64 {
    median(values).unwrap_or_default()
}
