//! `bootstrap`, `accept-invite`, `login`, `logout`, `totp`.

use crate::{
    run::{NOW, Shell},
    sample::{error, tokens},
    server::Server,
};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn enrolment() -> Value {
    json!({
        "enrolment": "sealed", "totp_secret": SECRET,
        "otpauth_url": format!("otpauth://totp/Wharden:alice?secret={SECRET}&issuer=Wharden"),
        "recovery_codes": ["aaaaa-bbbbb", "ccccc-ddddd"],
    })
}

/// The code of [`SECRET`] at [`NOW`], from the program itself: its own tests compare it with the RFC.
async fn code(words: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Shell::in_dir(dir.path());
    shell.stdin = SECRET.to_owned();
    let outcome = shell.run(words).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    outcome.out.trim().to_owned()
}

#[tokio::test]
async fn bootstrap_without_a_terminal() {
    let server = Server::start().await;
    server.on("POST /v1/enrolment", 200, enrolment()).on("POST /v1/enrolment/complete", 204, Value::Null);
    let mut shell = Shell::at(&server);
    shell.stdin = "wbt_secret\ncorrect horse battery\n".to_owned();
    let words = ["bootstrap", "--token-stdin", "--username", "alice", "--password-stdin"];
    let refused = shell.run(&words).await;
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("--non-interactive"), "{}", refused.err);

    let words = [&words[..], &["--non-interactive", "-o", "json"]].concat();
    let outcome = shell.run(&words).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert_eq!(
        outcome.json(),
        json!({
            "username": "alice", "totp_secret": SECRET, "otpauth_url": enrolment()["otpauth_url"],
            "recovery_codes": ["aaaaa-bbbbb", "ccccc-ddddd"],
        })
    );
    assert_eq!(outcome.err, "");
    let seen = server.seen();
    assert_eq!(seen[0].body, json!({"token": "wbt_secret", "username": "alice", "password": "correct horse battery"}));
    assert_eq!(seen[1].body, json!({"enrolment": "sealed", "code": code(&["totp"]).await}));
    assert!(seen.iter().all(|seen| seen.bearer.is_none()));
}

#[tokio::test]
async fn accepting_an_invite_on_a_terminal() {
    let server = Server::start().await;
    server
        .on("POST /v1/enrolment", 200, enrolment())
        .on("POST /v1/enrolment/complete", 401, error("bad_credentials", "wrong code", ""))
        .on("POST /v1/enrolment/complete", 204, Value::Null);
    let mut shell = Shell::at(&server);
    shell.answers = Some(vec![
        "win_secret",
        "alice",
        "too short",
        "correct horse battery",
        "correct horse batterie",
        "correct horse battery",
        "correct horse battery",
        "000000",
        "123456",
    ]);
    let outcome = shell.run(&["accept-invite"]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.out.contains('█'), "a QR code is shown");
    insta::assert_snapshot!(outcome.told());
    assert_eq!(server.seen()[2].body["code"], "123456");
}

#[tokio::test]
async fn a_used_token_is_told() {
    let server = Server::start().await;
    server.on(
        "POST /v1/enrolment",
        401,
        error("bad_credentials", "the token is not valid", "ask an admin for a new one"),
    );
    let mut shell = Shell::at(&server);
    shell.stdin = "correct horse battery\n".to_owned();
    let words = ["bootstrap", "--token", "wbt_x", "--username", "a", "--password-stdin", "--non-interactive"];
    let outcome = shell.run(&words).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, ""));
    assert_eq!(outcome.err, "error: the token is not valid\nnext: ask an admin for a new one\n");
}

