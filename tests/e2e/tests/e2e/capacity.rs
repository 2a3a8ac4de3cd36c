//! A full host, from its alert to the container that a person has moved, with real engines at both ends.

use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};
use wharden_harness::{
    Admin, Agent, Cli, Controller, Docker, Engine, Output, Place, eventually,
    limits::{LOOKS, SETTLE},
    os_user::OsUser,
};

/// Whoever moves containers may do everything with Docker, but what the pack `baseline` forbids of what engines say of each
/// container.
const MOVERS: &str = r#"
@id("move") permit (principal in Group::"t-movers", action, resource);
@id("no-host-cgroup") forbid (principal, action == Docker::Action::"container.create", resource)
when { context.host_namespaces.contains("cgroup") };
@id("no-unmasked-paths") forbid (principal, action == Docker::Action::"container.create", resource)
when { context.unmasked_paths };
"#;

/// Ports are published on addresses of their own, since both engines are on this machine.
const PORTS: [&str; 2] = ["127.0.0.71:18071:80", "127.0.0.72:18071:80"];

/// Two hosts with an engine each. Fields stop in the order in which they stand.
struct Pair {
    cli: Cli,
    /// `dock-1` is full, `dock-2` is empty.
    agents: [Agent; 2],
    _controller: Controller,
    engines: [Engine; 2],
    place: Place,
}

impl Pair {
    fn docker(&self, host: usize) -> Docker {
        self.engines[host].docker()
    }

    /// What the admin CLI prints.
    #[track_caller]
    fn says(&self, args: &[&str]) -> String {
        self.cli.run(args).ok()
    }

    fn capacity(&self, what: &[&str]) -> String {
        self.says(&[&["capacity"], what].concat())
    }

    /// The folder that a person is in on a host.
    fn home(&self, host: &str) -> PathBuf {
        self.place.join("homes-of").join(host)
    }

    /// Runs a line of shell on a host, as the person who moves containers. Both hosts are this machine, so `ssh` and `scp`
    /// only change the folder.
    fn shell(&self, host: &str, line: &str) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        OsUser::named("mover").run_as(&mut command, &self.home(host));
        let path = format!("{}:/usr/bin:/bin", self.place.join("bin").display());
        command.env("PATH", path).env("HOSTS", self.place.join("homes-of"));
        Output::of(&mut command, b"")
    }
}

/// `dock-1` runs eight of ten containers, of which one can go; nothing runs on `dock-2` but who has the port.
fn pair() -> Pair {
    let place = Place::new();
    let engines = [Engine::start(&place), Engine::start_empty(&place, "second")];
    fill(&engines[0].docker());
    // An image of another name, so that it lacks the one that is to come.
    let archive = wharden_harness::image::archive(place.path());
    let second = engines[1].docker();
    second.run_with(&["import", "-", "other:1"], &archive).ok();
    networks(&second);
    let other =
        ["run", "-d", "--name", "other", "--network", "front-net", "-p", PORTS[1], "other:1", "/bin/sleep", "1000"];
    second.run(&other).ok();

    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let mut admin = Admin::bootstrap(&controller, "ada");
    OsUser::named("mover");
    admin.os_user("mover", &["t-movers"]);
    admin.put_policy("movers", MOVERS);
    let token = admin.join_token("enforce", 2, &json!({"containers-max": "10"}));
    let agents = [0, 1].map(|n| {
        let agent = Agent::new(&place, &format!("agent-{n}"), engines[n].socket());
        agent.enroll(&controller.agent_address(), &token, &format!("dock-{}", n + 1)).ok();
        agent
    });
    let cli = Cli::new(&place, &controller, "ada");
    cli.log_in(&mut admin);
    let pair = Pair { cli, agents, _controller: controller, engines, place };
    for (name, script) in [
        ("ssh", "cd \"$HOSTS/$1\" && shift && exec sh -c \"$*\""),
        ("scp", "exec cp \"$1\" \"$HOSTS/${2%%:*}/${2#*:}\""),
    ] {
        let file = pair.place.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("mode of a script");
    }
    pair
}

