//! Alerts, channels and the doctor, as people and programs see them.

use crate::{
    run::{NOW, Shell},
    sample::{ago, error},
    server::Server,
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use wharden_model::Timestamp;

fn alert(state: &str) -> Value {
    json!({
        "id": "disk_headroom:2", "kind": "disk_headroom", "severity": "critical", "state": state,
        "subject": "controller 2 (evil\u{1b}[2J)", "summary": "the disk is nearly full",
        "detail": "12 MiB of 900 MiB are free", "advice": "make room", "raised_at": ago(600),
        "snoozed_until": if state == "snoozed" { json!(NOW.0 + 3_600_000) } else { Value::Null }, "told": ["pager"],
    })
}

fn channel() -> Value {
    json!({
        "name": "mail", "min_severity": "warning", "kinds": ["host_lost"], "repeat_s": 7200, "own_ca": true,
        "created_at": ago(60), "created_by": "user alice",
        "target": {"type": "email", "host": "mail.example.org", "port": 587, "security": "starttls",
                   "from": "w@example.org", "to": ["ops@example.org"], "username": "wharden"},
    })
}

fn clock() -> Timestamp {
    Timestamp::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

#[tokio::test]
async fn alerts_are_listed_shown_taken_care_of_and_silenced() {
    let server = Server::start().await;
    server
        .on("GET /v1/alerts", 200, json!([alert("raised")]))
        .on("GET /v1/alerts?all=true", 200, json!([alert("raised"), alert("snoozed")]))
        .on("GET /v1/alerts/disk_headroom:2", 200, alert("snoozed"))
        .on("POST /v1/alerts/disk_headroom:2/acknowledge", 200, alert("acknowledged"))
        .on("POST /v1/alerts/disk_headroom:2/snooze", 200, alert("snoozed"));
    let shell = Shell::logged_in(&server).await;
    let listed = shell.run(&["alerts", "list"]).await;
    assert_eq!(listed.code, 0, "{}", listed.told());
    assert!(listed.out.contains("critical") && listed.out.contains("the disk is nearly full"), "{}", listed.out);
    assert!(!listed.out.contains('\u{1b}'), "{}", listed.out);
    assert_eq!(shell.run(&["-o", "json", "alerts", "list", "--all"]).await.json().as_array().map(Vec::len), Some(2));
    let shown = shell.run(&["alerts", "show", "disk_headroom:2"]).await;
    assert!(shown.out.contains("make room") && shown.out.contains("pager"), "{}", shown.out);
    assert_eq!(shell.run(&["alerts", "ack", "disk_headroom:2", "--note", "on it"]).await.code, 0);
    let silenced = shell.run(&["alerts", "snooze", "disk_headroom:2", "1h"]).await;
    assert!(silenced.out.starts_with("alert disk_headroom:2 is silent until "), "{}", silenced.out);
    let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).filter(|body| !body.is_null()).collect();
    assert_eq!(bodies, [json!({"note": "on it"}), json!({"seconds": 3600})]);
    assert_eq!(shell.run(&["alerts", "show", "../users"]).await.code, 2);
}

#[tokio::test]
async fn channels_take_their_secrets_from_files_and_standard_input_only() {
    let server = Server::start().await;
    let made = |secret: Value| json!({"info": channel(), "secret": secret});
    server
        .on("POST /v1/channels", 201, made(json!("made-once")))
        .on("POST /v1/channels", 201, made(Value::Null))
        .on("GET /v1/channels", 200, json!([channel()]))
        .on("GET /v1/channels/mail", 200, channel())
        .on("DELETE /v1/channels/mail", 204, Value::Null)
        .on("POST /v1/channels/mail/test", 200, json!({"delivered": true, "answer": "250 kept", "took_ms": 7}))
        .on("POST /v1/channels/mail/test", 200, json!({"delivered": false, "answer": "535 no", "took_ms": 7}));
    let mut shell = Shell::logged_in(&server).await;
    let url = shell.file("url.txt", "https://hooks.example.org/T0/secret\n");
    let add = ["notify", "channel", "add", "mail"];
    let outcome = shell.run(&[&add[..], &["--webhook-file", &url, "--kind", "host_lost"]].concat()).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (0, "made-once\n"), "{}", outcome.told());
    assert!(!outcome.err.contains("secret\n") && outcome.err.contains("shown this once"), "{}", outcome.err);
    shell.stdin = "hunter2hunter2\n".to_owned();
    let mail = [
        "--email",
        "ops@example.org",
        "--smtp",
        "[::1]:465",
        "--tls",
        "tls",
        "--from",
        "w@example.org",
        "--username",
        "wharden",
        "--password-stdin",
        "--repeat",
        "2h",
        "--min-severity",
        "critical",
    ];
    let outcome = shell.run(&[&add[..], &mail].concat()).await;
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    assert!(!outcome.told().contains("hunter2"), "{}", outcome.told());
    let seen = server.seen();
    assert_eq!(seen[0].body["target"], json!({"type": "webhook", "url": "https://hooks.example.org/T0/secret"}));
    assert_eq!((&seen[0].body["kinds"], &seen[0].body["min_severity"]), (&json!(["host_lost"]), &json!("warning")));
    let target = json!({
        "type": "email", "host": "::1", "port": 465, "security": "tls", "from": "w@example.org",
        "to": ["ops@example.org"], "username": "wharden", "password": "hunter2hunter2",
    });
    assert_eq!((&seen[1].body["target"], &seen[1].body["repeat_s"]), (&target, &json!(7200)));
    for bad in [
        &["--email", "a@example.org"][..],
        &["--webhook-file", &url, "--email", "a@example.org"],
        &["--email", "a@example.org", "--smtp", "mail", "--from", "w@example.org"],
        &[],
    ] {
        assert_eq!(shell.run(&[&add[..], bad].concat()).await.code, 2, "{bad:?}");
    }
    let listed = shell.run(&["notify", "channel", "list"]).await;
    assert!(listed.out.contains("ops@example.org by mail.example.org:587"), "{}", listed.out);
    assert!(shell.run(&["notify", "channel", "show", "mail"]).await.out.contains("after STARTTLS"));
    assert_eq!(shell.run(&["notify", "channel", "remove", "mail", "--yes"]).await.code, 0);
    let tested = shell.run(&["notify", "channel", "test", "mail"]).await;
    assert_eq!((tested.code, tested.out.contains("250 kept")), (0, true), "{}", tested.told());
    let tested = shell.run(&["-o", "json", "notify", "channel", "test", "mail"]).await;
    assert_eq!((tested.code, &tested.error()["code"]), (1, &json!("not_delivered")));
    assert!(tested.error()["message"].as_str().unwrap().contains("535 no"));
}

