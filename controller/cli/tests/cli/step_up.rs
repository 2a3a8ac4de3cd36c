//! A change that asks for a code gets one: from the command line, from the person at the terminal, or it says what to do.

use crate::{
    run::{NOW, Shell},
    sample::error,
    server::Server,
};
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
    let delete = "DELETE /v1/capacity/thresholds/few";
    server.on(delete, 403, asked()).on(delete, 204, Value::Null);
    let mut shell = Shell::logged_in(&server).await;
    let words = ["capacity", "thresholds", "delete", "few", "--yes"];
    let outcome = shell.run(&[&words[..], &["--totp", "123456"]].concat()).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    assert_eq!(codes(&server), [None, Some("123456".to_owned())]);
    shell.vars.insert("WHARDEN_TOTP".to_owned(), "654321".to_owned());
    assert_eq!(shell.run(&words).await.code, 0);
    assert_eq!(codes(&server)[2], None, "a call that is not asked for one does not spend it");
}

#[tokio::test]
async fn a_call_that_is_known_to_need_a_code_has_it_at_once() {
    let server = Server::start().await;
    let (member, account) = ("PUT /v1/groups/dev/members/bob", "POST /v1/account/recovery-codes");
    server
        .on(DELETE, 204, Value::Null)
        .on(member, 204, Value::Null)
        .on(account, 200, json!({"recovery_codes": ["aaaaa-bbbbb"]}))
        .on("POST /v1/groups", 201, json!({"name": "ops", "members": ["bob"], "created_at": NOW.0}));
    let shell = Shell::logged_in(&server).await;
    let all: [&[&str]; 4] = [
        WORDS,
        &["group", "add", "dev", "bob"],
        &["account", "recovery-codes"],
        &["group", "create", "ops", "--member", "bob"],
    ];
    for words in all {
        let outcome = shell.run(&[words, &["--totp", "123 456"]].concat()).await;
        assert_eq!(outcome.code, 0, "{}", outcome.told());
    }
    assert_eq!(codes(&server), vec![Some("123456".to_owned()); 4]);
}

#[tokio::test]
async fn a_code_of_the_wrong_form_is_never_sent() {
    let server = Server::start().await;
    server.on(DELETE, 403, asked()).on(DELETE, 204, Value::Null);
    let mut shell = Shell::logged_in(&server).await;
    for (flag, code) in [("--totp", "abc"), ("--totp", "12"), ("--recovery-code", "abc")] {
        let outcome = shell.run(&[WORDS, &[flag, code]].concat()).await;
        assert_eq!(outcome.code, 2, "{}", outcome.err);
        assert!(outcome.err.contains(flag), "{}", outcome.err);
    }
    shell.vars.insert("WHARDEN_TOTP".to_owned(), "hunter2".to_owned());
    let outcome = shell.run(WORDS).await;
    assert_eq!(outcome.code, 2);
    assert!(outcome.err.contains("the code of WHARDEN_TOTP is not six digits"), "{}", outcome.err);
    assert!(!outcome.err.contains("hunter2"), "{}", outcome.err);
    assert_eq!(server.routes(), Vec::<String>::new());

    shell.vars.remove("WHARDEN_TOTP");
    shell.answers = Some(vec!["12345", "123456"]);
    let outcome = shell.run(WORDS).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    assert!(outcome.err.contains("neither six digits nor a recovery code"), "{}", outcome.err);
    assert_eq!(codes(&server), [None, Some("123456".to_owned())]);
}

#[tokio::test]
async fn a_recovery_code_does_and_a_wrong_one_is_told_as_such() {
    let server = Server::start().await;
    let wrong = error("bad_code", "the code is not the one of now", "check the authenticator");
    server.on(DELETE, 403, wrong);
    let mut shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&[WORDS, &["--recovery-code", "AAAAA-bbbbb"]].concat()).await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("error: the recovery code is wrong, or was used already"), "{}", outcome.err);
    assert!(outcome.err.contains("Five wrong ones in a row end the session"), "{}", outcome.err);
    assert_eq!(server.seen()[0].recovery.as_deref(), Some("aaaaa-bbbbb"));
    shell.answers = Some(vec!["ccccc-ddddd", ""]);
    assert_eq!(shell.run(WORDS).await.code, 1);
    assert_eq!(server.seen()[2].recovery.as_deref(), Some("ccccc-ddddd"));
}