fn networks(docker: &Docker) {
    for network in ["front-net", "shop-net"] {
        docker.run(&["network", "create", network]).ok();
    }
    docker.run(&["network", "create", "--subnet", "10.213.7.0/24", "back-net"]).ok();
}

/// Fills a host: what is pinned, what has a port, and what can go.
fn fill(docker: &Docker) {
    networks(docker);
    let sleep = ["app", "sleep", "1000"];
    let run = |args: &[&str]| docker.run(&[&["run", "-d"], args, &sleep].concat()).ok();
    run(&["--name", "db", "-v", "db-data:/data"]);
    run(&["--name", "front", "--network", "front-net", "-p", PORTS[0]]);
    for n in 1..=5 {
        run(&["--name", &format!("fixed-{n}"), "--label", "wharden.capacity.pinned=true"]);
    }
    // By its id, which is another one on the other host.
    let shop_net = docker.run(&["network", "inspect", "--format", "{{.Id}}", "shop-net"]).ok();
    let kept = ["--name", "shop", "--network", shop_net.trim(), "--network-alias", "store", "--hostname", "till"];
    let made = ["-e", "GREETING=good 'day' \"$HOME\"", "--label", "app=shop", "--restart", "unless-stopped"];
    let limits = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--init"];
    run(&[&kept[..], &made, &limits].concat());
    docker.run(&["network", "connect", "--alias", "till-2", "--ip", "10.213.7.44", "back-net", "shop"]).ok();
}

/// What must be the same before and after, of what the engine keeps.
fn kept(docker: &Docker) -> Value {
    let all = docker.run(&["container", "inspect", "shop"]).json();
    let it = &all[0];
    let (config, host) = (&it["Config"], &it["HostConfig"]);
    let mut labels = config["Labels"].clone();
    // Whoever makes it is its owner, and of which image is told by the guard.
    labels.as_object_mut().expect("labels").retain(|key, _| !key.starts_with("io.wharden."));
    json!({
        "name": it["Name"], "image": it["Image"], "state": it["State"]["Status"],
        "of": config["Image"], "env": config["Env"], "command": config["Cmd"], "user": config["User"],
        "hostname": config["Hostname"], "labels": labels,
        "memory": host["Memory"], "cpus": host["NanoCpus"], "pids": host["PidsLimit"], "init": host["Init"],
        "restart": host["RestartPolicy"],
        "networks": it["NetworkSettings"]["Networks"].as_object().expect("networks").keys().collect::<Vec<_>>(),
        "alias": it["NetworkSettings"]["Networks"]["shop-net"]["Aliases"][0],
        "address": it["NetworkSettings"]["Networks"]["back-net"]["IPAMConfig"],
    })
}

