//! Wrong input of every kind: a clear error, nothing changed, nothing lost. What concerns one capability only stands
//! with that capability: passwords and codes in `admins`, tokens and names in `hosts`, disks in `disks`.

use crate::policies::{LAUNCHERS, ROLES};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
};
use wharden_harness::{Admin, Cli, Controller, Output, Place, World, admin::PASSWORD, raw};

#[test]
fn a_wrong_policy_is_refused_with_line_and_column() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let mut admin = Admin::bootstrap(&controller, "ada");
    let good = "@id(\"ok\")\npermit (principal, action == Docker::Action::\"container.list\", resource);\n";
    admin.put_policy("p", good);
    let cases = [
        ("permit (principal, action, resource)\n", "1:", ""),
        (
            "permit (principal,\n  action == Docker::Action::\"container.crate\",\n  resource);",
            "2:",
            "container.create",
        ),
        (
            "forbid (principal, action == Docker::Action::\"container.create\", resource)\nwhen { context.priviliged };",
            "2:",
            "privileged",
        ),
        (
            "forbid (principal, action == Docker::Action::\"container.create\", resource)\nwhen { context.memory == \"big\" };",
            "2:",
            "",
        ),
        ("permit (principal == Usr::\"a\", action, resource);", "1:", "User"),
        ("", "", ""),
    ];
    for (text, place, help) in cases {
        if text.is_empty() {
            continue;
        }
        let body = admin.rest().put("/v1/policies/p", json!({"text": text})).refused(422, "invalid_policy");
        let details = body["details"].as_array().expect("details");
        assert!(details.iter().any(|d| d["at"].as_str().is_some_and(|at| at.starts_with(place))), "{text:?}: {body:#}");
        assert!(body.to_string().contains(help), "{text:?}: no {help:?} in {body:#}");
        let validation = admin.rest().post("/v1/policy/validate", json!({"text": text})).ok();
        assert_eq!(validation["valid"], false);
    }
    assert_eq!(admin.rest().get("/v1/policies/p").ok()["text"], good);
    assert_eq!(admin.rest().get("/v1/policies/p").ok()["version"], 1);

    // As a person sees it, with the place in the file.
    let cli = Cli::new(&place, &controller, "ada");
    let code = admin.totp.code();
    let password = format!("{PASSWORD}\n");
    cli.run_with(&["login", "--username", "ada", "--password-stdin", "--totp", &code], &password).ok();
    let file = place.write("bad.cedar", cases[2].0);
    let said = cli.run(&["policy", "put", "bad", file.to_str().expect("path")]).fails_with(1);
    assert!(said.contains("2:") && said.contains("priviliged"), "{said}");
    let said = cli.run(&["policy", "validate", file.to_str().expect("path")]).fails_with(1);
    assert!(said.contains("2:") && said.contains("privileged"), "{said}");
    admin.rest().get("/v1/policies/bad").refused(404, "not_found");
    // What may be a slip is no fault, and is told.
    admin.rest().post("/v1/groups", json!({ "name": "ops" })).ok();
    let slip = "permit (principal in Group::\"opss\", action == Docker::Action::\"container.list\", resource);\n";
    let file = place.write("slip.cedar", slip);
    let told = "slip.cedar:1:22: warning: rule 1: there is no group opss (did you mean ops?)";
    let said = cli.run(&["policy", "validate", file.to_str().expect("path")]);
    assert!(said.code == 0 && said.to_string().contains(told), "{said}");
    let stored = admin.rest().put("/v1/policies/slip", json!({ "text": slip })).ok();
    assert_eq!(stored["warnings"][0]["help"], "did you mean ops?");
}

#[test]
fn whoever_may_read_no_group_does_not_hear_of_a_text_which_there_is_not() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let ada = Admin::bootstrap(&controller, "ada");
    ada.put_policy("writers", "permit (principal, action == Wharden::Action::\"policy.test\", resource);");
    let wendy = ada.invite(&controller, "wendy", &[]);
    let text = "permit (principal in Group::\"opss\", action == Docker::Action::\"container.list\", resource);";
    let ask = |admin: &Admin| admin.rest().post("/v1/policy/validate", json!({ "text": text })).ok();
    assert_eq!(ask(&ada)["warnings"][0]["message"], "there is no group opss");
    let heard = ask(&wendy);
    assert_eq!((&heard["valid"], heard.get("warnings")), (&true.into(), None), "{heard}");
}

