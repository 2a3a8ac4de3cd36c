//! The audit: who, from where, by which factors, what before and after; and an export that proves itself.

use serde_json::{Value, json};
use wharden_harness::{
    Admin, Controller, Place, World,
    admin::{PASSWORD, small_change},
};

fn of<'a>(records: &'a [Value], action: &str) -> Vec<&'a Value> {
    records.iter().filter(|r| r["action"] == action).collect()
}

#[test]
fn each_attempt_says_who_from_where_by_what_and_what_was_before() {
    let world = World::setup().start();
    world.admin.user("bob", &["launchers"]);
    world.admin.rest().alone().delete("/v1/users/bob").refused(403, "step_up_required");
    world.admin.rest().patch("/v1/users/bob", json!({"disabled": true})).ok();
    world.admin.rest().patch(&format!("/v1/hosts/{}", world.host), json!({"labels": {"env": "prod"}})).ok();
    let page = world.admin.rest().get("/v1/audit?limit=1000").ok();
    let records = page["records"].as_array().expect("records");
    let refused = of(records, "user.delete");
    assert!(refused[0]["outcome"].as_str().is_some_and(|o| o.starts_with("refused: ")), "{refused:?}");
    assert_eq!(refused[0]["source"], "127.0.0.1");
    // First without a code, refused, then with one.
    let disabled: Vec<_> = of(records, "user.update").into_iter().filter(|r| r["outcome"] == "applied").collect();
    assert_eq!(disabled[0]["before"], "disabled false, without an account, groups launchers");
    assert_eq!(disabled[0]["detail"], "disabled true");
    let factors = disabled[0]["factors"].as_str().expect("factors");
    assert!(factors.starts_with("session with password, ") && factors.ends_with(" with the request"), "{factors}");
    let labelled = of(records, "host.label");
    assert!(labelled[0]["before"].as_str().is_some_and(|b| b.contains("posture enforce")), "{labelled:?}");
    let login = of(records, "session.login");
    assert_eq!(
        (login[0]["source"].as_str(), login[0]["factors"].as_str()),
        (Some("127.0.0.1"), Some("password, totp"))
    );
}

#[test]
fn an_export_verifies_off_line_and_no_change_of_it_does() {
    let mut world = World::setup().start();
    let cli = world.logged_in_cli();
    let export = cli.run(&["audit", "export"]).ok();
    let checkpoint = cli.json(&["audit", "checkpoint"]);
    let key = checkpoint["key"].as_str().expect("key").to_owned();
    assert_eq!(cli.json(&["audit", "verify"])["intact"], true);
    world.controller.stop();

    let verify = |text: &str, key: &str| {
        let file = world.place.write("export.jsonl", text);
        cli.run(&["audit", "verify", file.to_str().expect("path"), "--key", key])
    };
    assert!(verify(&export, &key).ok().contains("intact"));
    let lines: Vec<&str> = export.lines().collect();
    assert!(lines.len() > 6, "{export}");
    let join = |lines: &[&str]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
    let swapped = {
        let mut swapped = lines.clone();
        swapped.swap(2, 3);
        join(&swapped)
    };
    let without_one = [&lines[..3], &lines[4..]].concat();
    let before_last = lines.len() - 2;
    let without_last = [&lines[..before_last], &lines[before_last + 1..]].concat();
    let changed = export.replacen("root-admin", "rootiadmin", 1);
    // Kept earlier, as one does: the export goes on from it.
    let first: Vec<&str> = lines.iter().copied().filter(|line| line.contains("\"seq\":1,")).collect();
    assert_eq!(first.len(), 1, "{export}");
    let from_second = [&[lines[0]], &lines[2..]].concat();
    let hash_of_first = serde_json::from_str::<Value>(lines[1]).expect("a record")["hash"].clone();
    let rebased = join(&from_second).replacen(&"0".repeat(64), hash_of_first.as_str().expect("a hash"), 1);
    let said = verify(&rebased, &key);
    assert!(
        said.code == 0 && said.err().contains("nothing ties record 2 to those before it"),
        "it says what it cannot show: {said}"
    );
    let kept = world.place.write("kept.json", checkpoint.to_string());
    let file = world.place.write("export.jsonl", &rebased);
    let arguments = |file: &std::path::Path, kept: &std::path::Path| {
        let (file, kept) = (file.to_str().expect("path").to_owned(), kept.to_str().expect("path").to_owned());
        cli.run(&["audit", "verify", &file, "--key", &key, "--checkpoint", &kept])
    };
    assert!(arguments(&file, &kept).ok().contains("intact"));
    let mut forged = checkpoint;
    forged["head"] = Value::from("1".repeat(64));
    let forged = world.place.write("forged.json", forged.to_string());
    arguments(&file, &forged).fails_with(1);
    for (what, text) in [
        ("every record taken out", join(&[lines[0], lines[lines.len() - 1]])),
        ("a changed name", changed),
        ("two records swapped", swapped),
        ("a record taken out", join(&without_one)),
        ("the last record taken off", join(&without_last)),
        ("no checkpoint", join(&lines[..lines.len() - 1])),
        (
            "a changed checkpoint",
            export.replace(&format!("\"key\":\"{key}\""), &format!("\"key\":\"{}\"", "0".repeat(64))),
        ),
    ] {
        let said = verify(&text, &key);
        assert_eq!(said.code, 1, "{what} goes unnoticed: {said}");
    }
    let said = verify(&export, &"1".repeat(64)).fails_with(1);
    assert!(said.contains("another key"), "{said}");
}

