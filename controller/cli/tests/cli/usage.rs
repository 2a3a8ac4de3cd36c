//! Wrong usage is exit code 2, says what is wrong, and asks the controller nothing.

use crate::{run::Shell, server::Server};

#[tokio::test]
async fn wrong_words_are_told_and_reach_nobody() {
    let server = Server::start().await;
    let shell = Shell::logged_in(&server).await;
    let big = shell.file("big.cedar", &"x".repeat(49 * 1024));
    let upper = shell.file("Upper.cedar", "");
    let wrong: &[(&[&str], &str)] = &[
        (&["fly"], "fly"),
        (&[], "Usage"),
        (&["user", "create", "a b"], "1 to 64"),
        (&["user", "delete", "bob"], "--yes"),
        (&["policy", "rollback", "team", "--totp", "123456"], "--yes"),
        (&["token", "create", "--ttl", "10s"], "1m to 30d"),
        (&["token", "create", "--ttl", "31d"], "1m to 30d"),
        (&["service-account", "create", "ci", "--ttl", "1m"], "1h to 366d"),
        (&["service-account", "rotate", "ci", "--ttl", "400d"], "1h to 366d"),
        (&["host", "revoke", ".."], "host's id"),
        (&["host", "label", "web1", "env"], "key=value"),
        (&["host", "posture", "web1", "sleep"], "observe or enforce"),
        (&["host", "list", "--label", "env"], "key=value"),
        (&["token", "create", "--ttl", "1y"], "duration"),
        (&["token", "create", "--uses", "0"], "1..=100000"),
        (&["token", "create", "--label", "a"], "key=value"),
        (&["policy", "mode", "team", "on"], "enforce, monitor or disabled"),
        (&["policy", "put", &upper], "NAME FILE"),
        (&["policy", "put", "a", "b", "c"], "unexpected value"),
        (&["policy", "diff", "team"], "required"),
        (&["policy", "test", "--user", "bob"], "required"),
        (&["policy", "test", "--user", "bob", "docker", "run", "--gpus", "all", "x"], "--gpus"),
        (&["policy", "test", "--user", "bob", "podman", "run", "x"], "podman"),
        (&["policy", "actions", "unicorn"], "unicorn"),
        (&["events", "--action", "container.fly"], "policy actions"),
        (&["events", "--since", "yesterday"], "not a time"),
        (&["events", "--limit", "1001"], "1..=1000"),
        (&["events", "--decision", "maybe"], "allowed, denied"),
        (&["login", "--totp", "1", "--recovery-code", "2"], "cannot be used with"),
        (&["login", "--password-stdin"], "--username"),
        (&["whoami", "--url", "http://x"], "https://"),
        (&["whoami", "--url", "https://u:p@x"], "user or password"),
    ];
    for (words, told) in wrong {
        let outcome = shell.run(words).await;
        assert_eq!(outcome.code, 2, "{words:?}: {}", outcome.err);
        assert!(outcome.err.contains(told), "{words:?}: {}", outcome.err);
        assert_eq!(outcome.out, "", "{words:?}");
    }
    let outcome = shell.run(&["policy", "put", "team", &big]).await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("big.cedar is larger than the 49152 bytes"), "{}", outcome.err);
    let outcome = shell.run(&["policy", "put", "team", "/no/such/file"]).await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("/no/such/file"), "{}", outcome.err);
    assert_eq!(server.routes(), Vec::<String>::new());
}

#[tokio::test]
async fn usage_errors_are_json_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::in_dir(dir.path());
    let outcome = shell.run(&["-o", "json", "user", "show"]).await;
    assert_eq!(outcome.code, 2);
    let error = outcome.error();
    assert_eq!(error["code"], "usage");
    assert_eq!(error["exit_code"], 2);
    assert!(error["message"].as_str().unwrap().contains("<NAME>"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--help"), "{error}");
    let outcome = shell.run(&["whoami", "--output=json"]).await;
    insta::assert_snapshot!(outcome.told());
}

#[tokio::test]
async fn destructive_commands_ask_on_a_terminal() {
    let server = Server::start().await;
    let mut shell = Shell::logged_in(&server).await;
    server.on("DELETE /v1/users/bob", 204, serde_json::Value::Null);
    shell.answers = Some(vec!["n"]);
    let outcome = shell.run(&["user", "delete", "bob"]).await;
    assert_eq!(outcome.code, 1);
    insta::assert_snapshot!(outcome.told());
    assert_eq!(server.routes(), Vec::<String>::new());
    shell.answers = Some(vec!["y"]);
    assert_eq!(shell.run(&["user", "delete", "bob"]).await.code, 0);
    shell.answers = None;
    assert_eq!(shell.run(&["user", "delete", "bob", "--yes"]).await.code, 0);
    assert_eq!(server.routes(), ["DELETE /v1/users/bob"; 2]);
}
