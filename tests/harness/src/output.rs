//! What a command said and how it ended.

use crate::limits::COMMAND;
use std::{
    fmt,
    io::{Read, Write},
    process::{Command, Stdio},
    thread,
};

/// The end of a command.
#[derive(Clone)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Bytes on standard output.
    pub stdout: Vec<u8>,
    /// Bytes on standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Runs a command to its end, with `input` on its standard input.
    ///
    /// # Panics
    /// When it cannot be started, or runs longer than [`COMMAND`].
    #[track_caller]
    pub fn of(command: &mut Command, input: &[u8]) -> Self {
        let line = describe(command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {line}: {e}"));
        let mut stdin = child.stdin.take().expect("piped");
        let mut out = child.stdout.take().expect("piped");
        let mut err = child.stderr.take().expect("piped");
        let input = input.to_vec();
        // A command may well end without reading all of its input.
        let write = thread::spawn(move || stdin.write_all(&input).is_ok());
        let read_out = thread::spawn(move || read_all(&mut out));
        let read_err = thread::spawn(move || read_all(&mut err));
        let ended = crate::wait::within(COMMAND, || matches!(child.try_wait(), Ok(Some(_))));
        if !ended {
            // The child is ours and not reaped yet, so its id is still its own.
            drop(child.kill());
        }
        let status = child.wait().expect("the end of a child");
        let stdout = read_out.join().expect("reader");
        let stderr = read_err.join().expect("reader");
        drop(write.join());
        let output = Self { command: line, code: status.code().unwrap_or(-1), stdout, stderr };
        assert!(ended, "still running after {COMMAND:?}: {output}");
        output
    }

    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Both, for looking for a message wherever it went.
    pub fn all(&self) -> String {
        format!("{}{}", self.out(), self.err())
    }

    /// The trimmed standard output of a command that must have succeeded.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn ok(&self) -> String {
        assert!(self.code == 0, "should have succeeded: {self}");
        self.out().trim().to_owned()
    }

    /// The output of a command that must have failed with exactly this code.
    ///
    /// # Panics
    /// When it ended otherwise.
    #[track_caller]
    pub fn fails_with(&self, code: i32) -> String {
        assert!(self.code == code, "should have ended with {code}: {self}");
        self.all()
    }

    /// The output of a command that must have failed, with every one of `words` in it.
    ///
    /// # Panics
    /// When it succeeded or a word is missing.
    #[track_caller]
    pub fn fails_saying(&self, words: &[&str]) -> String {
        assert!(self.code != 0, "should have failed: {self}");
        let all = self.all();
        for word in words {
            assert!(all.contains(word), "{word:?} is missing in: {self}");
        }
        all
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When the command failed or its output is not JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("not JSON ({e}): {self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n--- exit code {}\n--- stdout\n{}--- stderr\n{}", self.command, self.code, self.out(), self.err())
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn read_all(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error is still worth showing.
    drop(from.read_to_end(&mut bytes));
    bytes
}

/// A command as a person would type it, without its environment.
pub(crate) fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        line.push(' ');
        match arg.split_once('\n') {
            Some((first, _)) if arg.len() > 200 => line.push_str(&format!("'{first} ...'")),
            _ => line.push_str(&arg),
        }
    }
    line
}
