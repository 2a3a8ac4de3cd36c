//! The `wharden` command. Everything is in the library, so that tests can run it without a process.

use std::process::ExitCode;
use wharden_cli::Console;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut console = Console::of_process();
    ExitCode::from(Box::pin(wharden_cli::run(std::env::args_os(), &mut console)).await)
}