#[test]
fn bodies_are_checked_and_named() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    let rest = admin.rest();
    let before = rest.get("/v1/users").ok();
    let send = |path: &str, body: &[u8]| rest.send(&reqwest::Method::POST, path, Some(body.to_vec()));

    send("/v1/users", b"{").refused(400, "invalid");
    send("/v1/users", b"[]").refused(400, "invalid");
    send("/v1/users", b"\xff\xfe").refused(400, "invalid");
    let body = send("/v1/users", b"{\"name\": \"bob\", \"admin\": true}").refused(400, "invalid");
    assert!(body.to_string().contains("admin"), "{body}");
    let body = send("/v1/users", b"{\"name\": \"no spaces please\"}").refused(400, "invalid");
    assert!(body.to_string().contains("name"), "{body}");
    send("/v1/users", b"{\"groups\": []}").refused(400, "invalid");
    let body = send("/v1/tokens", b"{\"ttl_s\": 1, \"uses\": 1}").refused(400, "invalid");
    assert!(body.to_string().contains("ttl"), "{body}");
    send("/v1/tokens", b"{\"ttl_s\": 600, \"uses\": 0}").refused(400, "invalid");
    send("/v1/tokens", b"{\"ttl_s\": 600, \"uses\": 1, \"posture\": \"lax\"}").refused(400, "invalid");
    send("/v1/users", "[".repeat(10_000).as_bytes()).refused(400, "invalid");
    // Over every limit.
    send("/v1/users", &vec![b' '; 8 << 20]).refused(413, "too_large");
    let text = format!("// {}", "x".repeat(49 * 1024));
    let answer = rest.put("/v1/policies/long", json!({"text": text}));
    assert!(matches!(answer.status, 400 | 413 | 422), "{answer}");

    rest.get("/v1/nothing").refused(404, "not_found");
    rest.get("/nothing").refused(404, "not_found");
    assert_eq!(rest.delete("/v1/users").status, 405);
    rest.get("/v1/users/nobody").refused(404, "not_found");
    rest.get("/v1/policies/none").refused(404, "not_found");
    rest.get("/v1/hosts/none").refused(404, "not_found");
    rest.get("/v1/events?decision=maybe").refused(400, "invalid");
    rest.get("/v1/events?unknown=1").refused(400, "invalid");
    rest.post("/v1/users", json!({"name": "ada"})).refused(409, "conflict");
    let answer = rest.put("/v1/policies/p", json!({"text": "", "if_version": 7}));
    assert!(matches!(answer.status, 409 | 422), "{answer}");
    assert_eq!(rest.get("/v1/users").ok(), before);

    // Wrong and borrowed access tokens.
    for token in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."] {
        let mut other = controller.rest();
        other.set_bearer(token);
        other.get("/v1/users").refused(401, "not_logged_in");
    }
}

#[test]
fn bytes_that_are_no_tls_and_no_http_hurt_nobody() {
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    for address in [controller.rest_address(), controller.agent_address()] {
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01", &[0; 4096], b""] {
            let mut stream = TcpStream::connect(&address).expect("connect");
            drop(stream.write_all(bytes));
            drop(stream.shutdown(std::net::Shutdown::Write));
            stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).expect("timeout");
            drop(stream.read_to_end(&mut Vec::new()));
        }
    }
    // Many who connect and say nothing.
    let silent: Vec<_> = (0..200).map(|_| TcpStream::connect(controller.rest_address()).expect("connect")).collect();
    assert_eq!(controller.rest().get("/healthz").status, 200);
    drop(silent);
    Admin::bootstrap(&controller, "ada");
}