fn diagnosis(severity: Option<&str>) -> Value {
    let problem = severity.map(|severity| {
        json!({"severity": severity, "subject": "controller 2", "summary": "the disk is nearly full",
               "detail": "12 MiB are free", "advice": "make room"})
    });
    let problems: Vec<Value> = problem.into_iter().collect();
    json!({"at": NOW.0, "controller": 1, "checks": [
        {"name": "disk_headroom", "what": "less than 15 % is free", "problems": problems},
        {"name": "reach", "what": "a controller does not reach another one", "problems": []},
    ]})
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_and_ends_with_how_bad_it_is() {
    for (severity, code) in [(None, 0), (Some("info"), 0), (Some("warning"), 1), (Some("critical"), 2)] {
        let server = Server::start().await;
        server.on("GET /readyz", 200, json!("ok")).on("GET /v1/doctor", 200, diagnosis(severity));
        let mut shell = Shell::at(&server);
        // In the middle of what passes for the same time, so that a slow machine does not matter.
        shell.now = clock().plus_secs(3);
        let mut session = crate::run::session("access-1", 600, "refresh-1");
        session.access_expires_at = shell.now.plus_secs(600);
        shell.log_in(&server.url(), session).await;
        let outcome = shell.run(&["doctor", "--all"]).await;
        assert_eq!(outcome.code, code, "{}", outcome.told());
        assert!(outcome.out.contains("ok       reach\n"), "{}", outcome.out);
        assert_eq!(outcome.out.contains("next: make room"), severity.is_some(), "{}", outcome.out);
        let report = shell.run(&["-o", "json", "doctor"]).await;
        assert_eq!(report.json()["cluster"]["controller"], 1);
        assert_eq!(report.code, code);
    }
}

#[tokio::test]
async fn a_controller_that_was_removed_is_not_broken_and_one_that_came_is_looked_at() {
    let (left, came) = ("https://127.0.0.1:1", "https://127.0.0.1:2");
    let member = |number: u64, url: &str| {
        json!({"number": number, "name": "ctl", "role": "voter", "leader": false, "reachable": true, "version": "",
               "applied_index": null, "lag": null, "peer_address": "", "rest_url": url, "agent_address": "",
               "joined_at": 0})
    };
    for (members, code) in [(vec![], 0), (vec![came], 2)] {
        let server = Server::start().await;
        let own = server.url();
        let all: Vec<Value> = [own.as_str()].into_iter().chain(members).map(|url| member(1, url)).collect();
        let cluster = json!({"controllers": all, "changing": null, "quorum": 1, "reachable_voters": 1, "level": 1});
        server.on("GET /readyz", 200, json!("ok")).on("GET /v1/doctor", 200, diagnosis(None));
        server.on("GET /v1/cluster", 200, cluster);
        let mut shell = Shell::at(&server);
        shell.now = clock().plus_secs(3);
        let mut session = crate::run::session("access-1", 600, "refresh-1");
        session.access_expires_at = shell.now.plus_secs(600);
        session.controllers = vec![own.clone(), left.to_owned()];
        shell.log_in(&own, session).await;
        let outcome = shell.run(&["doctor"]).await;
        assert_eq!(outcome.code, code, "{}", outcome.told());
        assert!(outcome.out.contains(&format!("info     controllers: {left}: it cannot be used")), "{}", outcome.out);
        assert_eq!(outcome.out.contains(&format!("critical controllers: {came}: it cannot be used")), code == 2);
    }
}

#[tokio::test]
async fn the_doctor_says_by_its_exit_code_that_nobody_is_logged_in() {
    let server = Server::start().await;
    server.on("GET /readyz", 200, json!("ok"));
    let mut shell = Shell::at(&server);
    shell.now = clock().plus_secs(3);
    let outcome = shell.run(&["doctor"]).await;
    assert_eq!(outcome.code, 3, "{}", outcome.told());
    assert!(outcome.out.contains("it was not asked") && outcome.out.contains("wharden login"), "{}", outcome.out);
}

#[tokio::test]
async fn the_doctor_looks_from_here_too() {
    let server = Server::start().await;
    server.on("GET /readyz", 503, json!("raft: no leader"));
    server.on("GET /v1/doctor", 403, error("forbidden", "alice may not", ""));
    let mut shell = Shell::logged_in(&server).await;
    let outcome = shell.run(&["doctor"]).await;
    assert_eq!(outcome.code, 2, "{}", outcome.told());
    for words in ["it cannot serve", "raft: no leader", "its clock and the one here differ by", "NTP", "alice may not"]
    {
        assert!(outcome.out.contains(words), "{words}: {}", outcome.out);
    }
    let stranger = Server::start().await;
    shell.vars.insert("WHARDEN_CA_FILE".to_owned(), stranger.ca_file().display().to_string());
    let outcome = shell.run(&["doctor"]).await;
    assert_eq!(outcome.code, 2, "{}", outcome.told());
    assert!(outcome.out.contains("is not to be trusted"), "{}", outcome.out);

    let agents = Server::start().await;
    agents.on("GET /readyz", 200, Value::Null);
    let outcome = Shell::at(&agents).run(&["doctor"]).await;
    assert!(outcome.code == 2 && outcome.out.contains("the port for people is 7440"), "{}", outcome.told());
}
