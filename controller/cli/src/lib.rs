//! `wharden`, the command line of admins: it turns words into calls of the controller's REST API and the answers into
//! tables or JSON.
//!
//! Place in the path of data: the very first step; it asks, the controller decides. [`run`] is the whole program as a
//! function over a [`Console`], which is all that it sees of the outside besides the controller and its own
//! credentials file.
//!
//! Must not know: the agents' protocol, storage, the replicated state, Cedar, how Docker requests are judged.

mod args;
mod client;
mod commands;
mod console;
mod context;
mod credentials;
mod docker_line;
mod error;
mod hidden;
mod input;
mod limits;
mod output;
mod settings;
mod span;
mod totp;

pub use console::{Console, Person, Prompts};
use context::Context;
pub use credentials::{Credentials, Session, Store};
use output::Format;
use std::ffi::OsString;

/// Runs one command and gives its exit code: 0 done, 1 refused or failed, 2 wrong usage, 3 not logged in.
pub async fn run<I, A>(words: I, console: &mut Console) -> u8
where
    I: IntoIterator<Item = A>,
    A: Into<OsString>,
{
    let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    let (cli, format) = match args::parse(&words, console) {
        Ok(args::Parsed::Command(cli)) => {
            let format = cli.global.output;
            (cli, format)
        }
        Ok(args::Parsed::Text(text)) => {
            return match console.print(&text) {
                Ok(()) => 0,
                Err(error) => error::report(&error, Format::Table, console),
            };
        }
        Err(error) => return error::report(&error, args::guess_format(&words), console),
    };
    let outcome = {
        let mut context = Context::new(&cli.global, console);
        Box::pin(commands::run(cli.command, &mut context)).await
    };
    match outcome {
        Ok(()) => 0,
        Err(error) => error::report(&error, format, console),
    }
}
