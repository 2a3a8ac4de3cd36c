//! What comes in masses: connections that say nothing, made-up tokens, policy texts that take long to check. Whoever sends it
//! is slowed, and nobody else.

use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use wharden_harness::{Admin, Controller, Place, Quiet, admin::PASSWORD, cluster::Cluster, limits};

const HTTP1: &str = "http/1.1";
const HERE: [u8; 4] = [127, 0, 0, 1];
/// Requests of one address after which it must have been told to wait, however slow the machine is.
const ENOUGH: usize = 50_000;

fn quiet(controller: &Controller, from: [u8; 4]) -> Quiet {
    Quiet::open(from, &controller.rest_address(), &controller.ca_file(), HTTP1).expect("a connection")
}

/// Asks from an address until it is told to wait.
fn until_told_to_wait(controller: &Controller, from: [u8; 4], path: &str, headers: &str) {
    let mut connection = quiet(controller, from);
    let told = (0..ENOUGH).any(|_| connection.ask("GET", path, headers, "").expect("an answer").0 == 429);
    assert!(told, "{path} {headers:?}: {ENOUGH} requests and no limit");
}

#[test]
fn texts_that_take_long_to_check_wait_in_a_line_of_their_own() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let ada = Admin::bootstrap(&controller, "ada");
    let rest = ada.rest();
    let names = "principal == User::\"a\" || ".repeat(40);
    let dear = |rules: usize, salt: &str| {
        let rule = format!("forbid (principal, action, resource) unless {{ {names} context has privileged }};\n");
        format!("// {salt}\n{}", rule.repeat(rules))
    };
    let verdict = rest.post("/v1/policy/validate", json!({"text": dear(40, "")})).ok();
    assert!(verdict["issues"][0]["message"].as_str().is_some_and(|m| m.contains("times the work")), "{verdict}");
    rest.put("/v1/policies/dear", json!({"text": dear(40, "")})).refused(422, "invalid_policy");
    let draft =
        |n: usize| json!({"name": format!("d{n}"), "mode": "enforce", "text": "permit (principal, action, resource);"});
    let test = |drafts: usize| {
        let drafts: Vec<Value> = (0..drafts).map(draft).collect();
        let request = json!({"method": "GET", "path": "/v1.47/containers/json"});
        rest.post("/v1/policy/test", json!({"user": "ada", "request": request, "drafts": drafts}))
    };
    test(8).ok();
    test(9).refused(413, "too_large");

    // One who sends as many as it can hears that it has to wait, and the controller lives on.
    let told = AtomicBool::new(false);
    let healthy = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..24)
            .map(|sender| {
                let (rest, told, dear) = (rest.alone(), &told, &dear);
                scope.spawn(move || {
                    for round in 0..20 {
                        if told.load(Ordering::Relaxed) {
                            break;
                        }
                        let text = dear(3, &format!("{sender} {round}"));
                        let answer = rest.post("/v1/policy/validate", json!({"text": text}));
                        match answer.status {
                            429 => {
                                answer.refused(429, "too_many");
                                told.store(true, Ordering::Relaxed);
                            }
                            _ => drop(answer.ok()),
                        }
                    }
                })
            })
            .collect();
        let mut healthy = 0;
        while senders.iter().any(|sender| !sender.is_finished()) {
            assert_eq!(controller.rest().get("/healthz").status, 200);
            healthy += 1;
        }
        for sender in senders {
            sender.join().expect("a sender");
        }
        healthy
    });
    assert!(told.load(Ordering::Relaxed) && healthy > 0, "nobody was told to wait");
    assert_eq!(rest.post("/v1/policy/validate", json!({"text": dear(1, "after")})).ok()["valid"], true);
}

#[test]
fn who_connects_and_says_nothing_is_closed_and_cannot_keep_others_out() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let ca = controller.ca_file();
    let mut silent = Vec::new();
    for (what, address) in [
        ("rest", controller.rest_address()),
        ("agents", controller.agent_address()),
        ("peers", controller.peer_address()),
    ] {
        for protocol in [HTTP1, "h2"] {
            // Only the REST port speaks HTTP/1.1.
            if let Ok(connection) = Quiet::open(HERE, &address, &ca, protocol) {
                silent.push((format!("{what} {protocol}"), connection));
            }
        }
    }
    assert!(silent.len() >= 4, "one for each port and protocol");
    // The beginning of HTTP/2's preface, or of a head, is not a request either.
    for begun in ["PRI * HTTP/2", "GET / HTTP/1.1\r\n"] {
        let mut connection = quiet(&controller, HERE);
        connection.say(begun.as_bytes()).expect("said");
        silent.push((format!("rest {begun:?}"), connection));
    }
    for (what, mut connection) in silent {
        assert!(connection.is_closed_within(limits::READY), "{what} is still open");
    }

    // One address takes all the places that it has.
    let (mut held, begin) = (Vec::new(), Instant::now());
    let refused = |from: [u8; 4]| {
        let (status, text) =
            quiet(&controller, from).ask("GET", "/metrics", "", "").expect("another address is served");
        assert_eq!(status, 200);
        text.lines().any(|line| line.starts_with("wharden_rest_connections_refused_total ") && !line.ends_with(" 0"))
    };
    while !refused([127, 0, 0, 2]) {
        assert!(begin.elapsed() < Duration::from_secs(120), "{} connections and no limit", held.len());
        let more = (0..64).filter_map(|_| Quiet::open([127, 0, 0, 9], &controller.rest_address(), &ca, HTTP1).ok());
        held.extend(more);
    }
    assert_eq!(controller.rest().get("/healthz").status, 200);
}

