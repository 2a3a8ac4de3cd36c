//! Service accounts: keys that look where policies let them, and change nothing, whatever policies say.

use crate::{
    policies::NO_PRIVILEGED,
    remote::{CONTEXT, follow},
};
use serde_json::{Value, json};
use wharden_harness::{Admin, Cli, Controller, Docker, Output, Place, Rest, World, eventually, limits::SETTLE};

fn world(place: &Place) -> (Controller, Admin) {
    let mut controller = Controller::init(place, "controller");
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    (controller, admin)
}

fn with_key(controller: &Controller, made: &Value) -> Rest {
    let mut rest = controller.rest();
    rest.set_bearer(made["key"].as_str().expect("key"));
    rest
}

#[test]
fn a_service_account_looks_where_a_policy_lets_it_and_administers_nothing() {
    let place = Place::new();
    let (controller, ada) = world(&place);
    ada.rest()
        .alone()
        .post("/v1/service-accounts", json!({"name": "ci", "ttl_s": 86400}))
        .refused(403, "step_up_required");
    let made = ada.rest().post("/v1/service-accounts", json!({"name": "ci", "ttl_s": 86400, "purpose": "tests"})).ok();
    let ci = with_key(&controller, &made);
    // Without a policy it sees nothing.
    ci.get("/v1/policies").refused(403, "forbidden");
    ada.put_policy(
        "ci",
        r#"
@id("everything")
permit (principal == ServiceAccount::"ci", action in Wharden::Action::"read", resource);
@id("writes-for-anybody")
permit (principal, action in [Wharden::Action::"write", Wharden::Action::"remove"], resource);
"#,
    );
    ci.get("/v1/policies").ok();
    ci.post("/v1/policy/validate", json!({"text": "permit (principal, action, resource);"})).ok();
    ci.get("/v1/status").ok();
    // The floor: nothing that changes, nothing about people or sessions, although a rule permits it to everybody.
    let document = ci.get("/openapi.json").ok();
    let mut refused = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            ci.get("/v1/whoami").refused(403, "forbidden");
            let only_looks = method == "get" || path.starts_with("/v1/policy/");
            let people = ["/v1/users", "/v1/sessions", "/v1/whoami"].iter().any(|p| path.starts_with(p));
            // What a certificate is good for is decided on hosts.
            let docker = path.starts_with("/v1/docker/");
            if operation.get("security").is_none() || docker || (only_looks && !people) {
                continue;
            }
            let concrete = path.replace(['{', '}'], "");
            let method = method.to_uppercase().parse().expect("method");
            ci.send(&method, &concrete, Some(b"{}".to_vec())).refused(403, "forbidden");
            refused += 1;
        }
    }
    assert!(refused > 25, "only {refused} operations were refused");

    // Each try is in the audit; a key that is none is told apart, and has tried nothing.
    let audit = ada.rest().get("/v1/audit?limit=1000").ok();
    let tried = |r: &&Value| r["actor"] == "service account ci" && r["action"] == "user.create";
    assert!(audit["records"].as_array().expect("records").iter().any(|r| tried(&r)), "{audit}");
    let mut made_up = controller.rest();
    made_up.set_bearer(&format!("wsk_{}", "a".repeat(52)));
    made_up.get("/v1/whoami").refused(401, "not_logged_in");
    made_up.get("/v1/policies").refused(401, "not_logged_in");

    // The CLI takes the key in place of a session.
    let cli = Cli::new(&place, &controller, "ci");
    let mut list = cli.command(&["policy", "list", "-o", "json"]);
    let listed = Output::of(list.env("WHARDEN_TOKEN", made["key"].as_str().expect("key")), b"").json();
    assert!(listed.as_array().is_some_and(|all| all.iter().any(|p| p["name"] == "ci")), "{listed}");

    // Another key, and the first is void; then no account.
    let again = ada.rest().post("/v1/service-accounts/ci/rotate", json!({"ttl_s": 86400})).ok();
    ci.get("/v1/policies").refused(401, "not_logged_in");
    let ci = with_key(&controller, &again);
    ci.get("/v1/policies").ok();
    let seen = ada.rest().get("/v1/service-accounts").ok();
    assert_eq!((seen[0]["name"].as_str(), seen[0].get("key")), (Some("ci"), None), "{seen}");
    ada.rest().delete("/v1/service-accounts/ci").ok();
    ci.get("/v1/policies").refused(401, "not_logged_in");
    let log = controller.log();
    for key in [&made["key"], &again["key"]] {
        assert!(!log.contains(key.as_str().expect("key")), "a key is in the log");
    }
}

const CI: &str = r#"
@id("ci")
permit (
    principal == ServiceAccount::"ci",
    action in [Docker::Action::"read", Docker::Action::"run", Docker::Action::"change", Docker::Action::"remove"],
    resource
);
"#;

