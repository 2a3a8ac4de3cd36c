//! The session renews itself, once, whoever asks; and its file is guarded.

use crate::{
    run::{Shell, session},
    sample::{error, tokens, user, whoami},
    server::Server,
};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

const REFRESH: &str = "POST /v1/session/refresh";
const WHOAMI: &str = "GET /v1/whoami";

#[tokio::test]
async fn a_token_about_to_end_is_renewed_before_the_call() {
    let server = Server::start().await;
    server.on(REFRESH, 200, tokens("access-2", "refresh-2")).on(WHOAMI, 200, whoami());
    let shell = Shell::at(&server);
    shell.log_in(&server.url(), session("access-1", 10, "refresh-1")).await;
    assert_eq!(shell.run(&["whoami"]).await.code, 0);
    let seen = server.seen();
    assert_eq!(server.routes(), [REFRESH, WHOAMI]);
    assert_eq!((seen[0].body.clone(), seen[0].bearer.clone()), (json!({"refresh_token": "refresh-1"}), None));
    assert_eq!(seen[1].bearer.as_deref(), Some("Bearer access-2"));
    let stored = shell.store().load().unwrap();
    assert_eq!(stored.sessions[&server.url()].refresh_token.reveal(), "refresh-2");
    let mode = std::fs::metadata(shell.store().path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    assert_eq!(shell.run(&["whoami"]).await.code, 0);
    assert_eq!(server.routes(), [REFRESH, WHOAMI, WHOAMI]);
}

#[tokio::test]
async fn a_token_that_the_controller_ended_is_renewed_once() {
    let server = Server::start().await;
    server.on(WHOAMI, 401, error("not_logged_in", "the access token has ended", "")).on(WHOAMI, 200, whoami()).on(
        REFRESH,
        200,
        tokens("access-2", "refresh-2"),
    );
    let shell = Shell::logged_in(&server).await;
    assert_eq!(shell.run(&["whoami"]).await.code, 0);
    assert_eq!(server.routes(), [WHOAMI, REFRESH, WHOAMI]);

    let server = Server::start().await;
    server.on(WHOAMI, 401, error("not_logged_in", "the session was ended", "")).on(
        REFRESH,
        200,
        tokens("access-2", "refresh-2"),
    );
    let shell = Shell::logged_in(&server).await;
    assert_eq!(shell.run(&["whoami"]).await.code, 3);
    assert_eq!(server.routes(), [WHOAMI, REFRESH, WHOAMI]);
}

#[tokio::test]
async fn a_session_that_cannot_be_renewed_is_forgotten() {
    let server = Server::start().await;
    server.on(REFRESH, 401, error("not_logged_in", "the refresh token was used", "")).on(WHOAMI, 200, whoami());
    let shell = Shell::at(&server);
    shell.log_in(&server.url(), session("access-1", 0, "refresh-1")).await;
    let outcome = shell.run(&["whoami"]).await;
    assert_eq!(outcome.code, 3);
    assert!(outcome.err.contains("has ended\nnext: log in again with `wharden login`"), "{}", outcome.err);
    assert_eq!(server.routes(), [REFRESH]);
    let outcome = shell.run(&["whoami", "-o", "json"]).await;
    assert_eq!(outcome.error()["code"], "not_logged_in");
    assert_eq!((outcome.code, server.routes().len()), (3, 1));
}

#[tokio::test]
async fn after_a_session_has_ended_a_login_needs_neither_url_nor_ca() {
    let server = Server::start().await;
    server.on(REFRESH, 401, error("not_logged_in", "the cluster was restored", "")).on(WHOAMI, 200, whoami()).on(
        "POST /v1/login",
        200,
        tokens("access-2", "refresh-2"),
    );
    let mut shell = Shell::at(&server);
    shell.vars.remove("WHARDEN_URL");
    shell.vars.remove("WHARDEN_CA_FILE");
    let mut old = session("access-1", 0, "refresh-1");
    old.ca_pem = Some(std::fs::read_to_string(server.ca_file()).unwrap());
    old.controllers = vec![AWAY.to_owned(), server.url()];
    // The controller that it began at is gone: another one is asked.
    shell.log_in(AWAY, old).await;
    for _ in 0..2 {
        let outcome = shell.run(&["whoami"]).await;
        assert!(outcome.code == 3 && outcome.err.contains("`wharden login`"), "{}", outcome.err);
    }
    shell.stdin = "correct horse battery".to_owned();
    let outcome = shell.run(&["login", "--username", "alice", "--password-stdin", "--totp", "123456"]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert_eq!(shell.run(&["whoami"]).await.code, 0);
    let stored = shell.store().load().unwrap();
    assert_eq!((stored.current, stored.known.len()), (Some(server.url()), 0));
    shell.run(&["logout", "--local"]).await;
    assert_eq!(shell.run(&["whoami"]).await.code, 2, "who logs out is forgotten");
}

#[tokio::test]
async fn who_held_a_session_is_told_why_it_ended_and_what_to_do() {
    let server = Server::start().await;
    let mut refused = error("not_logged_in", "the session has ended: it was revoked by ada", "log in");
    refused["details"] = json!([{"at": "session", "message": "it was revoked by ada at 2026-11-28T20:00:00.000Z"}]);
    server.on(WHOAMI, 401, refused.clone()).on(REFRESH, 401, refused);
    let shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&["whoami"]).await;
    let words = "has ended: it was revoked by ada at 2026-11-28T20:00:00.000Z\nnext: log in again with `wharden login`";
    assert!(outcome.code == 3 && outcome.err.contains(words), "{}", outcome.err);
}

#[tokio::test]
async fn a_controller_that_cannot_renew_now_does_not_end_the_session() {
    let server = Server::start().await;
    server.on(REFRESH, 503, error("unavailable", "no leader", "try again"));
    let shell = Shell::at(&server);
    shell.log_in(&server.url(), session("access-1", 0, "refresh-1")).await;
    assert_eq!(shell.run(&["whoami"]).await.code, 1);
    assert_eq!(shell.store().load().unwrap().sessions[&server.url()].refresh_token.reveal(), "refresh-1");
}

#[tokio::test]
async fn a_file_that_others_may_read_is_refused() {
    let server = Server::start().await;
    server.on(WHOAMI, 200, whoami());
    let shell = Shell::logged_in(&server).await;
    std::fs::set_permissions(shell.store().path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = shell.run(&["whoami"]).await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("(mode 0644)") && outcome.err.contains("chmod 600"), "{}", outcome.err);
    assert_eq!(server.routes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_damaged_file_is_told_and_left_alone() {
    let server = Server::start().await;
    let shell = Shell::logged_in(&server).await;
    std::fs::write(shell.store().path(), "{\"format\": 1,\n nonsense").unwrap();
    let outcome = shell.run(&["whoami"]).await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("line 2"), "{}", outcome.err);
    assert!(std::fs::read_to_string(shell.store().path()).unwrap().contains("nonsense"));
}

#[tokio::test]
async fn a_token_never_goes_to_another_controller() {
    let (ours, other) = (Server::start().await, Server::start().await);
    other.on(WHOAMI, 200, whoami());
    let shell = Shell::logged_in(&ours).await;
    let ca = other.ca_file().display().to_string();
    let outcome = shell.run(&["whoami", "--url", &other.url(), "--ca-file", &ca]).await;
    assert_eq!(outcome.code, 3);
    assert!(outcome.err.contains("there is a session at"), "{}", outcome.err);
    assert_eq!(other.routes(), Vec::<String>::new());
}

/// Nobody listens there.
const AWAY: &str = "https://127.0.0.1:1";

#[tokio::test]
async fn another_controller_is_tried_when_the_first_cannot_be_reached() {
    let server = Server::start().await;
    server.on(WHOAMI, 200, whoami()).on("POST /v1/users", 201, user("bob", true));
    let mut shell = Shell::at(&server);
    shell.vars.insert("WHARDEN_URL".to_owned(), format!("{AWAY}, {}", server.url()));
    shell.log_in(AWAY, session("access-1", 600, "refresh-1")).await;
    assert_eq!(shell.run(&["whoami"]).await.code, 0);
    assert_eq!(shell.run(&["user", "create", "bob"]).await.code, 0);
    assert_eq!(server.routes(), [WHOAMI, "POST /v1/users"]);

    // A session is found by any of them, and a login names the one that answered.
    shell.vars.insert("WHARDEN_URL".to_owned(), server.url());
    assert_eq!(shell.run(&["whoami"]).await.code, 3, "nothing ties the two together");
    shell.run(&["logout", "--local", "--url", AWAY]).await;
    server.on("POST /v1/login", 200, tokens("access-1", "refresh-1"));
    shell.vars.insert("WHARDEN_URL".to_owned(), format!("{AWAY},{}", server.url()));
    shell.stdin = "correct horse battery".to_owned();
    let outcome = shell.run(&["login", "--username", "alice", "--password-stdin", "--totp", "123456"]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.out.contains(&format!("logged in at {}", server.url())), "{}", outcome.out);
    for url in [server.url(), format!("{AWAY},{}", server.url())] {
        shell.vars.insert("WHARDEN_URL".to_owned(), url);
        assert_eq!(shell.run(&["whoami"]).await.code, 0);
    }
    shell.run(&["logout", "--local"]).await;
    shell.log_in(AWAY, session("access-1", 600, "refresh-1")).await;

    // And those that the cluster told at login, when none is named.
    shell.vars.remove("WHARDEN_URL");
    shell.vars.remove("WHARDEN_CA_FILE");
    assert_eq!(shell.run(&["whoami"]).await.code, 1, "it knows no other one");
    let mut told = session("access-1", 600, "refresh-1");
    told.controllers = vec![AWAY.to_owned(), server.url()];
    told.ca_pem = Some(std::fs::read_to_string(server.ca_file()).unwrap());
    shell.log_in(AWAY, told).await;
    assert_eq!(shell.run(&["whoami"]).await.code, 0);
}

#[tokio::test]
async fn a_key_of_a_service_account_is_not_told_to_log_in() {
    let server = Server::start().await;
    let (bad, refused) = ("the service account's key is not valid, or has expired", "this is not for service accounts");
    server.on("GET /v1/policies", 401, error("not_logged_in", bad, "log in: `wharden login`")).on(
        WHOAMI,
        401,
        error("not_logged_in", refused, "log in: `wharden login`"),
    );
    let mut shell = Shell::at(&server);
    shell.vars.insert("WHARDEN_TOKEN".to_owned(), "wsk_key".to_owned());
    for (words, code, told) in
        [(["policy", "list"].as_slice(), 3, "service-account rotate"), (&["whoami"], 1, "WHARDEN_TOKEN is set")]
    {
        let outcome = shell.run(words).await;
        assert_eq!(outcome.code, code, "{}", outcome.err);
        assert!(outcome.err.contains(told) && !outcome.err.contains("wharden login"), "{}", outcome.err);
    }
}