#[test]
fn an_id_of_a_client_is_for_one_request_and_what_was_refused_has_it_too() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let ada = Admin::bootstrap(&controller, "ada");
    let id = "b".repeat(32);
    let with_id = |method: &str, path: &str, body: &Value| {
        let (method, body) = (method.parse().expect("method"), Some(body.to_string().into_bytes()));
        ada.rest().alone().send_with(&method, path, body, &[("x-request-id", &id)]).expect("an answer")
    };
    let rule = small_change("one");
    with_id("PUT", "/v1/capacity/thresholds/one", &rule).ok();
    // The same again is a retry; another one is not, whatever stands between puts on it.
    with_id("PUT", "/v1/capacity/thresholds/one", &rule).ok();
    with_id("PUT", "/v1/capacity/thresholds/two", &rule).ok();
    assert_eq!(ada.rest().get("/v1/capacity/thresholds").ok()["rules"].as_array().map(Vec::len), Some(2));
    // A secret is told once: what is drawn for a retry is nobody's.
    ada.user("bob", &[]);
    let invite = |code: &str| {
        let headers = [("x-request-id", id.as_str()), ("wharden-recovery-code", code)];
        ada.rest().alone().send_with(&reqwest::Method::POST, "/v1/users/bob/invite", None, &headers).expect("an answer")
    };
    // The first of them may have been used up by what came before.
    let [.., before, last] = ada.recovery_codes.as_slice() else { panic!("{}", ada.recovery_codes.len()) };
    assert!(invite(before).ok()["invite"].is_string());
    invite(last).refused(409, "conflict");
    let refused = with_id("DELETE", "/v1/groups/admins", &Value::Null).refused(403, "step_up_required");

    let made_up = json!({"token": format!("win_{}", "a".repeat(52)), "username": "eve", "password": PASSWORD});
    controller.rest().post("/v1/enrolment", made_up).refused(401, "bad_credentials");
    ada.rest().post("/v1/session/step-up", json!({"code": ada.totp.spent_code()})).refused(403, "bad_code");

    let audit = ada.rest().get("/v1/audit?limit=1000").ok();
    let records = audit["records"].as_array().expect("records");
    let made = of(records, "capacity.update");
    assert_eq!(made.len(), 2, "{made:?}");
    assert_eq!(of(records, "group.delete")[0]["request_id"], refused["request_id"]);
    let enrolled = of(records, "account.enrol");
    assert_eq!(enrolled.len(), 2, "{enrolled:?}");
    assert!(enrolled.iter().all(|r| r["source"] == "127.0.0.1"), "{enrolled:?}");
    assert_eq!(enrolled[1]["resource"], "user eve");
    let spent = of(records, "session.step_up");
    assert!(spent[0]["outcome"].as_str().is_some_and(|o| o.contains("used already")), "{spent:?}");
}
