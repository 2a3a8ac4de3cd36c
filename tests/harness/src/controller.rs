//! A controller as a process.

use crate::{bins, daemon::Daemon, limits::SETTLE, output::Output, place::Place, rest::Rest};
use reqwest::Method;
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

/// A controller's folder and, while it runs, its process.
pub struct Controller {
    dir: PathBuf,
    log: PathBuf,
    rest_port: u16,
    agent_port: u16,
    peer_port: u16,
    /// Printed by `init`, once.
    pub bootstrap_token: String,
    moved: bool,
    daemon: Option<Daemon>,
}

/// A TCP port that was free a moment ago.
///
/// # Panics
/// When none is.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

impl Controller {
    /// Makes its folder with `init`. It does not run yet.
    ///
    /// # Panics
    /// When `init` fails or prints no bootstrap token.
    pub fn init(place: &Place, name: &str) -> Self {
        Self::init_in(place, &place.join(name), name)
    }

    /// The same with a data folder anywhere.
    ///
    /// # Panics
    /// As [`Controller::init`].
    pub fn init_in(place: &Place, dir: &Path, name: &str) -> Self {
        let mut controller = Self::at(place, dir, name);
        let output = controller.init_again();
        controller.bootstrap_token = output
            .ok()
            .split_whitespace()
            .find(|word| word.starts_with("wbt_"))
            .unwrap_or_else(|| panic!("no bootstrap token in: {output}"))
            .to_owned();
        controller
    }

    fn at(place: &Place, dir: &Path, name: &str) -> Self {
        Self {
            dir: dir.to_owned(),
            log: place.join(&format!("{name}.log")),
            rest_port: free_port(),
            agent_port: free_port(),
            peer_port: free_port(),
            bootstrap_token: String::new(),
            moved: false,
            daemon: None,
        }
    }

    /// One that is to join with [`Controller::join`].
    pub fn new(place: &Place, name: &str) -> Self {
        Self::at(place, &place.join(name), name)
    }

    /// Runs `join` on its folder.
    pub fn join(&self, peer: &str, code: &str) -> Output {
        let mut command = Command::new(bins::path("wharden-controller"));
        command.args(["join", "--advertise", "127.0.0.1,localhost", "--peer", peer, "--data-dir"]).arg(&self.dir);
        command.env("WHARDEN_JOIN_CODE", code);
        self.listen(&mut command);
        Output::of(&mut command, b"")
    }

    fn listen(&self, command: &mut Command) {
        command
            .arg(format!("--rest-listen=127.0.0.1:{}", self.rest_port))
            .arg(format!("--agent-listen=127.0.0.1:{}", self.agent_port))
            .arg(format!("--peer-listen=127.0.0.1:{}", self.peer_port));
    }

    /// Runs `restore` on its folder.
    pub fn restore(&self, backup: &Path, identity: &Path) -> Output {
        let mut command = Command::new(bins::path("wharden-controller"));
        command.args(["restore", "--advertise", "127.0.0.1,localhost", "--data-dir"]).arg(&self.dir);
        command.arg("--identity").arg(identity).arg(backup);
        self.listen(&mut command);
        Output::of(&mut command, b"")
    }

    /// Runs `init` on its folder, which works once.
    pub fn init_again(&self) -> Output {
        let mut command = Command::new(bins::path("wharden-controller"));
        command.args(["init", "--advertise", "127.0.0.1,localhost", "--data-dir"]).arg(&self.dir);
        self.listen(&mut command);
        Output::of(&mut command, b"")
    }

    /// The command that runs it.
    pub fn run_command(&self) -> Command {
        let mut command = Command::new(bins::path("wharden-controller"));
        command.args(["run", "--data-dir"]).arg(&self.dir);
        if self.moved {
            self.listen(&mut command);
        }
        command
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    #[track_caller]
    pub fn start(&mut self) {
        self.launch();
        self.becomes_ready();
    }

    /// Starts it and does not wait.
    ///
    /// # Panics
    /// When it runs already.
    #[track_caller]
    pub fn launch(&mut self) {
        assert!(self.daemon.is_none(), "the controller runs already");
        self.daemon = Some(Daemon::start("controller", &self.run_command(), &self.log));
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    #[track_caller]
    pub fn becomes_ready(&mut self) {
        let rest = self.rest();
        let daemon = self.daemon.as_mut().expect("the controller was started");
        daemon.ready("GET /readyz answers 200", || {
            rest.try_send(&Method::GET, "/readyz", None).ok().filter(|a| a.status == 200)
        });
    }

    /// Starts it; it must end by itself, badly, saying these words once more.
    ///
    /// # Panics
    /// When it goes on or says something else.
    #[track_caller]
    pub fn starts_in_vain(&mut self, words: &str) {
        let before = self.log().matches(words).count();
        self.launch();
        let status = self.ends();
        assert!(!status.success(), "the controller ended with {status}");
        assert!(self.log().matches(words).count() > before, "{words:?} is not in its log:\n{}", self.log());
    }

    /// Stops it with SIGTERM; it must end well.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut daemon = self.daemon.take().expect("the controller runs");
        let status = daemon.stop();
        assert!(status.success(), "the controller ended with {status} on SIGTERM\n{}", daemon.tail());
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.daemon.take().expect("the controller runs").kill();
    }

    /// Everything that it wrote in all its runs.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits for words in its log.
    pub fn log_says(&self, words: &str) {
        crate::eventually(&format!("{words:?} in the controller's log"), SETTLE, || {
            self.log().contains(words).then_some(())
        });
    }

    /// This controller's data, listening where another one, which must have stopped, did.
    #[must_use]
    pub fn at_the_place_of(mut self, other: &Self) -> Self {
        self.rest_port = other.rest_port;
        self.agent_port = other.agent_port;
        self.peer_port = other.peer_port;
        self.moved = true;
        self
    }

    /// Its data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `https://127.0.0.1:…`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.rest_port)
    }

    /// Where agents connect.
    pub fn agent_address(&self) -> String {
        format!("127.0.0.1:{}", self.agent_port)
    }

    /// Where other controllers connect.
    pub fn peer_address(&self) -> String {
        format!("127.0.0.1:{}", self.peer_port)
    }

    /// Waits until its process has ended by itself.
    ///
    /// # Panics
    /// When it goes on.
    #[track_caller]
    pub fn ends(&mut self) -> std::process::ExitStatus {
        self.daemon.take().expect("the controller runs").ends()
    }

    /// True while a process of it was started and not stopped.
    pub fn runs(&self) -> bool {
        self.daemon.is_some()
    }

    /// Where REST listens.
    pub fn rest_address(&self) -> String {
        format!("127.0.0.1:{}", self.rest_port)
    }

    /// The CA's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A client without a session.
    pub fn rest(&self) -> Rest {
        Rest::new(&self.url(), &self.ca_file())
    }
}