#[tokio::test]
async fn each_of_many_changes_says_what_became_of_it() {
    let server = Server::start().await;
    let put = |user: &str| format!("PUT /v1/groups/dev/members/{user}");
    let nobody = error("not_found", "there is no user \"nosuch\"", "");
    server
        .on(&put("ada"), 403, asked())
        .on(&put("ada"), 204, Value::Null)
        .on(&put("nosuch"), 404, nobody)
        .on(&put("eve"), 403, asked())
        .on(&put("eve"), 204, Value::Null);
    let mut shell = Shell::logged_in(&server).await;
    let words = ["group", "add", "dev", "ada", "nosuch", "eve"];

    let outcome = shell.run(&[&words[..], &["--totp", "123456"]].concat()).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (2, ""), "one code is not enough, which is known before");
    assert!(
        outcome.err.contains("3 users need 3 codes") && outcome.err.contains("nothing is changed"),
        "{}",
        outcome.err
    );
    assert_eq!(server.routes(), Vec::<String>::new());

    shell.answers = Some(vec!["111111", "222222"]);
    let outcome = shell.run(&words).await;
    assert_eq!(outcome.code, 1);
    insta::assert_snapshot!(outcome.told());
    assert_eq!(server.routes(), [put("ada"), put("ada"), put("nosuch"), put("eve"), put("eve")]);

    let outcome = shell.run(&[&words[..], &["-o", "json"]].concat()).await;
    assert_eq!(outcome.json()["added"], json!(["ada", "eve"]));
    assert_eq!(outcome.json()["group"], "dev");
    assert_eq!(outcome.error()["details"][0]["at"], "nosuch");
    assert_eq!((outcome.code, &outcome.error()["code"]), (1, &json!("not_found")));
}

#[tokio::test]
async fn a_change_that_stops_half_way_names_what_was_not_tried() {
    let server = Server::start().await;
    let delete = |user: &str| format!("DELETE /v1/groups/admins/members/{user}");
    server.on(&delete("ada"), 204, Value::Null).on(
        &delete("eve"),
        403,
        error("forbidden", "this would take away your own right", "let another admin do it, or force it: `--force`"),
    );
    let shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&["group", "remove", "admins", "ada", "eve", "bob", "--force"]).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, "ada is no longer in group admins\n"));
    assert!(outcome.err.contains("Done: ada\n  eve: this would take away"), "{}", outcome.err);
    assert!(outcome.err.contains("  bob: not tried\n"), "{}", outcome.err);
    assert!(!outcome.err.contains("--force"), "what was given is not advised: {}", outcome.err);
    assert_eq!(server.routes(), [delete("ada"), delete("eve")]);
}

#[tokio::test]
async fn sessions_that_are_there_are_ended_whatever_the_others_are() {
    let server = Server::start().await;
    let ids: Vec<String> = ["1", "2", "3"].map(|n| format!("s-{}", n.repeat(32))).to_vec();
    let delete = |at: usize| format!("DELETE /v1/sessions/{}", ids[at]);
    server.on(&delete(0), 204, Value::Null).on(&delete(1), 404, error("not_found", "there is no session", "")).on(
        &delete(2),
        204,
        Value::Null,
    );
    let shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&["session", "revoke", &ids[0], &ids[1], &ids[2]]).await;
    assert_eq!(outcome.code, 1);
    assert_eq!(outcome.out, format!("{} is ended\n{} is ended\n", ids[0], ids[2]));
    assert!(outcome.err.contains(&format!("  {}: there is no session\n", ids[1])), "{}", outcome.err);
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
    assert!(outcome.err.contains("needs a code of its own. Code (or a recovery code):"), "{}", outcome.err);
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
