//! The agent as a process: bundles, events, renewal and restarts, with a scripted controller and engine.

use crate::{
    client::{ask, eventually, get, post},
    controller::{Controller, Verdict},
    engine::Engine,
    enrolment::{agent, enroll},
    memory::MemoryGroup,
    world::{NO_PRIVILEGED, OPEN},
};
use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::Ordering::SeqCst,
    time::Duration,
};
use wharden_model::Posture;
use wharden_proto::v1::BundlePush;

pub const PRIVILEGED: &str = r#"{"Image":"busybox","HostConfig":{"Privileged":true}}"#;

pub struct Host {
    pub controller: Controller,
    pub engine: Engine,
    home: tempfile::TempDir,
    process: Option<Child>,
}

impl Host {
    async fn start() -> Self {
        let controller = Controller::start().await;
        Self::of(controller).await
    }

    async fn of(controller: Controller) -> Self {
        let mut host = Self::enrolled(controller).await;
        host.run().await;
        host
    }

    /// One whose agent has a limit of memory.
    pub async fn within(group: &MemoryGroup) -> Self {
        let mut host = Self::enrolled(Controller::start().await).await;
        let command = group.around(&host.command());
        host.start_as(command).await;
        host
    }

    async fn enrolled(controller: Controller) -> Self {
        let home = tempfile::tempdir().expect("dir");
        let engine = Engine::start(&home.path().join("engine.sock"));
        let host = Self { controller, engine, home, process: None };
        let output = enroll(&host.controller.address, &host.controller.token(), &host.dir(), &[]).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        host
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("agent")
    }

    pub fn guard(&self) -> PathBuf {
        self.home.path().join("guard.sock")
    }

    async fn run(&mut self) {
        let command = self.command();
        self.start_as(command).await;
    }

    fn command(&self) -> Command {
        let mut command = agent();
        command.args(["run", "--log-format", "json", "--data-dir"]).arg(self.dir());
        command.arg("--guard-socket").arg(self.guard()).arg("--engine-socket").arg(&self.engine.path);
        // Of a debug build, on a machine that runs many tests, nobody expects to be light.
        command.args(["--own-memory-mib", "0", "--own-cpu-percent", "0"]);
        command
    }

    async fn start_as(&mut self, mut command: Command) {
        let log = std::fs::File::options().create(true).append(true).open(self.home.path().join("log")).expect("log");
        command.stdin(Stdio::null());
        self.process = Some(command.stdout(Stdio::null()).stderr(log).spawn().expect("spawn"));
        let guard = self.guard();
        eventually("the guard listens", || std::os::unix::net::UnixStream::connect(&guard).is_ok()).await;
    }

