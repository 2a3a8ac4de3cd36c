//! The admin CLI: exit codes, JSON, and errors that say what to do next.

use serde_json::{Value, json};
use std::process::Command;
use wharden_harness::{Cli, Controller, Output, Place, Totp, admin::PASSWORD, totp::Person};

#[test]
fn exit_codes_are_as_documented() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let cli = Cli::new(&place, &controller, "ada");
    // 2: wrong usage.
    for wrong in [&["fly"][..], &[], &["user", "create"], &["host", "posture", "h", "lax"], &["status", "--nope"]] {
        cli.run(wrong).fails_with(2);
    }
    // 3: not logged in, and the error says how to.
    for first in
        [&["status"][..], &["whoami"], &["user", "list"], &["policy", "list"], &["events"], &["audit", "query"]]
    {
        let said = cli.run(first).fails_with(3);
        assert!(said.contains("wharden login"), "{said}");
    }
    let error: Value = serde_json::from_str(&cli.run(&["status", "-o", "json"]).err()).expect("errors are JSON too");
    assert_eq!(error["exit_code"], 3, "{error}");

    // The first admin, without a terminal.
    let input = format!("{}\n{PASSWORD}\n", controller.bootstrap_token);
    let args =
        ["bootstrap", "--token-stdin", "--username", "ada", "--password-stdin", "--non-interactive", "-o", "json"];
    let enrolled = cli.run_with(&args, &input).json();
    assert_eq!(enrolled["recovery_codes"].as_array().map(Vec::len), Some(10));
    cli.run_with(&args, &input).fails_with(1);
    let mut totp = Totp::new(enrolled["totp_secret"].as_str().expect("secret"));
    // The command has used one code; which one is for the authenticator to find out.
    totp.code();
    totp.code();
    let login = |code: &str, password: &str| {
        cli.run_with(&["login", "--username", "ada", "--password-stdin", "--totp", code], &format!("{password}\n"))
    };
    login(&totp.wrong_code(), PASSWORD).fails_with(1);
    let code = totp.code();
    login(&code, PASSWORD).ok();
    login(&code, PASSWORD).fails_with(1);

    // 0: done.
    assert_eq!(cli.json(&["whoami"])["username"], "ada");
    let codes = enrolled["recovery_codes"].as_array().expect("codes").iter().filter_map(Value::as_str);
    cli.answered_by(Person::new(&totp, &codes.map(str::to_owned).collect::<Vec<_>>()));
    cli.run(&["user", "create", "bob"]).ok();
    cli.run(&["group", "create", "auditors2"]).ok();
    // A change asks for a code, each time.
    let said = cli.alone().run(&["group", "add", "auditors2", "ada"]).fails_with(1);
    assert!(said.contains("--totp"), "{said}");
    let code = totp.code();
    cli.run(&["group", "add", "auditors2", "ada", "--totp", &code]).ok();
    assert_eq!(cli.json(&["group", "show", "auditors2"])["members"], serde_json::json!(["ada"]));
    let said = cli.run(&["group", "remove", "auditors2", "ada", "--totp", &code]).fails_with(1);
    assert!(said.contains("used already"), "{said}");
    let mut with_variable = cli.command(&["group", "remove", "auditors2", "ada"]);
    Output::of(with_variable.env("WHARDEN_TOTP", totp.code()), b"").ok();
    assert!(cli.run(&["token", "create", "--ttl", "1h", "-q"]).ok().starts_with("wjt_"));
    assert_eq!(cli.json(&["token", "list"]).as_array().map(Vec::len), Some(1));
    assert!(cli.run(&["status"]).ok().contains("leader"));
    assert!(cli.run(&["pack", "list"]).ok().contains("baseline"));
    cli.run(&["pack", "show", "baseline"]).ok();
    cli.run(&["audit", "query"]).ok();
    cli.run(&["audit", "verify"]).ok();
    for shell in ["bash", "zsh", "fish"] {
        assert!(cli.run(&["completions", shell]).ok().contains("wharden"));
    }
    cli.run(&["--version"]).ok();
    cli.run(&["--help"]).ok();

    // 1: refused or failed.
    cli.run(&["user", "show", "nobody"]).fails_with(1);
    cli.run(&["policy", "show", "none"]).fails_with(1);
    cli.run(&["policy", "put", "p", "/no/such/file"]).fails_with(1);
    cli.run(&["host", "revoke", "none", "--yes"]).fails_with(1);

    // The credentials are for their owner only, and end with the session.
    let file = cli.config().join("credentials.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("credentials").permissions());
    assert_eq!(mode & 0o777, 0o600);
    cli.run(&["logout"]).ok();
    cli.run(&["whoami"]).fails_with(3);
    controller.stop();
    let said = cli.run_with(&["login", "--username", "ada", "--password-stdin", "--totp", "123456"], "x\n");
    said.fails_with(1);
}

#[test]
fn policies_are_kept_in_versions_and_can_be_tried() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let mut admin = wharden_harness::Admin::bootstrap(&controller, "ada");
    admin.user("bob", &["developers"]);
    let cli = Cli::new(&place, &controller, "ada");
    cli.log_in(&mut admin);

    let one = place.write("dev.cedar", "@id(\"list\") permit (principal in Group::\"developers\", action == Docker::Action::\"container.list\", resource);\n");
    let path = one.to_str().expect("path");
    cli.run(&["policy", "validate", path]).ok();
    cli.run(&["policy", "put", "dev", path]).ok();
    let test = |words: &[&str]| cli.json(&[&["policy", "test", "--user", "bob"], words].concat());
    assert_eq!(test(&["docker", "ps"])["decision"]["effect"], "allow");
    assert_eq!(test(&["docker", "run", "app"])["decision"]["effect"], "deny");

    let two = std::fs::read_to_string(&one).expect("file").replace("container.list", "container.create");
    place.write("dev.cedar", &two);
    let diff = cli.run(&["policy", "diff", "dev", path]);
    assert!(diff.out().contains("-") && diff.out().contains("container.create"), "{diff}");
    cli.run(&["policy", "put", "dev", path]).ok();
    assert_eq!(test(&["docker", "run", "app"])["decision"]["effect"], "allow");
    assert_eq!(cli.json(&["policy", "history", "dev"]).as_array().map(Vec::len), Some(2));
    cli.run(&["policy", "rollback", "dev", "--yes"]).ok();
    assert_eq!(test(&["docker", "ps"])["decision"]["effect"], "allow");
    assert_eq!(cli.json(&["policy", "show", "dev"])["version"], 3);
    cli.run(&["policy", "remove", "dev", "--yes", "--totp", &admin.totp.code()]).ok();
    assert_eq!(test(&["docker", "ps"])["decision"]["effect"], "deny");
}

#[test]
fn whoever_leaves_the_question_for_a_password_sees_what_they_type_next() {
    let place = Place::new();
    let cli = Cli::new(&place, &Controller::init(&place, "controller"), "ada");
    let login = cli.command(&["login", "--username", "ada"]);
    let mut left = Command::new("/usr/bin/python3");
    left.args(["-c", include_str!("../../../harness/src/py/interrupt.py"), "assword"]).arg(login.get_program());
    left.args(login.get_args()).env_clear();
    left.envs(login.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let seen = Output::of(&mut left, b"").json();
    assert_eq!(seen, json!({"before": true, "at_question": false, "after": true, "signal": 2}), "SIGINT ends it");
}
