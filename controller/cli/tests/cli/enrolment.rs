//! `bootstrap`, `accept-invite`, `login`, `logout`, `totp`.

use crate::{
    run::{NOW, Shell, session},
    sample::{error, tokens, whoami},
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

fn wrong_code() -> Value {
    let mut wrong = error("invalid", "the code is not the one of now", "");
    wrong["details"] = json!([{"at": "code", "message": "the code is not the one of now"}]);
    wrong
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
    server.on("POST /v1/enrolment", 200, enrolment()).on("POST /v1/enrolment/complete", 400, wrong_code()).on(
        "POST /v1/enrolment/complete",
        204,
        Value::Null,
    );
    let mut shell = Shell::at(&server);
    shell.answers = Some(vec![
        "win_secret",
        "alice",
        "too short",
        "correct horse battery",
        "correct horse batterie",
        "correct horse battery",
        "correct horse battery",
        "12345",
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
async fn who_mistypes_the_code_is_told_what_is_void_and_what_is_still_good() {
    let server = Server::start().await;
    server.on("POST /v1/enrolment", 200, enrolment()).on("POST /v1/enrolment/complete", 400, wrong_code());
    let mut shell = Shell::at(&server);
    let password = "correct horse battery";
    shell.answers = Some(vec!["wbt_secret", password, password, "000000", "00000", "111111"]);
    let outcome = shell.run(&["bootstrap", "--username", "alice"]).await;
    assert_eq!(outcome.code, 1, "{}", outcome.err);
    assert!(outcome.err.contains("the secret and the recovery codes above are void"), "{}", outcome.err);
    assert!(outcome.err.contains("the bootstrap token is still good: run this again"), "{}", outcome.err);
    assert_eq!(server.routes().len(), 3, "what is not six digits is not sent");
}

#[tokio::test]
async fn another_authenticator_is_not_shown_to_whoever_cannot_go_on() {
    let server = Server::start().await;
    let complete = "POST /v1/account/totp/complete";
    server.on("GET /v1/whoami", 200, whoami()).on("POST /v1/account/totp", 200, enrolment()).on(
        complete,
        403,
        error("bad_code", "the code is not the one of now", "check the clock"),
    );
    let mut shell = Shell::logged_in(&server).await;
    for (words, told) in [
        (&["account", "totp"][..], "--non-interactive"),
        (&["account", "totp", "--non-interactive"], "--recovery-code"),
        (&["account", "totp", "--non-interactive", "--totp", "1"], "six digits"),
    ] {
        let outcome = shell.run(words).await;
        assert_eq!((outcome.code, outcome.out.as_str()), (2, ""), "{words:?}: {}", outcome.err);
        assert!(outcome.err.contains(told), "{words:?}: {}", outcome.err);
    }
    assert_eq!(server.routes().iter().filter(|route| route.starts_with("POST")).count(), 0);

    let words = ["account", "totp", "--non-interactive", "--recovery-code", "aaaaa-bbbbb"];
    let outcome = shell.run(&words).await;
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.err.contains("nothing has changed: the secret and the recovery codes above are void"),
        "{}",
        outcome.err
    );
    assert!(outcome.err.contains("the recovery code is wrong, or was used already"), "{}", outcome.err);

    // At a terminal the new code is asked for again.
    server.on("POST /v1/account/totp/complete", 400, wrong_code());
    shell.answers = Some(vec!["1", "222222"]);
    let outcome = shell.run(&["account", "totp", "--totp", "123456"]).await;
    assert_eq!(outcome.code, 1, "{}", outcome.err);
    assert!(outcome.err.contains("that is not six digits; once more"), "{}", outcome.err);
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
    assert_eq!(
        outcome.err,
        "error: the token is not valid\nnext: take the one that `wharden-controller init` printed; it is good until there is an admin\n"
    );
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
    assert_eq!(outcome.json(), json!({"done": format!("logged out at {}", server.url()), "url": server.url()}));
    assert!(shell.store().load().unwrap().sessions.is_empty());
    shell.log_in(&server.url(), session("access-1", 600, "refresh-1")).await;
    let outcome = shell.run(&["logout", "--local"]).await;
    assert!(outcome.out.contains("forgotten here only: session s-111"), "{}", outcome.out);
    assert!(outcome.out.contains("stays good until 2026-11-24T20:00:00Z"), "{}", outcome.out);
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
    assert!(outcome.err.contains("code (or a recovery code): "), "{}", outcome.err);
    shell.answers = Some(vec!["correct horse battery"]);
    let outcome = shell.run(&["login", "--username", "alice", "--recovery-code", "aaaaa-bbbbb"]).await;
    assert_eq!(server.seen()[1].body["recovery_code"], "aaaaa-bbbbb");
    assert_eq!(server.seen()[1].body.get("code"), None);
    assert!(outcome.err.contains("recovery codes left: 8"), "{}", outcome.err);
    // A recovery code is taken where a code is asked for, too.
    shell.answers = Some(vec!["correct horse battery", "12345", "CCCCC ddddd"]);
    assert_eq!(shell.run(&["login", "--username", "alice"]).await.code, 0);
    assert_eq!(server.seen()[2].body["recovery_code"], "ccccc-ddddd");
    // Where the session cannot be kept, no code is used up.
    shell.vars.insert("WHARDEN_CONFIG_DIR".to_owned(), "/proc/none".to_owned());
    shell.answers = Some(vec!["correct horse battery", "123456"]);
    let outcome = shell.run(&["login", "--username", "alice"]).await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("cannot write /proc/none"), "{}", outcome.err);
    assert_eq!(server.routes().len(), 3);
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