#[tokio::test]
async fn login_keeps_the_session_and_the_ca() {
    let server = Server::start().await;
    server.on("POST /v1/login", 200, tokens("access-1", "refresh-1")).on("GET /v1/users", 200, json!([])).on(
        "POST /v1/logout",
        204,
        Value::Null,
    );
    let mut shell = Shell::at(&server);
    shell.stdin = "correct horse battery".to_owned();
    let outcome = shell.run(&["login", "--username", "alice", "--password-stdin", "--totp", "123456"]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.out.contains("alice is logged in at https://127.0.0.1:"), "{}", outcome.out);
    assert!(!outcome.told().contains("access-1") && !outcome.told().contains("refresh-1"));
    assert_eq!(
        server.seen()[0].body,
        json!({"username": "alice", "password": "correct horse battery", "code": "123456"})
    );
    let mode = std::fs::metadata(shell.store().path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // From here on, neither URL nor CA need to be said.
    shell.vars.remove("WHARDEN_URL");
    shell.vars.remove("WHARDEN_CA_FILE");
    assert_eq!(shell.run(&["user", "list"]).await.told(), "exit 0\n--- stdout\n--- stderr\nno users\n");
    assert_eq!(server.seen()[1].bearer.as_deref(), Some("Bearer access-1"));

    let outcome = shell.run(&["logout", "-o", "json"]).await;
    assert_eq!(outcome.json(), json!({"done": format!("logged out at {}", server.url())}));
    assert!(shell.store().load().unwrap().sessions.is_empty());
    assert_eq!(shell.run(&["user", "list", "--url", &server.url()]).await.code, 3);
}

#[tokio::test]
async fn login_asks_a_person_and_takes_recovery_codes() {
    let server = Server::start().await;
    let mut with_codes = tokens("a", "r");
    with_codes["recovery_codes_left"] = json!(8);
    server.on("POST /v1/login", 200, tokens("a", "r")).on("POST /v1/login", 200, with_codes);
    let mut shell = Shell::at(&server);
    shell.answers = Some(vec!["alice", "correct horse battery", "123456"]);
    let outcome = shell.run(&["login"]).await;
    assert_eq!(outcome.code, 0);
    assert!(outcome.err.contains("(hidden) password"), "{}", outcome.err);
    shell.answers = Some(vec!["correct horse battery"]);
    let outcome = shell.run(&["login", "--username", "alice", "--recovery-code", "aaaaa-bbbbb"]).await;
    assert_eq!(server.seen()[1].body["recovery_code"], "aaaaa-bbbbb");
    assert_eq!(server.seen()[1].body.get("code"), None);
    assert!(outcome.err.contains("recovery codes left: 8"), "{}", outcome.err);
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_too_many_say_when() {
    let server = Server::start().await;
    let mut too_many = error("too_many", "too many attempts", "");
    too_many["retry_after_s"] = json!(17);
    server.on("POST /v1/login", 401, error("bad_credentials", "user name, password or code is wrong", "try again")).on(
        "POST /v1/login",
        429,
        too_many,
    );
    let mut shell = Shell::at(&server);
    shell.stdin = "wrong horse battery".to_owned();
    let words = ["login", "--username", "alice", "--password-stdin", "--totp", "123456"];
    let outcome = shell.run(&words).await;
    assert_eq!(
        outcome.told(),
        "exit 1\n--- stdout\n--- stderr\nerror: user name, password or code is wrong\nnext: try again\n"
    );
    let outcome = shell.run(&words).await;
    assert_eq!(outcome.told(), "exit 1\n--- stdout\n--- stderr\nerror: too many attempts\nnext: try again in 17 s\n");
    let outcome = shell.run(&[&words[..], &["-o", "json"]].concat()).await;
    assert_eq!(
        (outcome.error()["code"].clone(), outcome.error()["retry_after_s"].clone()),
        (json!("too_many"), json!(17))
    );
    assert!(!shell.store().path().exists());
}

#[tokio::test]
async fn totp_gives_the_next_code_early() {
    let (present, next) = (code(&["totp"]).await, code(&["totp", "--next", "--early"]).await);
    assert_eq!((present.len(), next.len()), (6, 6));
    assert_ne!(present, next);
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Shell::in_dir(dir.path());
    shell.vars.insert("WHARDEN_TOTP_SECRET".to_owned(), SECRET.to_owned());
    let outcome = shell.run(&["totp", "-o", "json"]).await;
    assert_eq!(outcome.json(), json!({"code": present, "expires_at": NOW.0 + 30_000}));
    shell.vars.insert("WHARDEN_TOTP_SECRET".to_owned(), "hunter2hunter2!".to_owned());
    let outcome = shell.run(&["totp"]).await;
    assert_eq!(outcome.code, 2);
    assert!(!outcome.err.contains("hunter2"), "{}", outcome.err);
}
