//! The audit reaches a syslog server and a webhook, in its order and without a gap, and no change waits for them.

use serde_json::{Value, json};
use wharden_harness::{Admin, Controller, Place, Receiver, eventually, limits::SETTLE};

const SECRET: &str = "a-planted-secret-of-the-sink";

/// Numbers of the records that a webhook took, in the order in which they came.
fn taken(hook: &Receiver) -> Vec<u64> {
    let came = hook.came().into_iter().filter(|thing| thing["status"] == 200);
    came.flat_map(|thing| {
        assert_eq!((&thing["signed"], &thing["fresh"]), (&json!(true), &json!(true)), "{thing}");
        let records = thing["body"]["records"].as_array().expect("records").clone();
        records.into_iter().map(|record| record["seq"].as_u64().expect("a number"))
    })
    .collect()
}

/// Records in syslog messages, by the rules of RFC 5424.
fn logged(syslog: &Receiver) -> Vec<Value> {
    let read = |thing: Value| {
        let message = thing["message"].as_str().expect("a message").to_owned();
        let parts: Vec<&str> = message.splitn(8, ' ').collect();
        let [head, time, cluster, program, process, id, data, text] = parts[..] else { panic!("{message}") };
        assert!(["<110>1", "<108>1"].contains(&head) && time.ends_with('Z') && cluster.starts_with("c-"), "{message}");
        assert_eq!((program, process, data), ("wharden-controller", "-", "-"), "{message}");
        let record: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(record["action"], id);
        record
    };
    syslog.came().into_iter().map(read).collect()
}

#[test]
fn sinks_that_were_away_get_all_of_it_in_order_and_a_restart_goes_on() {
    let place = Place::new();
    let (hook, mut syslog) = (Receiver::webhook(&place, "hook", SECRET), Receiver::syslog(&place, "syslog"));
    hook.refuse(Some(500));
    syslog.stop();
    let mut controller = Controller::init(&place, "controller");
    let secret = place.write("sink.secret", format!("{SECRET}\n"));
    controller.configure(&format!(
        "[audit_export.syslog]\nhost = \"127.0.0.1\"\nport = {}\nca_file = {:?}\n\
         [audit_export.webhook]\nurl = \"https://127.0.0.1:{}/audit\"\nca_file = {:?}\nsecret_file = {secret:?}",
        syslog.port,
        syslog.certificate(),
        hook.port,
        hook.certificate(),
    ));
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    for n in 0..5 {
        admin.user(&format!("u{n}"), &[]);
    }
    hook.gets("attempts that fail", 2, |thing| thing["status"] == 500);
    hook.refuse(None);
    syslog.start();
    let newest = || {
        let page = admin.rest().get("/v1/audit?limit=1").ok();
        page["records"][0]["seq"].as_u64().expect("a number")
    };
    let whole = |last: u64| (1..=last).collect::<Vec<u64>>();
    eventually("everything at the webhook", SETTLE * 2, || (taken(&hook) == whole(newest())).then_some(()));
    let numbers = || logged(&syslog).iter().map(|record| record["seq"].as_u64().expect("a number")).collect::<Vec<_>>();
    eventually("everything at the syslog server", SETTLE * 2, || (numbers() == whole(newest())).then_some(()));
    controller.stop();
    controller.start();
    admin.user("later", &[]);
    eventually("what came later, and nothing twice", SETTLE * 2, || {
        (taken(&hook) == whole(newest()) && numbers() == whole(newest())).then_some(())
    });
    assert!(logged(&syslog).iter().any(|record| record["resource"] == "user later"));
    let metrics = admin.rest().get("/metrics").body;
    assert!(metrics.contains("wharden_audit_export_dropped_total 0"), "{metrics}");
    assert!(!controller.log().contains(SECRET));
}

#[test]
fn a_sink_that_cannot_be_set_up_is_told_before_anybody_can_connect() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.configure("[audit_export.syslog]\nhost = \"127.0.0.1\"\nca_file = \"/nonexistent/ca.pem\"");
    controller.starts_in_vain("audit_export.syslog: ca_file: /nonexistent/ca.pem: No such file");
    assert!(!controller.log().contains("the controller is up"), "{}", controller.log());
}

#[test]
fn a_sink_that_takes_nothing_is_an_alert_until_it_takes_what_there_is() {
    let place = Place::new();
    let hook = Receiver::webhook(&place, "hook", SECRET);
    hook.refuse(Some(500));
    let mut controller = Controller::init(&place, "controller");
    let secret = place.write("sink.secret", format!("{SECRET}\n"));
    controller.configure(&format!(
        "[audit_export.webhook]\nurl = \"https://127.0.0.1:{}/a-planted-path\"\nca_file = {:?}\nsecret_file = {secret:?}\n\
         [alerts]\nlost_s = 2\ngrace_s = 600\ndisk_free_percent = 0\nfsync_ms = 60000\naudit_sink_s = 1",
        hook.port,
        hook.certificate(),
    ));
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    let alert = || {
        let answer = admin.rest().get("/v1/alerts/audit_sink:1-webhook");
        (answer.status == 200).then(|| answer.ok())
    };
    let raised = eventually("the alert", SETTLE * 2, alert);
    assert_eq!((&raised["severity"], &raised["state"]), (&json!("warning"), &json!("raised")));
    assert_eq!(raised["summary"], "the audit sink webhook takes nothing");
    let detail = raised["detail"].as_str().expect("text");
    assert!(detail.contains("nothing is lost yet") && detail.contains("500"), "{detail}");
    assert!(!detail.contains("a-planted-path"), "{detail}");
    hook.refuse(None);
    eventually("that it is over", SETTLE * 2, || alert().filter(|alert| alert["state"] == "resolved"));
    assert!(!taken(&hook).is_empty());
}
