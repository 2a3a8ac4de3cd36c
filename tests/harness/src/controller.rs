//! A controller as a process.

use crate::{
    bins, daemon::Daemon, limits::SETTLE, net::Seat, output::Output, place::Place, ports::free_port, rest::Rest,
};
use reqwest::Method;
use rustix::process::Signal;
use std::{
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
    address: String,
    through: Vec<String>,
    daemon: Option<Daemon>,
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
        controller.init_here();
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
            address: "127.0.0.1".to_owned(),
            through: Vec::new(),
            daemon: None,
        }
    }

    /// In a network namespace, where it has the usual ports, with `init` to be run still.
    #[must_use]
    pub fn seated(mut self, seat: &Seat) -> Self {
        [self.rest_port, self.agent_port, self.peer_port] = [7440, 7441, 7442];
        self.address = seat.address().to_owned();
        self.through = seat.through().map(str::to_owned).into();
        self
    }

    /// The same with a data folder anywhere, to be made with [`Controller::init_here`] or [`Controller::join`].
    pub fn new_in(place: &Place, dir: &Path, name: &str) -> Self {
        Self::at(place, dir, name)
    }

    /// Makes its folder with `init`.
    ///
    /// # Panics
    /// As [`Controller::init`].
    pub fn init_here(&mut self) {
        let output = self.init_again();
        self.bootstrap_token = output
            .ok()
            .split_whitespace()
            .find(|word| word.starts_with("wbt_"))
            .unwrap_or_else(|| panic!("no bootstrap token in: {output}"))
            .to_owned();
    }

    fn program(&self, word: &str) -> Command {
        let program = bins::path("wharden-controller").to_string_lossy().into_owned();
        let words: Vec<&String> = self.through.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(word);
        command
    }

    /// The names that it is reached by.
    fn advertised(&self) -> String {
        if self.through.is_empty() { "127.0.0.1,localhost".to_owned() } else { self.address.clone() }
    }

    /// One that is to join with [`Controller::join`].
    pub fn new(place: &Place, name: &str) -> Self {
        Self::at(place, &place.join(name), name)
    }

    /// Runs `join` on its folder.
    pub fn join(&self, peer: &str, code: &str) -> Output {
        let mut command = self.program("join");
        command.args(["--advertise", &self.advertised(), "--peer", peer, "--data-dir"]).arg(&self.dir);
        command.env("WHARDEN_JOIN_CODE", code);
        self.listen(&mut command);
        Output::of(&mut command, b"")
    }

    fn listen(&self, command: &mut Command) {
        command
            .arg(format!("--rest-listen={}:{}", self.address, self.rest_port))
            .arg(format!("--agent-listen={}:{}", self.address, self.agent_port))
            .arg(format!("--peer-listen={}:{}", self.address, self.peer_port));
    }

    /// Runs `restore` on its folder.
    pub fn restore(&self, backup: &Path, identity: &Path) -> Output {
        self.restore_from([Path::new("--identity"), identity, backup])
    }

    /// The same, with these arguments.
    pub fn restore_from<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        let mut command = self.program("restore");
        command.args(["--advertise", &self.advertised(), "--data-dir"]).arg(&self.dir).args(arguments);
        self.listen(&mut command);
        Output::of(&mut command, b"")
    }

    /// Runs `init` on its folder, which works once.
    pub fn init_again(&self) -> Output {
        let mut command = self.program("init");
        command.args(["--advertise", &self.advertised(), "--data-dir"]).arg(&self.dir);
        self.listen(&mut command);
        Output::of(&mut command, b"")
    }

    /// Adds to its configuration, from the next start on.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn configure(&self, toml: &str) {
        let file = self.dir.join("controller.toml");
        let text = std::fs::read_to_string(&file).expect("its configuration");
        std::fs::write(&file, format!("{text}\n{toml}\n")).expect("its configuration");
    }

    /// The command that runs it.
    pub fn run_command(&self) -> Command {
        let mut command = self.program("run");
        command.arg("--data-dir").arg(&self.dir);
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

    /// Keeps it from doing anything, as a machine that hangs would, until [`Controller::thaw`].
    pub fn freeze(&mut self) {
        self.daemon.as_mut().expect("the controller runs").signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        self.daemon.as_mut().expect("the controller runs").signal(Signal::CONT);
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

    /// Listening at its ports whatever its configuration says, from its next start on.
    #[must_use]
    pub fn moved(mut self) -> Self {
        self.moved = true;
        self
    }

    /// The same controller with its data folder somewhere else, from its next start on.
    ///
    /// # Panics
    /// When it runs.
    #[track_caller]
    pub fn move_to(&mut self, dir: &Path) {
        assert!(self.daemon.is_none(), "the controller runs");
        dir.clone_into(&mut self.dir);
    }

    /// Its data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `https://127.0.0.1:…`.
    pub fn url(&self) -> String {
        format!("https://{}:{}", self.address, self.rest_port)
    }

    /// Where agents connect.
    pub fn agent_address(&self) -> String {
        format!("{}:{}", self.address, self.agent_port)
    }

    /// Where other controllers connect.
    pub fn peer_address(&self) -> String {
        format!("{}:{}", self.address, self.peer_port)
    }

    /// Waits until its process has ended by itself.
    ///
    /// # Panics
    /// When it goes on.
    #[track_caller]
    pub fn ends(&mut self) -> std::process::ExitStatus {
        self.daemon.take().expect("the controller runs").ends()
    }

    /// True when its process was started and has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.daemon.as_mut().is_some_and(|daemon| daemon.ended().is_some())
    }

    /// True while a process of it was started and not stopped.
    pub fn runs(&self) -> bool {
        self.daemon.is_some()
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Daemon::pid)
    }

    /// Its ports: REST, agents, other controllers.
    pub fn ports(&self) -> [u16; 3] {
        [self.rest_port, self.agent_port, self.peer_port]
    }

    /// One whose folder was made by an earlier process, at the ports that it was made with.
    pub fn again(dir: &Path, log: &Path, [rest_port, agent_port, peer_port]: [u16; 3]) -> Self {
        Self {
            dir: dir.to_owned(),
            log: log.to_owned(),
            rest_port,
            agent_port,
            peer_port,
            address: "127.0.0.1".to_owned(),
            through: Vec::new(),
            bootstrap_token: String::new(),
            moved: false,
            daemon: None,
        }
    }

    /// Where REST listens.
    pub fn rest_address(&self) -> String {
        format!("{}:{}", self.address, self.rest_port)
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