#[test]
fn made_up_tokens_and_headers_have_the_limit_of_their_address() {
    let place = Place::new();
    let mut controllers = Cluster::of(&place, 2);
    let controller = &controllers.controllers[0];
    let bearer = format!("authorization: Bearer {}\r\n", controllers.admin.rest().bearer().expect("a token"));
    let key = format!("authorization: Bearer wsk_{}\r\n", "a".repeat(52));
    // {"alg":"EdDSA","typ":"JWT","kid":"AAAAAAAAAAAAAAAA"}
    let unknown = "authorization: Bearer \
                   eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6IkFBQUFBQUFBQUFBQUFBQUEifQ.e30.AAAA\r\n";
    until_told_to_wait(controller, [127, 0, 0, 3], "/healthz", "authorization: x\r\n");
    until_told_to_wait(controller, [127, 0, 0, 4], "/v1/hosts", &key);
    let mut connection = quiet(controller, [127, 0, 0, 3]);
    assert_eq!(
        connection.ask("GET", "/v1/whoami", &bearer, "").expect("an answer").0,
        200,
        "a session has no such limit"
    );
    // What cannot be read in the path is told as every other mistake is.
    let (status, body) = connection.ask("GET", "/v1/users/%ff", &bearer, "").expect("an answer");
    let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!((status, &body["code"]), (400, &json!("invalid")), "{body}");

    // Without a quorum, whoever has a made-up token looked for at the other controllers waits for them.
    controllers.controllers[1].kill();
    let controller = &controllers.controllers[0];
    until_told_to_wait(controller, [127, 0, 0, 3], "/healthz", "");
    // What the handshake has left to say comes before the first answer.
    let begun = |from| {
        let mut connection = quiet(controller, from);
        connection.ask("GET", "/healthz", "", "").expect("an answer");
        connection
    };
    let mut many: Vec<_> = (0..120).map(|_| begun([127, 0, 0, 3])).collect();
    let mut waits = begun([127, 0, 0, 5]);
    until_told_to_wait(controller, [127, 0, 0, 3], "/healthz", "");
    waits.begin("GET", "/v1/whoami", unknown, "").expect("asked");
    for connection in &mut many {
        connection.begin("GET", "/v1/whoami", unknown, "").expect("asked");
    }
    // Of those that came later from the other address, some may have passed its limit, and most have not.
    let told =
        wharden_harness::eventually("somebody is answered", limits::READY, || many.iter().position(Quiet::is_answered));
    assert_eq!(many[told].answer().expect("an answer").0, 429);
    assert!(!waits.is_answered(), "no other controller was asked before the address was looked at");
}

#[test]
fn wrong_logins_of_an_address_do_not_end_the_sessions_there() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let ada = Admin::bootstrap(&controller, "ada");
    let mut connection = quiet(&controller, [127, 0, 0, 7]);
    let wrong = |n: usize| json!({"username": format!("nobody{n}"), "password": "wrong wrong wrong", "code": "000000"});
    let mut post = |path: &str, body: &Value| connection.ask("POST", path, "", &body.to_string()).expect("an answer");
    let login = json!({"username": "ada", "password": PASSWORD, "recovery_code": ada.recovery_codes[0]});
    let (status, tokens) = post("/v1/login", &login);
    assert_eq!(status, 200, "{tokens}");
    let tokens: Value = serde_json::from_str(&tokens).expect("JSON");
    assert!((0..1000).any(|n| post("/v1/login", &wrong(n)).0 == 429), "no limit");
    let made_up = json!({"refresh_token": format!("s-{}.wrt_{}", "0".repeat(32), "a".repeat(52))});
    // Each guess takes what the address gets back in the meantime.
    assert!((0..1000).any(|_| post("/v1/session/refresh", &made_up).0 == 429), "guesses have no limit");
    let mut good = tokens["refresh_token"].clone();
    for _ in 0..3 {
        let (status, body) = post("/v1/session/refresh", &json!({"refresh_token": good}));
        assert_eq!(status, 200, "{body}");
        good = serde_json::from_str::<Value>(&body).expect("JSON")["refresh_token"].clone();
    }
}
