//! Alerts are sent on: once, signed or by mail over TLS, again when nobody took them, and by whoever leads.

use serde_json::{Value, json};
use std::{fs, path::Path};
use wharden_harness::{Admin, Cli, Controller, Place, Receiver, cluster::Cluster, eventually, limits::SETTLE};

/// A full disk, so to speak: less than everything is free.
const DISK_IS_FULL: &str = "[alerts]\nlost_s = 2\ngrace_s = 1\ndisk_free_percent = 100";
const DISK_IS_NOT_FULL: &str = "[alerts]\nlost_s = 2\ngrace_s = 1\ndisk_free_percent = 0";
const SECRET: &str = "a-planted-signing-secret";
const PATH: &str = "/hook/a-planted-path-of-a-url";

fn webhook(receiver: &Receiver, name: &str) -> Value {
    let url = format!("https://127.0.0.1:{}{PATH}", receiver.port);
    let target = json!({"type": "webhook", "url": url, "secret": SECRET});
    json!({"name": name, "target": target, "ca_pem": receiver.certificate_pem()})
}

fn taken(thing: &Value) -> bool {
    thing["status"] == 200
}

fn deliveries(came: &[Value]) -> Vec<&str> {
    came.iter().map(|thing| thing["delivery"].as_str().expect("a delivery")).collect()
}

/// No file below this folder holds one of these.
fn assert_hidden(folder: &Path, secrets: &[&str]) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_hidden(&path, secrets);
            continue;
        }
        // Sockets cannot be read.
        let Ok(bytes) = fs::read(&path) else { continue };
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} stands in {}", path.display());
        }
    }
}

#[test]
fn a_webhook_that_fails_gets_each_alert_once_and_signed_and_hears_when_it_is_over() {
    let place = Place::new();
    let receiver = Receiver::webhook(&place, "hook", SECRET);
    receiver.refuse(Some(503));
    let mut controller = Controller::init(&place, "controller");
    let configuration = fs::read_to_string(controller.dir().join("controller.toml")).expect("its configuration");
    controller.configure(DISK_IS_FULL);
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    let made = admin.rest().post("/v1/channels", webhook(&receiver, "hook")).ok();
    assert_eq!(made["secret"], Value::Null, "it was given, so it is not told");

    let tried = receiver.gets("attempts that fail", 3, |thing| thing["status"] == 503);
    let first = tried[0]["delivery"].as_str().expect("a delivery");
    assert!(first.starts_with("disk_headroom:1@") && first.ends_with("#raised"), "{first}");
    assert!(tried.iter().all(|thing| thing["delivery"] == first), "the same message each time: {tried:?}");
    receiver.refuse(None);
    let came = receiver.gets("the message", 1, taken);
    assert_eq!((&came[0]["signed"], &came[0]["fresh"], &came[0]["path"]), (&json!(true), &json!(true), &json!(PATH)));
    let alert = &came[0]["body"]["alert"];
    assert_eq!((&alert["kind"], &alert["state"]), (&json!("disk_headroom"), &json!("raised")), "{alert}");
    assert!(alert["advice"].as_str().is_some_and(|advice| advice.starts_with("make room")), "{alert}");
    eventually("it is written down that the channel took it", SETTLE, || {
        let alert = admin.rest().get("/v1/alerts/disk_headroom:1").ok();
        (alert["told"] == json!(["hook"])).then_some(())
    });

    // The next leader, who is the same one started anew, says it no more; that it is over, once.
    controller.stop();
    fs::write(controller.dir().join("controller.toml"), configuration).expect("its configuration");
    controller.configure(DISK_IS_NOT_FULL);
    controller.start();
    let over = |thing: &Value| taken(thing) && thing["body"]["alert"]["state"] == "resolved";
    receiver.gets("that it is over", 1, over);
    eventually("no open alert", SETTLE, || {
        let open = admin.rest().get("/v1/alerts").ok();
        (open == json!([])).then_some(())
    });
    let came = receiver.gets("both", 2, taken);
    let all = deliveries(&came);
    assert_eq!(all, [first, &first.replace("#raised", "#resolved")]);
    let log = controller.log();
    assert!(!log.contains(SECRET) && !log.contains(PATH), "{log}");
    let shown = [admin.rest().get("/v1/channels").body, admin.rest().get("/v1/audit?limit=1000").body];
    for shown in &shown {
        assert!(!shown.contains(SECRET) && !shown.contains("a-planted"), "{shown}");
    }
    assert_hidden(controller.dir(), &[SECRET, PATH]);
}

