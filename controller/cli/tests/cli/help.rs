//! Help of every command, as a person reads it.

use crate::run::Shell;

const COMMANDS: &[&str] = &[
    "",
    "bootstrap",
    "accept-invite",
    "login",
    "logout",
    "totp",
    "user",
    "group",
    "token",
    "token create",
    "host",
    "inventory",
    "inventory containers",
    "policy",
    "policy put",
    "policy diff",
    "policy test",
    "policy suggest",
    "pack",
    "docker",
    "docker login",
    "account",
    "account totp",
    "service-account",
    "session",
    "session revoke",
    "key",
    "alerts",
    "doctor",
    "notify channel",
    "notify channel add",
    "event",
    "events",
    "audit",
    "audit list",
    "audit verify",
    "cluster",
    "cluster add",
    "capacity",
    "capacity snooze",
    "capacity thresholds",
    "capacity thresholds set",
    "move",
    "backup",
    "backup create",
    "completions",
];

#[tokio::test]
async fn help_of_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::in_dir(dir.path());
    let mut all = String::new();
    for command in COMMANDS {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let outcome = shell.run(&words).await;
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{command}");
        all.push_str(&format!("===== wharden {command}\n{}\n", outcome.out));
    }
    for line in all.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn completions_know_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::in_dir(dir.path());
    for name in ["bash", "zsh", "fish"] {
        let outcome = shell.run(&["completions", name]).await;
        assert_eq!(outcome.code, 0, "{name}");
        assert!(outcome.out.contains("rollback"), "{name}");
    }
    assert_eq!(shell.run(&["completions", "tcsh"]).await.code, 2);
}

#[tokio::test]
async fn help_is_a_word_too() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::in_dir(dir.path());
    for (words, flags) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "user"], &["user", "--help"]),
        (&["help", "token", "create"], &["token", "create", "--help"]),
    ] {
        let (said, shown) = (shell.run(words).await, shell.run(flags).await);
        assert_eq!((said.code, &said.out), (0, &shown.out), "{words:?}");
    }
    assert_eq!(shell.run(&["help", "fly"]).await.code, 2);
}

#[tokio::test]
async fn the_version_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = Shell::in_dir(dir.path()).run(&["--version"]).await;
    assert_eq!((outcome.code, outcome.out), (0, format!("wharden {}\n", env!("CARGO_PKG_VERSION"))));
}
