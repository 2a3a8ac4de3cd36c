//! A controller whose power is cut: its data folder is on a disk that forgets what was not synced.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use serde_json::json;
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};
use wharden_harness::{Admin, Controller, Place, Rest, eventually, limits::SETTLE};
use wharden_powercut::{
    disk::{Disk, Order},
    mount::{Faults, Mount},
};

fn mount(path: &Path, disk: Disk) -> Mount {
    Mount::at(path, disk, Faults::default()).expect("the disk can be mounted")
}

/// Writes versions of a policy until one is not acknowledged; `acknowledged` counts them.
fn write(rest: &Rest, policy: &str, acknowledged: &AtomicU64) {
    for number in 1.. {
        let text = format!(
            "@id(\"r{number}\") permit (principal == User::\"u{number}\", action == Docker::Action::\"container.list\", resource);"
        );
        let body = json!({ "text": text }).to_string().into_bytes();
        match rest.try_send(&reqwest::Method::PUT, &format!("/v1/policies/{policy}"), Some(body)) {
            Ok(answer) if answer.status == 200 || answer.status == 201 => acknowledged.store(number, Ordering::SeqCst),
            Ok(answer) if answer.status < 500 => panic!("refused although the power is on: {answer}"),
            _ => return,
        }
    }
}

/// The number in the policy's text.
fn held(rest: &Rest, policy: &str) -> u64 {
    let policy = rest.get(&format!("/v1/policies/{policy}")).ok();
    let text = policy["text"].as_str().expect("text");
    let number = text.split('"').nth(1).and_then(|id| id.strip_prefix('r'));
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number in {text}"))
}

#[test]
fn a_controller_keeps_every_acknowledged_write_over_power_cuts() {
    for (order, seed) in [(Order::Journal, 1), (Order::Any, 2)] {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let place = Place::new();
        let path = place.join("disk");
        fs::create_dir(&path).expect("a folder");
        let mut disk = mount(&path, Disk::new(order));
        let mut controller = Controller::init_in(&place, &path.join("data"), "controller");
        controller.start();
        let admin = Admin::bootstrap(&controller, "ada");
        for round in 0..4 {
            let policy = format!("round-{round}");
            let acknowledged = AtomicU64::new(0);
            thread::scope(|scope| {
                let writer = scope.spawn(|| write(admin.rest(), &policy, &acknowledged));
                eventually("twenty writes", SETTLE, || (acknowledged.load(Ordering::SeqCst) >= 20).then_some(()));
                disk.power().off();
                writer.join().expect("writer");
            });
            controller.kill();
            let mut left = disk.take_out().expect("nobody uses it");
            left.cut(&mut rng);
            disk = mount(&path, left);
            controller.start();
            let acknowledged = acknowledged.load(Ordering::SeqCst);
            let kept = held(admin.rest(), &policy);
            assert!(kept >= acknowledged, "round {round}: {acknowledged} acknowledged, {kept} held");
            assert_eq!(admin.rest().get("/v1/audit/verify").ok()["intact"], true);
        }
        // A code that was used is used, whatever happened since.
        let spent = admin.totp.spent_code();
        let login = json!({"username": "ada", "password": wharden_harness::admin::PASSWORD, "code": spent});
        controller.rest().post("/v1/login", login).refused(401, "bad_credentials");
        controller.kill();
    }
}