#[test]
fn a_channel_that_fails_is_told_on_the_others_and_never_on_itself() {
    let place = Place::new();
    let [deaf, pager] = ["deaf", "pager"].map(|name| Receiver::webhook(&place, name, SECRET));
    deaf.refuse(Some(503));
    let mut controller = Controller::init(&place, "controller");
    controller.configure(&format!("{DISK_IS_FULL}\nfsync_ms = 60000\nchannel_s = 1"));
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    for (name, receiver) in [("deaf", &deaf), ("pager", &pager)] {
        admin.rest().post("/v1/channels", webhook(receiver, name)).ok();
    }
    let about = |thing: &Value| taken(thing) && thing["body"]["alert"]["kind"] == "channel_fails";
    let came = pager.gets("that the other one fails", 1, about);
    let alert = &came[0]["body"]["alert"];
    assert_eq!((&alert["id"], &alert["subject"]), (&json!("channel_fails:deaf"), &json!("channel deaf")), "{alert}");
    let shown = alert.to_string();
    assert!(shown.contains("503") && !shown.contains("a-planted") && !shown.contains(SECRET), "{shown}");
    let listed = admin.rest().get("/v1/alerts/channel_fails:deaf").ok();
    assert_eq!(listed["state"], "raised");

    deaf.refuse(None);
    let over = |thing: &Value| about(thing) && thing["body"]["alert"]["state"] == "resolved";
    pager.gets("that it is over", 1, over);
    let all = deaf.gets("what it had not heard", 1, taken);
    assert!(all.iter().all(|thing| thing["body"]["alert"]["kind"] != "channel_fails"), "{all:?}");
    assert_eq!(pager.came().iter().filter(|thing| about(thing)).count(), 2, "once, and once that it is over");
}

#[test]
fn mail_goes_over_tls_with_a_login_and_the_trial_shows_what_the_server_says() {
    let place = Place::new();
    let password = "a-planted-mail-password";
    let server = Receiver::smtp(&place, "mail", "wharden", password);
    let mut controller = Controller::init(&place, "controller");
    controller.configure(DISK_IS_FULL);
    controller.start();
    let mut admin = Admin::bootstrap(&controller, "ada");
    let cli = Cli::new(&place, &controller, "ada");
    cli.log_in(&mut admin);
    let channel = |name: &str, password: &str| {
        json!({
            "name": name, "ca_pem": server.certificate_pem(), "min_severity": "info",
            "target": {
                "type": "email", "host": "127.0.0.1", "port": server.port, "security": "starttls",
                "from": "Wharden <wharden@example.org>", "username": "wharden", "password": password,
                "to": ["ops@example.org", "Night <night@example.org>"],
            },
        })
    };
    admin.rest().post("/v1/channels", channel("mail", password)).ok();
    let tested = cli.run(&["notify", "channel", "test", "mail"]).ok();
    assert!(tested.contains("250 kept for ever"), "{tested}");
    let came = server.gets("the trial and the alert", 2, |thing| thing["refused"] == false);
    assert!(came.iter().all(|mail| mail["tls"] == true && mail["user"] == "wharden"), "{came:?}");
    let text = |mail: &Value| mail["text"].as_str().expect("text").to_owned();
    let alert = came.iter().map(text).find(|text| text.contains("disk_headroom:1")).expect("the alert");
    assert!(alert.contains("Subject: [Wharden ") && alert.contains("What to do: make room"), "{alert}");
    assert!(alert.contains("To: ops@example.org, Night <night@example.org>"), "{alert}");
    assert_eq!(came[0]["rcpt_tos"], json!(["ops@example.org", "night@example.org"]));
    assert!(came.iter().map(text).any(|text| text.contains("nothing is wrong")), "{came:?}");

    // Who cannot log in is told what the server said, and nobody sees the password.
    let wrong = "another-planted-password";
    admin.rest().post("/v1/channels", channel("wrong", wrong)).ok();
    let said = cli.run(&["notify", "channel", "test", "wrong"]).fails_with(1);
    assert!(said.contains("did not take it") && said.contains("535"), "{said}");
    let log = controller.log();
    let channels = admin.rest().get("/v1/channels").body;
    for secret in [password, wrong] {
        assert!(!log.contains(secret) && !said.contains(secret) && !channels.contains(secret));
    }
    assert_hidden(controller.dir(), &[password, wrong]);
}

#[test]
fn the_next_leader_neither_repeats_nor_leaves_out() {
    let place = Place::new();
    let receiver = Receiver::webhook(&place, "hook", SECRET);
    let mut cluster = Cluster::configured(&place, 3, DISK_IS_FULL);
    cluster.rest(0).post("/v1/channels", webhook(&receiver, "hook")).ok();
    receiver.gets("an alert for each controller", 3, taken);
    let told = |cluster: &Cluster, at: usize| {
        let alerts = cluster.rest(at).get("/v1/alerts").ok();
        let alerts = alerts.as_array().expect("alerts").clone();
        alerts.iter().filter(|alert| alert["told"] == json!(["hook"])).count()
    };
    eventually("three that were told", SETTLE, || (told(&cluster, 0) == 3).then_some(()));
    let leader = cluster.leader(0);
    cluster.controllers[leader].kill();
    let away = format!("controller_away:{}", leader + 1);
    let about = |thing: &Value| taken(thing) && thing["body"]["alert"]["id"] == away.as_str();
    let came = receiver.gets("that the leader is away", 1, about);
    assert_eq!(came[0]["body"]["alert"]["severity"], "critical", "one more and nothing goes on");
    cluster.controllers[leader].start();
    receiver.gets("that it is back", 2, about);
    let came = receiver.gets("all", 5, taken);
    let mut all = deliveries(&came);
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count, "none came twice: {all:?}");
    assert!(all.iter().filter(|delivery| delivery.starts_with("disk_headroom:")).count() >= 3, "{all:?}");
}
