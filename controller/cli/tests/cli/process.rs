//! The program as a process: the exit code is the process's, and processes share one session.

use crate::{
    run::{Shell, session},
    sample::{error, tokens, whoami},
    server::Server,
};
use serde_json::json;
use std::process::Stdio;
use tokio::process::Command;

/// 2100-01-01: after the clock of whoever runs this.
const FAR: u64 = 4_102_444_800_000;

fn wharden(shell: &Shell, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharden"));
    command.args(words).env_clear().envs(&shell.vars).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn many_processes_use_a_refresh_token_once() {
    let server = Server::start().await;
    let mut renewed = tokens("access-2", "refresh-2");
    renewed["access_expires_at"] = json!(FAR);
    server
        .on("POST /v1/session/refresh", 200, renewed)
        .on("POST /v1/session/refresh", 401, error("not_logged_in", "the refresh token was used twice", ""))
        .on("GET /v1/whoami", 200, whoami());
    let shell = Shell::at(&server);
    let mut ended = session("access-1", 0, "refresh-1");
    ended.access_expires_at = wharden_model::Timestamp(0);
    shell.log_in(&server.url(), ended).await;
    let children: Vec<_> = (0..8).map(|_| wharden(&shell, &["whoami"]).spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let refreshes = server.routes().iter().filter(|route| route.contains("refresh")).count();
    assert_eq!(refreshes, 1);
    assert_eq!(shell.store().load().unwrap().sessions[&server.url()].access_token.reveal(), "access-2");
}

#[tokio::test]
async fn exit_codes_are_those_of_the_process() {
    let server = Server::start().await;
    server.on("GET /v1/whoami", 200, whoami()).on("GET /v1/status", 403, error("forbidden", "no", ""));
    let shell = Shell::at(&server);
    let code = async |words: &[&str]| wharden(&shell, words).output().await.unwrap().status.code();
    assert_eq!(code(&["whoami"]).await, Some(3));
    let mut open = session("access-1", 0, "refresh-1");
    open.access_expires_at = wharden_model::Timestamp(FAR);
    shell.log_in(&server.url(), open).await;
    assert_eq!(code(&["whoami"]).await, Some(0));
    assert_eq!(code(&["status"]).await, Some(1));
    assert_eq!(code(&["stat"]).await, Some(2));
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_error() {
    let server = Server::start().await;
    let shell = Shell::at(&server);
    let mut child = wharden(&shell, &["policy", "actions"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
