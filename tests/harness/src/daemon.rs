//! A process that runs until the test is done, with its output in a file.

use crate::{
    limits::{LOG_TAIL, STOP},
    output::describe,
    wait::within,
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

/// A running process. Dropping it stops it: first SIGTERM, then SIGKILL.
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Daemon {
    /// Starts a command, its standard output and error appended to `log`.
    ///
    /// Should this process be killed, the kernel ends the daemon too: it goes with the thread that started it, which is
    /// the test's.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, command: &Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("log file");
        let line = describe(command);
        let mut wrapped = Command::new("setpriv");
        wrapped.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(key, value),
                None => wrapped.env_remove(key),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            wrapped.current_dir(dir);
        }
        let child = wrapped
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("log file"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {line}: {e}"));
        Self { name: name.to_owned(), child, log: log.to_owned(), ended: None }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it wrote.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("state of a child");
        }
        self.ended
    }

    /// Waits until `look` gives `Some`.
    ///
    /// # Panics
    /// When the process ends first, or it takes longer than [`crate::limits::READY`].
    #[track_caller]
    pub fn ready<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let mut found = None;
        let mut ended = None;
        within(crate::limits::READY, || {
            found = look();
            ended = if found.is_none() { self.ended() } else { None };
            found.is_some() || ended.is_some()
        });
        match (found, ended) {
            (Some(found), _) => found,
            (None, Some(status)) => panic!("{} ended ({status}) before: {what}\n{}", self.name, self.tail()),
            (None, None) => panic!("{} is not ready in time: {what}\n{}", self.name, self.tail()),
        }
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            // Not reaped, so the id is still that of our child.
            let sent = kill_process(Pid::from_child(&self.child), signal);
            assert!(sent.is_ok(), "cannot signal {}: {sent:?}", self.name);
        }
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Panics
    /// When it does not stop in time, which is a fault of the program.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let ended = within(STOP, || self.ended().is_some());
        assert!(ended, "{} did not stop within {STOP:?} of SIGTERM\n{}", self.name, self.tail());
        self.ended.expect("it has ended")
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it goes on.
    #[track_caller]
    pub fn ends(&mut self) -> ExitStatus {
        let ended = within(crate::limits::READY, || self.ended().is_some());
        assert!(ended, "{} goes on\n{}", self.name, self.tail());
        self.ended.expect("it has ended")
    }

    /// Ends it the hard way, as a crash would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        within(STOP, || self.ended().is_some());
    }

    /// The end of its log, for messages.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_TAIL);
        format!("--- end of the log of {}\n{}\n", self.name, lines.get(from..).unwrap_or_default().join("\n"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.tail());
        }
        self.signal(Signal::TERM);
        if !within(STOP, || self.ended().is_some()) {
            self.kill();
        }
    }
}
