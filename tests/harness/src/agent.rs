//! An agent as a process, with its guard.

use crate::{
    bins,
    client::{Docker, Python},
    daemon::Daemon,
    os_user::OsUser,
    output::Output,
    place::Place,
    ports::free_port,
    raw,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// An agent's folder and, while it runs, its process.
pub struct Agent {
    dir: PathBuf,
    log: PathBuf,
    homes: PathBuf,
    guard: PathBuf,
    engine: PathBuf,
    tcp: Option<u16>,
    more: Vec<OsString>,
    through: Vec<OsString>,
    limits_itself: bool,
    daemon: Option<Daemon>,
}

impl Agent {
    /// An agent that is not enrolled and does not run.
    pub fn new(place: &Place, name: &str, engine: &Path) -> Self {
        Self {
            dir: place.join(name),
            log: place.join(&format!("{name}.log")),
            homes: place.join("homes"),
            guard: place.join(&format!("{name}.sock")),
            engine: engine.to_owned(),
            tcp: None,
            more: Vec::new(),
            through: Vec::new(),
            limits_itself: false,
            daemon: None,
        }
    }

    /// From its next start on, its guard listens on TCP too.
    pub fn listen_on_tcp(&mut self) {
        self.tcp = Some(free_port());
    }

    /// Where its guard listens on TCP.
    ///
    /// # Panics
    /// When it does not.
    pub fn tcp_address(&self) -> String {
        format!("127.0.0.1:{}", self.tcp.expect("the guard listens on TCP"))
    }

    /// Runs `enroll`.
    pub fn enroll(&self, controller: &str, token: &str, hostname: &str) -> Output {
        let mut command = Command::new(bins::path("wharden-agent"));
        command
            .args(["enroll", "--controller", controller, "--token-file", "-", "--data-dir"])
            .arg(&self.dir)
            .arg(format!("--hostname={hostname}"));
        Output::of(&mut command, token.as_bytes())
    }

    /// The command that runs it.
    pub fn run_command(&self) -> Command {
        let program = bins::path("wharden-agent").into_os_string();
        let words: Vec<_> = self.through.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            // As its unit has it.
            .env("MIMALLOC_PURGE_DELAY", "10")
            .arg("run")
            .arg("--data-dir")
            .arg(&self.dir)
            .arg("--guard-socket")
            .arg(&self.guard)
            .arg("--engine-socket")
            .arg(&self.engine)
            .args(&self.more);
        // Of a debug build, on a machine that runs many tests, nobody expects to be light.
        if !self.limits_itself {
            command.args(["--own-memory-mib", "0", "--own-cpu-percent", "0"]);
        }
        if self.tcp.is_some() {
            command.arg("--guard-listen").arg(self.tcp_address());
        }
        command
    }

    /// One more argument for `run`, from the next start on.
    pub fn add_argument(&mut self, argument: impl Into<OsString>) {
        self.more.push(argument.into());
    }

    /// Lets it put itself under its usual limits, from the next start on.
    pub fn limits_itself(&mut self) {
        self.limits_itself = true;
    }

    /// Runs it by way of another command, which ends by becoming what its last words say, from the next start on.
    pub fn run_through(&mut self, command: &[&str]) {
        self.through = command.iter().map(OsString::from).collect();
    }

    /// Starts it and waits until its guard answers.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn start(&mut self) {
        self.start_until(200);
    }

    /// Starts it while no engine runs, and waits until its guard says so.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn start_without_engine(&mut self) {
        self.start_until(503);
    }

    #[track_caller]
    fn start_until(&mut self, status: u16) {
        assert!(self.daemon.is_none(), "the agent runs already");
        let mut daemon = Daemon::start("agent", &self.run_command(), &self.log);
        daemon.ready(&format!("the guard answers a ping with {status}"), || {
            self.guard.exists().then(|| std::os::unix::net::UnixStream::connect(&self.guard).ok()).flatten()?;
            let answer =
                raw::exchange_open(&self.guard, b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n");
            (raw::status(&answer) == status).then_some(())
        });
        self.daemon = Some(daemon);
    }

    /// Stops it with SIGTERM; it must end well.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut daemon = self.daemon.take().expect("the agent runs");
        let status = daemon.stop();
        assert!(status.success(), "the agent ended with {status} on SIGTERM\n{}", daemon.tail());
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.daemon.take().expect("the agent runs").kill();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.daemon.as_mut().and_then(Daemon::ended)
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("the agent runs").pid()
    }

    /// Waits for words in its log.
    pub fn log_says(&self, words: &str) {
        crate::eventually(&format!("{words:?} in the agent's log"), crate::limits::SETTLE, || {
            self.log().contains(words).then_some(())
        });
    }

    /// Everything that it wrote in all its runs.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The guard's socket.
    pub fn socket(&self) -> &Path {
        &self.guard
    }

    /// The docker command through the guard, as the OS user `wharden-t-{short}`.
    pub fn docker(&self, short: &str) -> Docker {
        Docker::new(&self.guard, Some(OsUser::named(short)), &self.homes.join(short))
    }

    /// docker-py through the guard, as the OS user `wharden-t-{short}`.
    pub fn python(&self, short: &str) -> Python {
        Python::like(&self.docker(short))
    }
}
