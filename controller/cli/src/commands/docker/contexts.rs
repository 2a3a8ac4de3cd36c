//! Contexts of the docker command, made and removed by that command itself.

use crate::{console::Console, error::CliError, limits::DOCKER_TIMEOUT, output::one_line};
use std::{io, path::Path, process::Stdio};
use tokio::{process::Command, time::timeout};

/// Longest message of the docker command that is shown.
const MESSAGE_MAX: usize = 300;

/// What the docker command did; `None` when it is not installed.
type Done<T> = Result<Option<T>, CliError>;

/// True when docker has a context of this name.
///
/// # Errors
/// [`CliError::Verdict`] when docker does not end in time.
pub async fn exists(name: &str, console: &Console) -> Done<bool> {
    Ok(docker(&["context", "inspect", name], console).await?.map(|answer| answer.is_ok()))
}

/// Makes a context, or sets one anew.
///
/// # Errors
/// [`CliError::Verdict`] with what docker says.
pub async fn set(name: &str, replace: bool, about: &str, address: &str, certs: &Path, console: &Console) -> Done<()> {
    let file = |key: &str, file: &str| field(&format!("{key}={}", certs.join(file).display()));
    let fields = [
        field(&format!("host=tcp://{address}")),
        file("ca", "ca.pem"),
        file("cert", "cert.pem"),
        file("key", "key.pem"),
    ];
    let verb = if replace { "update" } else { "create" };
    let endpoint = fields.join(",");
    done(docker(&["context", verb, name, "--description", about, "--docker", &endpoint], console).await?)
}

/// Removes a context, the one in use too. One that is gone is removed.
///
/// # Errors
/// [`CliError::Verdict`] with what docker says.
pub async fn remove(name: &str, console: &Console) -> Done<()> {
    match exists(name, console).await? {
        Some(true) => done(docker(&["context", "rm", "--force", name], console).await?),
        there => Ok(there.map(|_| ())),
    }
}

fn done(answer: Option<Result<(), String>>) -> Done<()> {
    match answer {
        Some(Err(said)) => Err(failed(format!("docker refused: {}", one_line(&said, MESSAGE_MAX)))),
        other => Ok(other.map(|_| ())),
    }
}

async fn docker(args: &[&str], console: &Console) -> Done<Result<(), String>> {
    let mut command = Command::new("docker");
    command.args(args).env_clear().envs(&console.vars).stdin(Stdio::null()).kill_on_drop(true);
    match timeout(DOCKER_TIMEOUT, command.output()).await {
        Err(_) => Err(failed(format!("docker did not end within {} s", DOCKER_TIMEOUT.as_secs()))),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Ok(Err(error)) => Err(failed(format!("docker cannot be started: {error}"))),
        Ok(Ok(output)) if output.status.success() => Ok(Some(Ok(()))),
        Ok(Ok(output)) => Ok(Some(Err(String::from_utf8_lossy(&output.stderr).into_owned()))),
    }
}

fn failed(message: String) -> CliError {
    let hint = "see what `docker context ls` says, and try again".to_owned();
    CliError::Verdict { code: "docker", message, hint, details: Vec::new() }
}

/// One field of the list that docker reads as CSV.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The name of a host's context: docker takes letters, digits and `_ . + -`.
pub fn name_of(host: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
    format!("wharden-{}", host.chars().map(|c| if fits(c) { c } else { '-' }).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fields_are_what_docker_takes() {
        assert_eq!(name_of("web1.example.org"), "wharden-web1.example.org");
        assert_eq!(name_of("a b/c:d"), "wharden-a-b-c-d");
        assert_eq!(field("ca=/home/ann/ca.pem"), "ca=/home/ann/ca.pem");
        assert_eq!(field("ca=/a,b\"c"), "\"ca=/a,b\"\"c\"");
    }
}
