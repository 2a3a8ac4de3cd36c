//! What is wrong is raised by the leader, once, and is over when it is over; people take care of it.

use crate::break_glass;
use serde_json::{Value, json};
use wharden_harness::{Agent, Factor, Place, cluster::Cluster, eventually, limits::SETTLE};

const SOON: &str = "[alerts]\nlost_s = 2\ngrace_s = 1\ndisk_free_percent = 0\nfsync_ms = 60000";

/// Open alerts as `id severity state`.
fn open(cluster: &Cluster, at: usize) -> Vec<String> {
    let alerts = cluster.rest(at).get("/v1/alerts").ok();
    let text = |alert: &Value, field: &str| alert[field].as_str().expect("text").to_owned();
    // What somebody has put off is not asked about.
    let all = alerts.as_array().expect("alerts").iter().filter(|alert| alert["state"] != "snoozed");
    all.map(|alert| format!("{} {} {}", text(alert, "id"), text(alert, "severity"), text(alert, "state"))).collect()
}

#[track_caller]
fn becomes(cluster: &Cluster, at: usize, expected: &[String]) {
    eventually(&format!("{expected:?}"), SETTLE * 2, || (open(cluster, at) == expected).then_some(()));
}

#[test]
fn a_lost_host_and_a_lost_controller_are_raised_acknowledged_and_over() {
    let place = Place::new();
    let mut cluster = Cluster::configured(&place, 3, SOON);
    let token = cluster.admin.join_token("observe", 1, &json!({}));
    let mut agent = Agent::new(&place, "agent", &place.join("no-engine.sock"));
    agent.enroll(&cluster.controllers[0].agent_address(), &token, "dock-1").ok();
    agent.start_without_engine();
    let host = cluster.admin.hosts("dock-1")[0]["id"].as_str().expect("id").to_owned();
    eventually("the host is connected", SETTLE, || {
        (cluster.admin.hosts("dock-1")[0]["status"] == "connected").then_some(())
    });
    agent.kill();
    let lost = format!("host_lost:{host}");
    becomes(&cluster, 1, &[format!("{lost} warning raised")]);
    let alert = cluster.rest(2).get(&format!("/v1/alerts/{lost}")).ok();
    assert_eq!(alert["subject"], format!("host dock-1 ({host})").as_str());
    assert!(alert["advice"].as_str().is_some_and(|advice| advice.contains("systemctl status wharden-agent")));

    let taken = cluster.rest(2).post(&format!("/v1/alerts/{lost}/acknowledge"), json!({"note": "on it"})).ok();
    assert_eq!((&taken["acknowledged_by"], &taken["note"]), (&json!("user ada"), &json!("on it")));
    becomes(&cluster, 0, &[format!("{lost} warning acknowledged")]);
    let silent = cluster.rest(1).post(&format!("/v1/alerts/{lost}/snooze"), json!({"seconds": 3600})).ok();
    assert_eq!(silent["state"], "snoozed");
    agent.start_without_engine();
    // It is back, without the engine that it never had.
    let away = format!("engine_away:{host}");
    becomes(&cluster, 0, &[format!("{away} warning raised")]);
    let all = cluster.rest(0).get("/v1/alerts?all=true").ok();
    let is = |id: &str| all.as_array().expect("alerts").iter().find(|alert| alert["id"] == id).expect("known").clone();
    assert_eq!(is(&lost)["state"], "resolved", "{all}");
    let told = is(&away);
    assert!(told["advice"].as_str().is_some_and(|advice| advice.contains("engine_socket")), "{told}");
    cluster.rest(0).post(&format!("/v1/alerts/{away}/snooze"), json!({"seconds": 3600})).ok();
    break_glass::on(&agent, &["--reason", "the engine is gone", "--for", "10m"]).ok();
    becomes(&cluster, 0, &[format!("break_glass:{host} critical raised")]);
    break_glass::on(&agent, &["--end"]).ok();
    becomes(&cluster, 0, &[]);
    cluster.rest(0).post(&format!("/v1/alerts/{lost}/acknowledge"), json!({})).refused(409, "conflict");
    cluster.rest(0).post("/v1/alerts/host_lost:none/acknowledge", json!({})).refused(404, "not_found");

    let leader = cluster.leader(0);
    let (follower, other) = ((leader + 1) % 3, (leader + 2) % 3);
    cluster.controllers[follower].kill();
    becomes(&cluster, other, &[format!("controller_away:{} critical raised", follower + 1)]);
    cluster.controllers[follower].start();
    // The doctor tells what is so now; the alert is over only when it has been for a while.
    let meanwhile = eventually("the doctor finds it there", SETTLE, || {
        let look = cluster.rest(other).get("/v1/doctor").ok();
        let away = look["checks"].as_array()?.iter().find(|check| check["name"] == "controller_away")?.clone();
        (away["problems"] == json!([])).then(|| open(&cluster, other))
    });
    assert_eq!(meanwhile, [format!("controller_away:{} critical raised", follower + 1)]);
    becomes(&cluster, other, &[]);
    let metrics = cluster.rest(leader).get("/metrics").body;
    // These are there where backups are scheduled, and where a channel has failed.
    let elsewhere = ["backup_last_timestamp_seconds", "notifications_failed_total"];
    for name in named_metrics().iter().filter(|name| !elsewhere.contains(&name.as_str())) {
        let shown = |end: &str| metrics.contains(&format!("wharden_{name}{end}"));
        assert!(shown(" ") || shown("{"), "{name}");
    }
}