    /// What the kernel says about its process.
    pub fn proc(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.process.as_ref().expect("runs").id()))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).expect("log")
    }

    fn kill(&mut self) {
        let mut process = self.process.take().expect("runs");
        process.kill().expect("kill");
        process.wait().expect("wait");
    }

    fn stop(&mut self) {
        let mut process = self.process.take().expect("runs");
        let pid = process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        assert!(process.wait().expect("wait").success(), "{}", self.log());
    }

    pub async fn acked(&self, revision: u64) {
        let done = || self.controller.answers().last() == Some(&Verdict::Ack(revision));
        eventually(&format!("an ack of {revision}\n{}", self.log()), done).await;
    }

    pub async fn create(&self, body: &str) -> u16 {
        ask(&self.guard(), post("/v1.41/containers/create", body)).await.status
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_takes_effect_and_stays_without_a_controller_and_after_a_restart() {
    let mut host = Host::start().await;
    assert_eq!(ask(&host.guard(), get("/v1.41/info")).await.status, 403, "no bundle yet");
    host.controller.push(OPEN, Posture::Enforce, 3);
    host.acked(3).await;
    assert_eq!(host.create(PRIVILEGED).await, 201);
    host.controller.push(NO_PRIVILEGED, Posture::Enforce, 4);
    host.acked(4).await;
    assert_eq!(host.create(PRIVILEGED).await, 403);
    host.controller.stop();
    assert_eq!(host.create(PRIVILEGED).await, 403);
    host.kill();
    host.run().await;
    assert_eq!(host.create(PRIVILEGED).await, 403);
    assert_eq!(host.create(r#"{"Image":"busybox"}"#).await, 201);
    host.stop();
    assert!(!host.guard().exists(), "a stopped guard leaves no socket");
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_that_are_older_tampered_or_unsigned_are_nacked() {
    let mut host = Host::start().await;
    host.controller.push(NO_PRIVILEGED, Posture::Enforce, 5);
    host.acked(5).await;
    let nacked = async |part: &str, count: usize| {
        eventually(
            &format!("a nack about {part}"),
            || matches!(host.controller.answers().get(count), Some(Verdict::Nack(why)) if why.contains(part)),
        )
        .await;
        assert_eq!(host.create(PRIVILEGED).await, 403);
    };
    host.controller.push(OPEN, Posture::Enforce, 4);
    nacked("older", 1).await;
    host.controller.push_raw(BundlePush { nonce: 9, revision: 6, digest: vec![0; 32].into(), ..BundlePush::default() });
    nacked("not the one", 2).await;
    host.controller.push_raw(BundlePush {
        nonce: 9,
        revision: 6,
        digest: vec![0; 32].into(),
        payload: "{}".into(),
        ..BundlePush::default()
    });
    nacked("digest", 3).await;
    for (from, why, count) in [(4, "a difference from revision 4", 4), (5, "a difference that cannot be applied", 5)] {
        host.controller.push_raw(BundlePush {
            nonce: 9,
            revision: 6,
            from,
            digest: vec![0; 32].into(),
            payload: vec![0xff].into(),
            ..BundlePush::default()
        });
        nacked(why, count).await;
    }
    host.kill();
    host.run().await;
    assert_eq!(host.create(PRIVILEGED).await, 403);
    eventually("hello with what is held", || {
        host.controller.book.hellos.lock().expect("lock").last().is_some_and(|hello| hello.revision == 5)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_through_restarts_of_both_sides_older_runs_first() {
    let mut host = Host::start().await;
    host.controller.push(OPEN, Posture::Enforce, 3);
    host.acked(3).await;
    host.controller.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..600 {
        assert_eq!(ask(&host.guard(), get("/v1.41/info")).await.status, 200);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    host.kill();
    host.run().await;
    for _ in 0..5 {
        assert_eq!(ask(&host.guard(), get("/v1.41/info")).await.status, 200);
    }
    let before: Vec<_> = host.controller.book.events.lock().expect("lock").iter().cloned().collect();
    host.controller = host.controller.again().await;
    let book = std::sync::Arc::clone(&host.controller.book);
    eventually("all events", || before.len() + book.events.lock().expect("lock").len() >= 605).await;
    let arrivals = book.arrivals.lock().expect("lock").clone();
    let runs: Vec<_> = arrivals.iter().map(|(boot, _)| boot).collect();
    let second = runs.last().expect("some");
    let split = runs.iter().position(|boot| boot == second).expect("there");
    assert!(split > 0 && runs[split..].iter().all(|boot| boot == second), "older runs first");
    let seqs: Vec<_> = arrivals[split..].iter().map(|(_, seq)| *seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    host.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_comes_back_and_beats() {
    let host = Host::start().await;
    let book = &host.controller.book;
    eventually("heartbeats", || book.heartbeats.load(SeqCst) >= 2).await;
    let hello = book.hellos.lock().expect("lock")[0].clone();
    let report: serde_json::Value = serde_json::from_slice(&hello.report.expect("report").json).expect("json");
    assert_eq!((&report["engine"], &report["containers_total"]), (&"docker 20.10.24".into(), &2.into()));
    for round in 2..=4 {
        host.controller.kick();
        eventually("a new session", || book.sessions.load(SeqCst) >= round).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_heartbeat_says_when_the_next_one_is_due() {
    let controller = Controller::start().await;
    // By the welcome there would be the first one only.
    *controller.book.beat.lock().expect("lock") = (600, 1000);
    let host = Host::of(controller).await;
    let book = &host.controller.book;
    eventually("heartbeats", || book.heartbeats.load(SeqCst) >= 3).await;
    assert_eq!(book.sessions.load(SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_in_time_and_after_its_end_unless_revoked() {
    let controller = Controller::start().await;
    // Certificates are dated back by five minutes: this one ends at once.
    *controller.book.lifetime.lock().expect("lock") = Duration::from_secs(0);
    controller.book.revoked.store(true, SeqCst);
    let host = Host::of(controller).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let book = &host.controller.book;
    assert_eq!((book.renewals.load(SeqCst), book.sessions.load(SeqCst)), (0, 0), "revoked");
    *book.lifetime.lock().expect("lock") = Duration::from_secs(24 * 3600);
    book.revoked.store(false, SeqCst);
    eventually("a session with a new certificate", || book.sessions.load(SeqCst) > 0).await;
    assert_eq!(book.renewals.load(SeqCst), 1);
    let log = host.log();
    assert!(log.contains("the certificate was renewed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_named_and_metrics_are_served() {
    let mut host = Host::start().await;
    host.stop();
    let config = host.dir().join("agent.toml");
    std::fs::write(&config, "guard_sockets = \"/x\"\n").expect("write");
    let output = agent().arg("run").arg("--data-dir").arg(host.dir()).output().expect("run");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("guard_sockets") && text.contains("agent.toml"), "{text}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address").port();
    std::fs::write(&config, format!("metrics_listen = \"127.0.0.1:{port}\"\n")).expect("write");
    host.run().await;
    ask(&host.guard(), get("/_ping")).await;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connect");
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("write");
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text).await.expect("read");
    assert!(text.contains("wharden_agent_guard_requests_total{outcome=\"allowed\"} 1"), "{text}");
}