#[test]
fn among_teams_a_job_has_what_it_made_and_nobody_elses() {
    let world = World::setup().tcp().user("alice", &["launchers"]).packs(&["roles", "teams"]).policy("ci", CI).start();
    let made = world.admin.rest().post("/v1/service-accounts", json!({"name": "ci", "ttl_s": 3600})).ok();
    let cli = world.cli("ci");
    let mut login = cli.command(&["docker", "login"]);
    Output::of(login.env("WHARDEN_TOKEN", made["key"].as_str().expect("key")), b"").ok();
    let (job, alice) = (Docker::elsewhere(cli.config(), Some(CONTEXT)), world.docker("alice"));
    job.run(&["run", "-d", "--name", "build", "app", "sleep", "1000"]).ok();
    job.run(&["volume", "create", "cache"]).ok();
    alice.run(&["create", "--name", "web", "app"]).ok();
    let names = |docker: &Docker| docker.run(&["ps", "-a", "--format", "{{.Names}}"]).ok();
    assert_eq!((names(&job), names(&alice)), ("build".to_owned(), "web".to_owned()));
    assert_eq!(job.run(&["exec", "build", "echo", "mine"]).ok(), "mine");
    job.run(&["inspect", "web"]).fails_saying(&["No such object"]);
    alice.run(&["stop", "build"]).fails_saying(&["No such container"]);
    alice.run(&["volume", "inspect", "cache"]).fails_saying(&["o such volume"]);
    job.run(&["rm", "-f", "build"]).ok();
    assert_eq!(job.run(&["volume", "ls", "-q"]).ok(), "cache");
}

#[test]
fn a_job_uses_docker_from_elsewhere_as_its_service_account_as_long_as_its_key_is_good() {
    let world = World::setup().tcp().policy("ci", CI).policy("no-privileged", NO_PRIVILEGED).start();
    let rest = world.admin.rest();
    let made = rest.post("/v1/service-accounts", json!({"name": "ci", "ttl_s": 3600})).ok();
    let cli = world.cli("ci");
    let log_in = |key: &Value| {
        let mut command = cli.command(&["docker", "login", "-o", "json"]);
        Output::of(command.env("WHARDEN_TOKEN", key.as_str().expect("key")), b"")
    };
    let told = log_in(&made["key"]).json();
    assert_eq!(told["username"], "ci", "{told}");
    assert!(
        told["expires_at"].as_u64() <= made["info"]["expires_at"].as_u64(),
        "not longer than the key: {told} {made}"
    );
    // The host has not heard of the account before: it knows it by now.
    let docker = Docker::elsewhere(cli.config(), Some(CONTEXT));
    assert_eq!(docker.run(&["run", "--rm", "app", "echo", "from a job"]).ok(), "from a job");
    docker.run(&["run", "--privileged", "app", "id"]).fails_saying(&["for service account ci", "no-privileged/"]);
    let events = world.events("user=ci&action=container.create&decision=allowed", 1);
    assert_eq!(events[0]["principal"], json!({"kind": "service_account", "name": "ci"}), "{events:#?}");
    // The certificate is for Docker, and the account administers as little as before.
    let mut key = world.controller.rest();
    key.set_bearer(made["key"].as_str().expect("key"));
    key.get("/v1/policies").refused(403, "forbidden");
    key.post("/v1/users", json!({"name": "eve"})).refused(403, "forbidden");

    docker.run(&["run", "-d", "--name", "job", "app", "sh", "-c", "echo open; sleep 1000"]).ok();
    let ends = |words: &str, act: &dyn Fn() -> Value| {
        let mut stream = follow(&docker, &["logs", "-f", "job"]);
        let answer = act();
        eventually("the stream ends", SETTLE, || stream.try_wait().expect("state"));
        docker.run(&["ps"]).fails_saying(&[words]);
        answer
    };
    let again = ends("has ended", &|| rest.post("/v1/service-accounts/ci/rotate", json!({"ttl_s": 86400})).ok());
    log_in(&made["key"]).fails_with(3);
    log_in(&again["key"]).ok();
    assert_eq!(docker.run(&["logs", "job"]).ok(), "open");
    ends("service account ci", &|| rest.delete("/v1/service-accounts/ci").ok());
    log_in(&again["key"]).fails_with(3);
    world.direct().run(&["rm", "-f", "job"]).ok();
    let audit = rest.get("/v1/audit?limit=1000").ok();
    let issued = |r: &&Value| r["action"] == "docker.certificate" && r["actor"] == "service account ci";
    assert_eq!(audit["records"].as_array().expect("records").iter().filter(issued).count(), 2, "{audit}");
}
