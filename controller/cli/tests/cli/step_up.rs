//! A change that asks for a code gets one: from the command line, from the person at the terminal, or it says what to do.

use crate::{run::Shell, sample::error, server::Server};
use serde_json::{Value, json};

const DELETE: &str = "DELETE /v1/users/bob";
const WORDS: &[&str] = &["user", "delete", "bob", "--yes"];

fn asked() -> Value {
    error("step_up_required", "user.delete needs a code of its own", "send the code as Wharden-Totp")
}

fn codes(server: &Server) -> Vec<Option<String>> {
    server.seen().into_iter().map(|seen| seen.totp).collect()
}

#[tokio::test]
async fn a_given_code_goes_with_the_call_that_asks_for_it_only() {
    let server = Server::start().await;
    server.on(DELETE, 403, asked()).on(DELETE, 204, Value::Null);
    let shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&[WORDS, &["--totp", "123456"]].concat()).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    assert_eq!(codes(&server), [None, Some("123456".to_owned())]);
    let mut shell = shell;
    shell.vars.insert("WHARDEN_TOTP".to_owned(), "654321".to_owned());
    assert_eq!(shell.run(WORDS).await.code, 0);
    assert_eq!(codes(&server).len(), 3, "a call that is not asked for one does not spend it");
}

#[tokio::test]
async fn a_person_is_asked_and_asked_again_when_the_code_was_used() {
    let server = Server::start().await;
    let used = error("bad_code", "the code was used already", "each code works once: wait for the next one");
    server.on(DELETE, 403, asked()).on(DELETE, 403, used).on(DELETE, 204, Value::Null);
    let mut shell = Shell::logged_in(&server).await;
    shell.answers = Some(vec!["111111", "222222"]);
    let outcome = shell.run(WORDS).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    assert_eq!(codes(&server), [None, Some("111111".to_owned()), Some("222222".to_owned())]);
    assert!(outcome.err.contains("needs a code of its own. Code:"), "{}", outcome.err);
    assert!(outcome.err.contains("the code was used already; each code works once"), "{}", outcome.err);
}

#[tokio::test]
async fn without_anybody_to_ask_it_says_how_to_give_one() {
    let server = Server::start().await;
    server.on(DELETE, 403, asked());
    let shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&[WORDS, &["-o", "json"]].concat()).await;
    assert_eq!(outcome.code, 1);
    let told = outcome.error();
    assert_eq!(told["code"], "step_up_required");
    assert!(told["hint"].as_str().unwrap().contains("--totp"), "{told}");
    assert_eq!(server.routes(), [DELETE]);
}

#[tokio::test]
async fn a_call_that_changes_nothing_makes_the_session_fresh_instead() {
    let server = Server::start().await;
    let list = "GET /v1/users";
    server.on(list, 403, asked()).on(list, 200, json!([])).on("POST /v1/session/step-up", 204, Value::Null);
    let shell = Shell::logged_in(&server).await;
    assert_eq!(shell.run(&["user", "list", "--totp", "123456"]).await.code, 0);
    assert_eq!(server.routes(), [list, "POST /v1/session/step-up", list]);
    assert_eq!(server.seen()[1].body, json!({"code": "123456"}));
    assert_eq!(codes(&server), [None, None, None]);
}
