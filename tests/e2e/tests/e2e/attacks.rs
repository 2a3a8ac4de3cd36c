//! Attempts to get past the door: replay, header tricks, bodies that are too deep.

use serde_json::json;
use wharden_harness::{Admin, Controller, Place, admin::PASSWORD};

fn world(place: &Place) -> (Controller, Admin) {
    let mut controller = Controller::init(place, "controller");
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    (controller, admin)
}

#[test]
fn one_code_opens_one_session_however_many_try_at_once() {
    let place = Place::new();
    let (controller, mut ada) = world(&place);
    let body = json!({"username": "ada", "password": PASSWORD, "code": ada.totp.code()});
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| {
                let (rest, body) = (controller.rest(), body.clone());
                scope.spawn(move || rest.post("/v1/login", body).status)
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("a thread")).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
}

#[test]
fn headers_do_not_change_who_asks_nor_from_where() {
    let place = Place::new();
    let (controller, ada) = world(&place);
    let (get, post) = ("GET".parse().expect("method"), "POST".parse().expect("method"));
    let anonymous = controller.rest();
    let forged = "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.";
    for headers in [
        &[("authorization", "Basic YWRhOnB3")][..],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer "), ("x-forwarded-user", "ada")],
        &[("authorization", forged)],
        &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
        &[("cookie", "session=ada"), ("x-remote-user", "ada")],
        &[("x-http-method-override", "DELETE"), ("wharden-force", "yes")],
    ] {
        anonymous.send_with(&get, "/v1/users", None, headers).expect("an answer").refused(401, "not_logged_in");
    }
    // Where something comes from is the connection's address, whatever a header says.
    let spoofed = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"), ("x-real-ip", "203.0.113.9")];
    let login = json!({"username": "ada", "password": "wrong wrong wrong", "code": "000000"}).to_string();
    let answer = anonymous.send_with(&post, "/v1/login", Some(login.into_bytes()), &spoofed).expect("an answer");
    answer.refused(401, "bad_credentials");
    let audit = ada.rest().get("/v1/audit?limit=100").ok();
    assert!(!audit.to_string().contains("203.0.113.9"), "{audit}");
    // A form of another site's page cannot be a request: the body has to be JSON by its type.
    let form = [("content-type", "text/plain"), ("origin", "https://evil.example")];
    let rest = ada.rest().alone();
    let answer = rest.send_with(&post, "/v1/groups", None, &form).expect("an answer");
    assert_eq!(answer.status / 100, 4, "{answer}");
}

#[test]
fn deep_and_large_bodies_are_refused_and_hurt_nobody() {
    let place = Place::new();
    let (controller, ada) = world(&place);
    let post = "POST".parse().expect("method");
    for body in [
        "[".repeat(100_000),
        format!("{{\"text\":{}1{}}}", "[".repeat(5000), "]".repeat(5000)),
        format!("{{\"text\": \"x\", {}\"y\": 1}}", "\"a\": 1, ".repeat(10_000)),
        "\u{feff}{}".to_owned(),
    ] {
        ada.rest().send(&post, "/v1/policy/validate", Some(body.into_bytes())).refused(400, "invalid");
    }
    let large = format!("{{\"text\": \"{}\"}}", "x".repeat(1_000_000));
    ada.rest().send(&post, "/v1/policy/validate", Some(large.clone().into_bytes())).refused(413, "too_large");
    // One that is refused before its body was read still hears why.
    controller.rest().send(&post, "/v1/policy/validate", Some(large.into_bytes())).refused(401, "not_logged_in");
    assert_eq!(controller.rest().get("/readyz").status, 200);
}
