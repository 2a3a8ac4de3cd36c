//! The outside of the program as a value: streams, terminal, environment and clock.

use crate::{error::CliError, hidden, limits::SECRET_LINE_MAX};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
use wharden_model::{Timestamp, api::Secret};

/// Asks a person. Only there when there is a terminal to ask on.
pub trait Prompts: Send {
    /// Asks for a line.
    ///
    /// # Errors
    /// When the terminal cannot be read, or is closed.
    fn ask(&mut self, question: &str) -> io::Result<String>;

    /// Asks for a line that is not shown while it is typed.
    ///
    /// # Errors
    /// When the terminal cannot be read, or is closed.
    fn ask_hidden(&mut self, question: &str) -> io::Result<String>;
}

/// The person at the terminal, whom a command and the calls that it makes may both ask.
#[derive(Clone)]
pub struct Person(Arc<Mutex<Box<dyn Prompts>>>);

impl Person {
    /// The person behind these prompts.
    pub fn new(prompts: impl Prompts + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(prompts))))
    }

    /// As [`Prompts::ask`].
    ///
    /// # Errors
    /// As there.
    pub fn ask(&self, question: &str) -> io::Result<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ask(question)
    }

    /// As [`Prompts::ask_hidden`].
    ///
    /// # Errors
    /// As there.
    pub fn ask_hidden(&self, question: &str) -> io::Result<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ask_hidden(question)
    }
}

/// Gives the present time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the program sees of the outside.
pub struct Console {
    /// Answers go here.
    pub stdout: Box<dyn Write + Send>,
    /// Errors, notes and questions go here.
    pub stderr: Box<dyn Write + Send>,
    /// Secrets and files named `-` come from here.
    pub stdin: Box<dyn Read + Send>,
    /// A person to ask, when there is one.
    pub prompts: Option<Person>,
    /// Columns of the terminal that shows standard output; `None` when that is no terminal.
    pub columns: Option<u16>,
    /// Standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Environment variables.
    pub vars: BTreeMap<String, String>,
    /// The clock.
    pub clock: Clock,
}

impl Console {
    /// The streams, terminal, environment and clock of this process.
    pub fn of_process() -> Self {
        let vars: BTreeMap<String, String> =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        // Where only standard input comes from elsewhere, the person is still at the terminal.
        let asks = io::stderr().is_terminal() && (io::stdin().is_terminal() || File::open(TERMINAL).is_ok());
        Self {
            columns: io::stdout().is_terminal().then(terminal_columns).flatten(),
            stderr_is_terminal: io::stderr().is_terminal(),
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
            stdin: Box::new(io::stdin()),
            prompts: asks.then(|| Person::new(TerminalPrompts)),
            vars,
            clock: Arc::new(system_time),
        }
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A variable that is set to something.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// Writes to standard output at once.
    ///
    /// # Errors
    /// [`CliError::Output`] when nobody takes it.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), CliError> {
        self.stdout.write_all(text.as_bytes()).and_then(|()| self.stdout.flush()).map_err(CliError::Output)
    }

    /// Writes a line to standard error. Nothing can be done when that fails, so nothing is.
    pub(crate) fn warn(&mut self, line: &str) {
        let _unreported = writeln!(self.stderr, "{line}").and_then(|()| self.stderr.flush());
    }

    /// True when colours may be used on a stream that is a terminal (<https://no-color.org>).
    pub(crate) fn may_colour(&self) -> bool {
        self.var("NO_COLOR").is_none() && self.var("TERM") != Some("dumb")
    }

    /// Reads one line with a secret from standard input, without its line end.
    ///
    /// # Errors
    /// [`CliError::Usage`] when there is none or it is too long; [`CliError::Read`] when it cannot be read.
    pub(crate) fn secret_line(&mut self, what: &'static str) -> Result<Secret, CliError> {
        // Byte by byte: what follows the line belongs to the next reader.
        let mut one_byte = BufReader::with_capacity(1, &mut self.stdin).take(SECRET_LINE_MAX);
        let mut line = String::new();
        one_byte
            .read_line(&mut line)
            .map_err(|source| CliError::Read { what: format!("the {what} from standard input"), source })?;
        let text = line.strip_suffix('\n').unwrap_or(&line);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(CliError::usage(
                format!("standard input has no {what}"),
                format!("pipe the {what} in, as one line"),
            ));
        }
        if line.len() as u64 >= SECRET_LINE_MAX {
            return Err(CliError::usage(
                format!("the {what} on standard input is longer than {SECRET_LINE_MAX} bytes"),
                format!("pipe only the {what} in, as one line"),
            ));
        }
        Ok(Secret::new(text))
    }
}

fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn terminal_columns() -> Option<u16> {
    comfy_table::Table::new().width()
}

/// The terminal that this process belongs to, whatever its streams are.
pub(crate) const TERMINAL: &str = "/dev/tty";

struct TerminalPrompts;

impl Prompts for TerminalPrompts {
    fn ask(&mut self, question: &str) -> io::Result<String> {
        let mut stderr = io::stderr();
        write!(stderr, "{question}")?;
        stderr.flush()?;
        let mut line = String::new();
        let stdin = io::stdin();
        let from: Box<dyn Read> = if stdin.is_terminal() { Box::new(stdin) } else { Box::new(File::open(TERMINAL)?) };
        if from.take(SECRET_LINE_MAX).read_to_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim().to_owned())
    }

    fn ask_hidden(&mut self, question: &str) -> io::Result<String> {
        hidden::ask(question)
    }
}

/// `read_line` for a reader that is bounded but not buffered.
trait ReadToLine: Read {
    fn read_to_line(self, line: &mut String) -> io::Result<usize>;
}

impl<R: Read> ReadToLine for R {
    fn read_to_line(self, line: &mut String) -> io::Result<usize> {
        BufReader::with_capacity(1, self).read_line(line)
    }
}
