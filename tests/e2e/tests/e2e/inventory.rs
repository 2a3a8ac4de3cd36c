//! What runs on a host is seen at the controllers, as it is, and without its secrets.

use crate::policies::{OPERATORS, ROLES};
use serde_json::{Value, json};
use std::time::Duration;
use wharden_harness::{Agent, Engine, Place, Rest, World, cluster::Cluster, eventually, limits::SETTLE};

/// On a machine under pressure agents look at their engine later, and measure less: that is what they are to do.
const SEEN: Duration = SETTLE.saturating_mul(6);
/// In the environment and the command of a container.
const SECRET: &str = "planted-hunter2";

fn find(rest: &Rest, kind: &str, query: &str) -> Vec<Value> {
    let page = rest.get(&format!("/v1/inventory/{kind}?limit=1000&{query}")).ok();
    page["items"].as_array().expect("items").clone()
}

fn names(found: &[Value]) -> Vec<&str> {
    found.iter().map(|found| found["item"]["name"].as_str().expect("name")).collect()
}

#[track_caller]
fn seen(rest: &Rest, kind: &str, query: &str, what: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    eventually(&format!("{kind} with {query}"), SEEN, || {
        let found = find(rest, kind, query);
        what(&found).then_some(found)
    })
}

#[test]
fn what_runs_is_found_as_it_is_and_without_its_secrets() {
    let mut world = World::setup().user("alice", &[OPERATORS]).policy("roles", ROLES).start();
    let rest = world.admin.rest();
    let (alice, direct) = (world.docker("alice"), world.direct());
    let secret = format!("PASSWORD={SECRET}");
    alice.run(&["volume", "create", "--label", "app=shop", "shop-data"]).ok();
    let web = ["run", "-d", "--name", "web", "--label", "app=shop", "-v", "shop-data:/data", "-v", "/etc:/host-etc:ro"];
    let limits = ["-e", &secret, "--memory", "64m", "--restart", "unless-stopped", "app", "sleep", "1000"];
    direct.run(&[&web[..], &limits].concat()).ok();
    alice.run(&["create", "--name", "own", "-e", &secret, "app", "echo", SECRET]).ok();

    let found = seen(rest, "containers", "mount=/etc", |found| names(found) == ["web"]);
    let web = &found[0];
    assert_eq!(
        (&web["host"], &web["host_name"], &web["connected"]),
        (&json!(world.host), &json!("dock-1"), &json!(true))
    );
    let item = &web["item"];
    assert_eq!((&item["image"], &item["state"]), (&json!("app"), &json!("running")));
    assert_eq!(
        (&item["limits"]["memory_bytes"], &item["restart"]["kind"]),
        (&json!(64 << 20), &json!("unless-stopped"))
    );
    assert_eq!(item["labels"]["app"], "shop");
    for query in
        ["mount=shop-data", "label=app%3Dshop", "label=app", "image=app&state=running", "image=app:latest&name=we"]
    {
        seen(rest, "containers", query, |found| names(found) == ["web"]);
    }
    // Who owns what: the guard knows who asked.
    let own = seen(rest, "containers", "owner=wharden-t-alice", |found| names(found) == ["own"]);
    assert_eq!(own[0]["item"]["state"], "created");
    let volumes = seen(rest, "volumes", "label=app%3Dshop", |found| names(found) == ["shop-data"]);
    assert_eq!(volumes[0]["item"]["owner"], "wharden-t-alice");
    seen(rest, "images", "image=rootapp", |found| found.len() == 1);
    seen(rest, "networks", "name=none", |found| names(found) == ["none"]);

    // What it uses, and what the host is and uses.
    let used = |found: &[Value]| found.first().is_some_and(|found| found["usage"]["pids"].as_u64() > Some(0));
    seen(rest, "containers", "name=web", used);
    let sampled = |found: &[Value]| found.first().is_some_and(|host| host["sampled_at"].as_u64() > Some(0));
    let hosts = seen(rest, "hosts", "host=dock-1", sampled);
    let host = &hosts[0];
    assert_eq!((&host["containers"], &host["containers_running"]), (&json!(2), &json!(1)));
    assert!(host["facts"]["engine"]["storage_driver"].as_str().is_some_and(|driver| !driver.is_empty()), "{host}");
    assert!(host["usage"]["memory_bytes"].as_u64() > Some(0) && host["agent"]["memory_bytes"].as_u64() > Some(0));
    let cli = world.logged_in_cli();
    let shown = cli.run(&["host", "show", "dock-1"]).ok();
    for words in ["maps no users", "Memory used", "Agent uses", "Agent's limits", "Engine is set to"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let lines = cli.run(&["inventory", "containers", "--image", "app", "-o", "jsonl"]).ok();
    let listed: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(listed.len(), 2, "{lines}");
    assert!(cli.run(&["inventory", "ps", "--mount", "/etc"]).ok().contains("web"));

    // What changes is seen, and what goes is gone.
    let rest = world.admin.rest();
    direct.run(&["rename", "web", "front"]).ok();
    seen(rest, "containers", "mount=/etc", |found| names(found) == ["front"]);
    direct.run(&["stop", "-t", "0", "front"]).ok();
    seen(rest, "containers", "state=exited", |found| names(found) == ["front"]);
    for kind in ["containers", "images", "volumes", "networks", "hosts"] {
        let text = rest.get(&format!("/v1/inventory/{kind}?limit=1000")).body;
        assert!(!text.contains(SECRET), "{text}");
    }
    direct.run(&["rm", "-v", "front"]).ok();
    seen(rest, "containers", "", |found| names(found) == ["own"]);
    assert!(!world.controller.log().contains(SECRET) && !world.agent.log().contains(SECRET));

    // Who may not see the host does not see what runs on it.
    let nobody = world.admin.invite(&world.controller, "nobody", &[]);
    nobody.rest().get("/v1/inventory/containers").refused(403, "forbidden");
    rest.get("/v1/inventory/containers?state=flying").refused(400, "invalid");
}

#[test]
fn what_containers_wrote_is_counted_and_the_view_tells_of_itself() {
    let world = World::setup().start();
    let (rest, direct) = (world.admin.rest(), world.direct());
    let write = "head -c 300000 /dev/zero > /srv/written; sleep 1000";
    direct.run(&["run", "-d", "--name", "writer", "app", "sh", "-c", write]).ok();
    direct.run(&["create", "--name", "idle", "app", "id"]).ok();
    let bytes = |found: &[Value]| found.first().and_then(|found| found["item"]["layer_bytes"].as_u64());
    seen(rest, "containers", "name=writer", |found| bytes(found) >= Some(300_000));
    seen(rest, "containers", "name=idle", |found| bytes(found).is_some_and(|bytes| bytes < 300_000));
    let metrics = rest.get("/metrics").body;
    for line in ["hosts 1", "containers 2", "images 2", "resyncs_total 0"] {
        assert!(metrics.lines().any(|held| held == format!("wharden_inventory_{line}")), "{line}: {metrics}");
    }
    for name in ["memory_bytes", "deltas_total"] {
        let start = format!("wharden_inventory_{name} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse::<u64>().ok());
        assert!(value > Some(0), "{name}: {metrics}");
    }
}

#[test]
fn an_agent_puts_itself_under_limits_and_says_so() {
    let mut world = World::setup().start();
    world.agent.stop();
    world.agent.limits_itself();
    world.agent.start();
    let hosts = seen(world.admin.rest(), "hosts", "host=dock-1", |found| {
        found.first().is_some_and(|host| host["facts"]["agent"]["memory_limit_bytes"] != 0)
    });
    let agent = &hosts[0]["facts"]["agent"];
    let within = |value: &Value, most: u64| value.as_u64().is_some_and(|value| (1..=most).contains(&value));
    assert!(within(&agent["memory_limit_bytes"], 128 << 20) && within(&agent["cpu_limit_millicores"], 200), "{agent}");
    assert!(within(&agent["cgroup_version"], 2) && agent["limits_problem"] == "", "{agent}");
}

#[test]
fn a_host_that_goes_to_another_controller_leaves_nothing_old_behind() {
    let place = Place::new();
    let engine = Engine::start(&place);
    let mut cluster = Cluster::of(&place, 3);
    let token = cluster.admin.join_token("observe", 1, &json!({}));
    let mut agent = Agent::new(&place, "agent", engine.socket());
    agent.enroll(&cluster.controllers[0].agent_address(), &token, "dock-1").ok();
    agent.start();
    let docker = engine.docker();
    docker.run(&["create", "--name", "first", "app"]).ok();
    for at in 0..3 {
        seen(&cluster.rest(at), "containers", "", |found| names(found) == ["first"]);
    }
    eventually("the list of all controllers on the host's disk", SETTLE, || {
        let list = std::fs::read_to_string(agent.dir().join("controllers.json")).ok()?;
        (list.matches("number").count() == 3).then_some(())
    });
    let home = eventually("the controller that has the session", SETTLE, || {
        let status = std::fs::read_to_string(agent.dir().join("status.json")).ok()?;
        let status: Value = serde_json::from_str(&status).ok()?;
        let address = status["session"]["controller"].as_str()?;
        cluster.controllers.iter().position(|controller| controller.agent_address() == address)
    });
    agent.stop();
    cluster.controllers[home].freeze();
    docker.run(&["rm", "first"]).ok();
    docker.run(&["create", "--name", "second", "app"]).ok();
    agent.start();
    let other = (home + 1) % 3;
    eventually("the host at another controller", SEEN, || {
        let answer = cluster.rest(other).get("/v1/inventory/containers");
        (answer.status == 200 && answer.body.contains("second")).then_some(())
    });
    cluster.controllers[home].thaw();
    // The one that hung holds what was there before; whoever is asked, nobody tells it any more, nor anything twice.
    for at in [home, other, (home + 2) % 3] {
        eventually("an answer of all controllers", SETTLE, || {
            let answer = cluster.rest(at).get("/v1/inventory/containers");
            let page: Value = serde_json::from_str(&answer.body).ok()?;
            (answer.status == 200 && page["unreachable"].is_null()).then(|| {
                assert_eq!(names(page["items"].as_array().expect("items")), ["second"], "{page}");
            })
        });
        assert_eq!(find(&cluster.rest(at), "hosts", "").len(), 1);
    }
}
