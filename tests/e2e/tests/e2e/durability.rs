//! What was acknowledged is there after a stop, a crash, and a crash in the middle of writing.

use serde_json::json;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};
use wharden_harness::{Admin, Controller, Place, eventually, limits::SETTLE};

fn text(n: u64) -> String {
    format!(
        "@id(\"r{n}\") permit (principal == User::\"u{n}\", action == Docker::Action::\"container.list\", resource);"
    )
}

#[test]
fn a_restart_loses_nothing() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let mut admin = Admin::bootstrap(&controller, "ada");
    admin.user("bob", &["developers", "readers"]);
    admin.put_policy("one", &text(1));
    admin.put_policy("one", &text(2));
    admin.join_token("observe", 5, &json!({"env": "prod"}));
    let paths =
        ["/v1/users", "/v1/groups", "/v1/policies", "/v1/policies/one", "/v1/policies/one/versions", "/v1/tokens"];
    let before: Vec<_> = paths.iter().map(|p| admin.rest().get(p).ok()).collect();
    let audit = admin.rest().get("/v1/audit/verify").ok();
    assert_eq!(audit["intact"], true);

    for crash in [false, true] {
        if crash {
            controller.kill();
        } else {
            controller.stop();
        }
        controller.start();
        // The session is part of the state, so it goes on too.
        let after: Vec<_> = paths.iter().map(|p| admin.rest().get(p).ok()).collect();
        assert_eq!(before, after);
        let again = admin.rest().get("/v1/audit/verify").ok();
        assert_eq!(again["intact"], true, "{again}");
        assert!(again["records"].as_u64() >= audit["records"].as_u64(), "{again}");
    }
    // A spent code stays spent.
    let spent = admin.totp.spent_code();
    let login = json!({"username": "ada", "password": wharden_harness::admin::PASSWORD, "code": spent});
    controller.rest().post("/v1/login", login).refused(401, "bad_credentials");
    admin.login();
}

#[test]
fn a_crash_in_the_middle_of_writes_keeps_every_acknowledged_one() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let mut admin = Admin::bootstrap(&controller, "ada");
    for round in 0..3u64 {
        let acknowledged = AtomicU64::new(0);
        let first = round * 1_000_000;
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for n in first.. {
                    let put = json!({"text": text(n)});
                    let path = format!("/v1/policies/round-{round}");
                    match admin.rest().try_send(&reqwest::Method::PUT, &path, Some(put.to_string().into_bytes())) {
                        Ok(answer) if answer.status == 200 || answer.status == 201 => {
                            acknowledged.store(n + 1, Ordering::SeqCst);
                        }
                        _ => return,
                    }
                }
            });
            eventually("twenty writes", SETTLE, || (acknowledged.load(Ordering::SeqCst) > first + 20).then_some(()));
            controller.kill();
            writer.join().expect("writer");
        });
        controller.start();
        let last = acknowledged.load(Ordering::SeqCst) - 1;
        let policy = admin.rest().get(&format!("/v1/policies/round-{round}")).ok();
        // The one that was under way may have been taken as well.
        let now = policy["text"].as_str().expect("text");
        assert!(now == text(last) || now == text(last + 1), "acknowledged {last}, found {now}");
        assert_eq!(admin.rest().get("/v1/audit/verify").ok()["intact"], true);
    }
    admin.login();
}

#[test]
fn init_does_not_overwrite_and_run_needs_init() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    let said = controller.init_again().fails_saying(&[]);
    assert!(said.contains(&controller.dir().display().to_string()), "{said}");
    controller.start();
    Admin::bootstrap(&controller, "ada");
    controller.stop();
    let key = controller.dir().join("cluster.key");
    std::fs::rename(&key, place.join("key")).expect("moved");
    controller.starts_in_vain("cluster.key is missing: put it back");
    std::fs::rename(place.join("key"), &key).expect("moved");

    let empty = place.join("empty");
    let mut command = std::process::Command::new(wharden_harness::bins::path("wharden-controller"));
    let out = wharden_harness::Output::of(command.args(["run", "--data-dir"]).arg(&empty), b"");
    out.fails_saying(&["init"]);
    assert!(!empty.exists() || std::fs::read_dir(&empty).expect("folder").next().is_none());
}

#[test]
fn init_makes_the_store_that_was_asked_for() {
    let place = Place::new();
    let init = |name: &str, store: &[&str]| {
        let mut command = std::process::Command::new(wharden_harness::bins::path("wharden-controller"));
        command.arg("init").args(store).arg("--data-dir").arg(place.join(name));
        wharden_harness::Output::of(&mut command, b"")
    };
    let read = |path: &str| std::fs::read_to_string(place.join(path)).expect("a file");
    init("default", &[]).ok();
    assert_eq!(read("default/store/FORMAT"), "wharden-store 2\nengine journal\nin use\n");
    init("sled", &["--store", "sled"]).ok();
    assert_eq!(read("sled/store/FORMAT"), "wharden-store 1\nin use\n");
    assert!(read("sled/controller.toml").contains("store = \"sled\""), "{}", read("sled/controller.toml"));
    init("other", &["--store", "rocksdb"]).fails_saying(&["rocksdb", "journal, redb or sled"]);
    assert!(!place.join("other").exists());
}
