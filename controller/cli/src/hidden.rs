//! A line that is typed and not shown.
//!
//! While it is typed, the terminal gives every key as it comes, Ctrl-C too. So the terminal is put back before the program ends by
//! that key: whoever leaves a question for a password sees what they type after it.

use crate::console::TERMINAL;
use rpassword::ConfigBuilder;
use rustix::{
    process::{Signal, getpid, kill_process},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};
use std::{
    fs::File,
    io::{self, Read, Write},
};

/// What Ctrl-C gives.
const INTERRUPT: u8 = 3;

/// Asks for a line.
///
/// # Errors
/// When the terminal cannot be read, or is closed.
pub(crate) fn ask(question: &str) -> io::Result<String> {
    let mut shown = File::options().write(true).open(TERMINAL)?;
    write!(shown, "{question}")?;
    let config = ConfigBuilder::new().input_reader(Keys::of(File::open(TERMINAL)?)?).output_discard().build();
    let line = rpassword::read_password_with_config(config);
    writeln!(shown)?;
    line
}

/// Keys of a terminal that shows none of them until this is dropped.
struct Keys {
    terminal: File,
    before: Termios,
}

impl Keys {
    fn of(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut unseen = before.clone();
        unseen.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        (unseen.special_codes[SpecialCodeIndex::VMIN], unseen.special_codes[SpecialCodeIndex::VTIME]) = (1, 0);
        tcsetattr(&terminal, OptionalActions::Now, &unseen)?;
        Ok(Self { terminal, before })
    }

    fn put_back(&self) -> io::Result<()> {
        Ok(tcsetattr(&self.terminal, OptionalActions::Now, &self.before)?)
    }
}

impl Read for Keys {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.terminal.read(into)?;
        if into[..read].contains(&INTERRUPT) {
            self.put_back()?;
            kill_process(getpid(), Signal::INT)?;
            // Somebody lets it live on.
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(read)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // There is nobody to tell, and nothing else to try.
        let _ = self.put_back();
    }
}