#[test]
fn requests_that_could_be_read_in_two_ways_never_reach_the_engine() {
    let world = World::setup().policy("everything", "permit (principal, action, resource);").start();
    let socket = world.agent.socket();
    let json = |body: &str| {
        format!(
            "POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let deep = format!("{{\"Image\":\"app\",\"Labels\":{}1{}}}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let cases: Vec<(String, &str)> = vec![
        (json("{\"Image\":\"app\",\"HostConfig\":{\"Privileged\":false,\"privileged\":true}}"), "privileged"),
        (json("{\"Image\":\"app\",\"HostConfig\":{\"Privileged\":false},\"HostConfig\":{\"Privileged\":true}}"), "HostConfig"),
        (json("{\"Image\":\"app\",\"Ho\u{17f}tConfig\":{\"Privileged\":true},\"HostConfig\":{}}"), ""),
        (json("{\"Image\":\"app\",\"Privileged\":true}"), "Privileged"),
        (json("{\"Image\":\"app\",\"NoSuchField\":1}"), "NoSuchField"),
        (json("{\"Image\":\"app\"} {\"Image\":\"rootapp\"}"), ""),
        (json("{\"Image\":"), ""),
        (json(&deep), ""),
        ("POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}".into(), ""),
        ("POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".into(), ""),
        ("POST /v1.41//containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}".into(), ""),
        ("POST /v1.41/./containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}".into(), ""),
        ("POST /v1.41.0/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}".into(), ""),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), ""),
        (format!("GET /v1.41/info HTTP/1.1\r\nHost: d\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)), ""),
        ("GET /v1.41/info HTTP/1.1\r\nHost: d\r\n folded: x\r\n\r\n".into(), ""),
    ];
    let (answers, calls) = world.engine.calls_during(|| {
        cases.iter().map(|(request, _)| raw::exchange(socket, request.as_bytes())).collect::<Vec<_>>()
    });
    for ((request, field), answer) in cases.iter().zip(&answers) {
        let shown: String = request.chars().take(300).collect();
        let status = raw::status(answer);
        assert!(matches!(status, 400..=431 | 501 | 505), "{status} for {shown}\n{answer}");
        assert!(answer.contains(field), "no {field:?} in the answer to {shown}\n{answer}");
    }
    let reached: Vec<_> = calls.iter().filter(|c| c.contains("create")).collect();
    assert!(reached.is_empty(), "the engine has seen {reached:?}");
    // Half a request, of head and of body, and then nothing.
    for half in [
        "POST /v1.41/containers/create HT",
        "POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 99\r\n\r\n{",
    ] {
        let (answer, calls) = world.engine.calls_during(|| raw::exchange(socket, half.as_bytes()));
        assert!(answer.is_empty() || raw::status(&answer) / 100 == 4, "{answer}");
        assert!(!calls.iter().any(|c| c.contains("create")), "{calls:?}");
    }
    // Routes that the engine does not have.
    for path in ["/v1.41/no/such/route", "/no", "/v1.41/containers/x/explode"] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let answer = raw::exchange_open(socket, request.as_bytes());
        assert!(matches!(raw::status(&answer), 403 | 404), "{path}: {answer}");
    }
    let answer = raw::exchange_open(socket, b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
    assert_eq!(raw::status(&answer), 200, "{answer}");
}

#[test]
fn unknown_settings_are_refused_by_name() {
    let world = World::setup().start();
    for (mut command, name) in [(world.controller.run_command(), "controller"), (world.agent.run_command(), "agent")] {
        let config = world.place.write(&format!("{name}.toml"), "log_format = \"human\"\nno_such_key = 1\n");
        let out = Output::of(command.arg("--config").arg(&config), b"");
        let said = out.fails_saying(&["no_such_key"]);
        assert!(said.contains(&config.display().to_string()), "{said}");
    }
    for (mut command, name) in [(world.controller.run_command(), "controller"), (world.agent.run_command(), "agent")] {
        let config = world.place.write(&format!("{name}.toml"), "log_format = [\n");
        Output::of(command.arg("--config").arg(&config), b"").fails_saying(&["toml"]);
    }
}

#[test]
fn a_controller_with_another_ca_is_refused_by_everybody() {
    let mut world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let cli = world.logged_in_cli();
    let mut other = Controller::init(&world.place, "other");
    other.start();
    // The CLI trusts one CA, and it is not this one's.
    let login = ["login", "--username", "ada", "--password-stdin", "--totp", "123456"];
    let said = cli.clone().with_url(&other.url()).run_with(&login, "x\n").fails_saying(&[]);
    assert!(said.to_lowercase().contains("certificate") || said.contains("CA"), "{said}");
    let said = cli.with_ca_file(other.ca_file()).run(&["status"]).fails_saying(&[]);
    assert!(said.to_lowercase().contains("certificate") || said.contains("CA"), "{said}");
    other.stop();

    // Another controller takes the place of the host's: the host does not believe it and goes on as it was.
    world.controller.stop();
    let mut impostor = other.at_the_place_of(&world.controller);
    impostor.start();
    wharden_harness::eventually("the agent has seen it", wharden_harness::limits::SETTLE, || {
        let log = world.agent.log().to_lowercase();
        (log.contains("certificate") || log.contains("unknownissuer")).then_some(())
    });
    let alice = world.docker("alice");
    alice.run(&["ps"]).ok();
    alice.run(&["rmi", "app"]).fails_saying(&["no policy permits"]);
    let admin = Admin::bootstrap(&impostor, "eve");
    assert_eq!(admin.rest().get("/v1/hosts").ok(), Value::Array(Vec::new()));
    impostor.stop();
    world.controller.start();
    world.admin.login();
    world.settle();
}