/// The metrics that the table in docs/operations.md names.
fn named_metrics() -> Vec<String> {
    let text = include_str!("../../../../docs/operations.md");
    let cells = text.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(4));
    let named = cells.filter_map(|cell| cell.trim().strip_prefix("`wharden_")?.strip_suffix('`'));
    let metrics: Vec<String> = named.map(str::to_owned).collect();
    assert!(metrics.len() > 8, "{metrics:?}");
    metrics
}

#[test]
fn alerts_are_for_those_who_may_see_them_and_channels_need_a_code() {
    let place = Place::new();
    let cluster = Cluster::configured(&place, 1, SOON);
    let ben = cluster.admin.invite(&cluster.controllers[0], "ben", &["viewers"]);
    ben.rest().get("/v1/channels").refused(403, "forbidden");
    ben.rest().get("/v1/doctor").ok();
    let ann = cluster.admin.invite(&cluster.controllers[0], "ann", &["auditors"]);
    ann.rest().get("/v1/alerts").ok();
    let snooze = json!({"seconds": 60});
    ann.rest().post("/v1/alerts/host_lost:x/snooze", snooze).refused(403, "forbidden");
    let alone = cluster.admin.rest().alone();
    let channel = json!({"name": "hook", "target": {"type": "webhook", "url": "https://127.0.0.1:1/x"}});
    alone.post("/v1/channels", channel.clone()).refused(403, "step_up_required");
    cluster.controllers[0].rest().post("/v1/channels", channel.clone()).refused(401, "not_logged_in");
    let made = cluster.admin.rest().post("/v1/channels", channel.clone()).ok();
    assert_eq!(made["secret"].as_str().map(str::len), Some(64), "one was made");
    assert_eq!(made["info"]["target"], json!({"type": "webhook", "server": "127.0.0.1:1"}));
    cluster.admin.rest().post("/v1/channels", channel).refused(409, "conflict");
    let tested = alone.post("/v1/channels/hook/test", Value::Null).ok();
    assert_eq!(tested["delivered"], false);
    assert!(tested["answer"].as_str().is_some_and(|answer| answer.contains("refused")), "{tested}");
    let bad = [
        json!({"name": "b", "target": {"type": "webhook", "url": "http://example.org/"}}),
        json!({"name": "b", "target": {"type": "webhook", "url": "https://user:pw@example.org/"}}),
        json!({"name": "b", "target": {"type": "webhook", "url": "https://example.org/", "secret": "short"}}),
        json!({"name": "b", "kinds": ["host_lots"], "target": {"type": "webhook", "url": "https://example.org/"}}),
        json!({"name": "b", "ca_pem": "x", "target": {"type": "webhook", "url": "https://example.org/"}}),
        json!({"name": "b", "target": {"type": "email", "host": "h\r\nRCPT", "port": 25, "security": "tls",
               "from": "a@example.org", "to": ["b@example.org"]}}),
        json!({"name": "b", "target": {"type": "email", "host": "h", "port": 25, "security": "none",
               "from": "a@example.org", "to": ["b@example.org"]}}),
        json!({"name": "b", "target": {"type": "email", "host": "h", "port": 25, "security": "tls",
               "from": "a@example.org", "to": ["b@example.org\r\nBcc: c@example.org"]}}),
    ];
    // What is refused for its form uses up no code.
    let code = Factor::recovery(&cluster.admin.recovery_codes[0]);
    for new in &bad {
        let (method, body) = ("POST".parse().expect("method"), new.to_string().into_bytes());
        let answer = alone.send_with(&method, "/v1/channels", Some(body), &[(code.header, &code.code)]);
        let said = answer.expect("an answer").refused(400, "invalid");
        let message = said["message"].as_str().unwrap_or_default();
        let has_names = message.contains("host_lots is no kind of alert; there are controller_away, ");
        assert_eq!(has_names && message.contains(", token_reused, "), new["kinds"].is_array(), "{message}");
    }
}