#[test]
fn a_full_host_is_relieved_by_the_commands_that_are_printed() {
    let mut pair = pair();
    // Nothing but the number of containers is to count on a machine that other tests keep busy.
    let others = ["cpu", "memory", "disk", "pids", "psi_cpu", "psi_memory", "psi_io"];
    let marks: Vec<String> = others.iter().map(|signal| format!("--mark={signal}=100/99:1h")).collect();
    let mut set = vec!["capacity", "thresholds", "set", "few", "--mark", "containers=79.5/79:0s"];
    set.extend(marks.iter().map(String::as_str));
    pair.says(&set);
    assert!(pair.capacity(&["thresholds", "list"]).contains("79.5 %"));
    pair.agents.iter_mut().for_each(Agent::start);

    let status = eventually("dock-1 is over its mark, and a plan is there", LOOKS, || {
        let status = pair.capacity(&["status"]);
        (status.contains("raised") && status.contains("1 move, 0 hosts without help")).then_some(status)
    });
    for words in ["2 hosts watched", "dock-1", "containers", "80.0 %", "79.5 % / 79.0 %"] {
        assert!(status.contains(words), "{words}: {status}");
    }
    eventually("an alert like any other", SETTLE, || {
        let alerts = pair.says(&["alerts", "list"]);
        (alerts.contains("host_full") && alerts.contains("dock-1")).then_some(())
    });

    // What to move, and why not the others.
    let advice = pair.capacity(&["advice"]);
    for words in ["shop", "dock-1", "dock-2", "containers 80.0 %, mark 79.5 %"] {
        assert!(advice.contains(words), "{words}: {advice}");
    }
    let plan = pair.cli.json(&["capacity", "plan"])["plan"]["advice"].clone();
    let id = plan[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(plan.as_array().map(Vec::len), Some(1), "{plan}");
    assert!(advice.contains(&id));
    let text = pair.capacity(&["plan"]);
    for words in ["from dock-1", "to   dock-2", "containers 80.0 % → 70.0 %", "containers 10.0 % → 20.0 %"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let explain = |name: &str| pair.capacity(&["explain", "dock-1", name]);
    assert!(explain("db").contains("stays where it is: local volume db-data"), "{}", explain("db"));
    assert!(explain("front").contains("dock-2: port 18071/tcp is taken"), "{}", explain("front"));
    assert!(explain("fixed-1").contains("stays where it is"), "{}", explain("fixed-1"));
    assert!(explain("shop").contains("could go to 1 host, best first: dock-2"), "{}", explain("shop"));

    // Not now; and when that is over, it is advised again.
    pair.capacity(&["snooze", "dock-1", "--for", "1m"]);
    eventually("nothing is advised meanwhile", SETTLE, || {
        pair.capacity(&["advice"]).contains("nothing to move").then_some(())
    });
    assert!(pair.capacity(&["status"]).contains("snoozed"));
    eventually("the same advice again", LOOKS, || pair.capacity(&["advice"]).contains(&id).then_some(()));

    pair.capacity(&["accept", &id]);
    assert!(pair.capacity(&["status"]).contains("acknowledged by ada"));
    assert!(pair.capacity(&["advice"]).contains("accepted, and not seen to be done"));

    move_it(&pair, &id);

    eventually("the alert is over, and nothing is left to do", LOOKS, || {
        let status = pair.capacity(&["status"]);
        let plan = pair.capacity(&["plan"]);
        let done = plan.contains("nothing to move") && pair.capacity(&["advice"]).trim() == "nothing to move";
        (status.contains("no host is over a mark") && done).then_some(())
    });
    eventually("for whoever looks at alerts too", SETTLE, || {
        (!pair.says(&["alerts", "list"]).contains("host_full")).then_some(())
    });
    let history = pair.capacity(&["history"]);
    for words in [
        "containers raised at 80.0 %",
        "containers snoozed by ada",
        "containers woken",
        "ada moves shop to dock-2",
        "shop is on dock-2",
        "containers resolved",
    ] {
        assert!(history.contains(words), "{words}: {history}");
    }
}

/// Does what is printed, line by line, on the host that is named above it.
fn move_it(pair: &Pair, id: &str) {
    let before = kept(&pair.docker(0));
    // Everybody's folder is there before anything is carried to it.
    for host in ["dock-1", "dock-2"] {
        pair.shell(host, "true").ok();
    }
    let printed = pair.says(&["move", "preview", id]);
    let (mut host, mut done) = ("", 0);
    for line in printed.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(comment) => host = comment.strip_prefix("on ").unwrap_or(host),
            None => {
                let output = pair.shell(host, line);
                assert_eq!(output.code, 0, "{line}\n{output}\nof\n{printed}");
                done += 1;
            }
        }
    }
    assert!(done >= 7, "{printed}");
    assert_eq!(kept(&pair.docker(1)), before);
    assert_eq!(pair.docker(0).run(&["ps", "-a", "--filter", "name=shop", "-q"]).ok(), "");
    for host in ["dock-1", "dock-2"] {
        let left: Vec<_> = fs::read_dir(pair.home(host)).expect("lists").flatten().map(|e| e.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains("create.json")), "{left:?}");
    }
}
