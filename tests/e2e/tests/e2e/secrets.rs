//! Secrets do not show: not in a log, not in the audit, not in any file of the controller.

use serde_json::{Value, json};
use std::path::Path;
use wharden_harness::{World, admin::PASSWORD};

fn files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[test]
fn planted_secrets_are_found_nowhere() {
    let mut world = World::setup().start();
    let tokens = world.admin.login();
    let rest = world.admin.rest();
    let refreshed = rest.post("/v1/session/refresh", json!({"refresh_token": tokens["refresh_token"]})).ok();
    rest.post("/v1/users", json!({"name": "bob"})).ok();
    let invite = rest.post("/v1/users/bob/invite", Value::Null).ok();
    let join = rest.post("/v1/tokens", json!({"ttl_s": 600, "uses": 1})).ok();
    let service = rest.post("/v1/service-accounts", json!({"name": "ci", "ttl_s": 86400})).ok();
    let wrong = "a wrong password that somebody typed";
    let login = json!({"username": world.admin.name, "password": wrong, "code": "123456"});
    world.controller.rest().post("/v1/login", login).refused(401, "bad_credentials");
    let begun = rest.post("/v1/account/totp", Value::Null).ok();
    // A secret in the wrong place: where names go, it must not be repeated into the log.
    rest.alone()
        .send_with(&"GET".parse().expect("method"), "/v1/whoami", None, &[("wharden-totp", "739164")])
        .expect("an answer")
        .ok();

    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let join = text(&join["token"]);
    let mut secrets = vec![
        PASSWORD.to_owned(),
        wrong.to_owned(),
        world.admin.totp_secret.clone(),
        text(&tokens["access_token"]),
        text(&tokens["refresh_token"]),
        text(&tokens["device"]),
        text(&refreshed["access_token"]),
        text(&refreshed["refresh_token"]),
        text(&invite["invite"]),
        join.split('_').nth(2).expect("the secret part").to_owned(),
        text(&service["key"]),
        text(&begun["totp_secret"]),
        text(&begun["enrolment"]),
        world.controller.bootstrap_token.clone(),
    ];
    secrets.extend(world.admin.recovery_codes.iter().cloned());
    let shown =
        [rest.get("/v1/audit?limit=1000").ok(), rest.get("/v1/users").ok(), rest.get("/v1/events?limit=100").ok()];
    world.controller.stop();

    let mut all = Vec::new();
    files(world.controller.dir(), &mut all);
    assert!(all.len() > 5, "{all:?}");
    let mut places: Vec<(String, Vec<u8>)> =
        all.iter().map(|p| (p.display().to_string(), std::fs::read(p).expect("a file"))).collect();
    places.push(("the controller's log".to_owned(), world.controller.log().into_bytes()));
    places.extend(shown.iter().map(|answer| ("an answer".to_owned(), answer.to_string().into_bytes())));
    for secret in &secrets {
        for (place, bytes) in &places {
            assert!(!holds(bytes, secret), "{}… is in {place}", &secret[..4]);
        }
    }
    // That the search finds what is there.
    assert!(places.iter().any(|(_, bytes)| holds(bytes, "root-admin")));
}
