//! The audit: who, from where, by which factors, what before and after; and an export that proves itself.

use serde_json::{Value, json};
use wharden_harness::World;

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
    assert!(
        factors.starts_with("session with password, totp; ") && factors.ends_with(" with the request"),
        "{factors}"
    );
    let labelled = of(records, "host.update");
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
    let key = cli.json(&["audit", "checkpoint"])["key"].as_str().expect("key").to_owned();
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
    for (what, text) in [
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
