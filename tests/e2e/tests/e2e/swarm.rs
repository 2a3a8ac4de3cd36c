//! Services and secrets of a swarm: who made them stays written on them, and what joins the swarm is not shown.

use wharden_harness::{Docker, World, eventually, limits::SETTLE};

#[test]
fn services_and_secrets_keep_their_maker_and_tokens_are_for_admins() {
    let world = World::setup()
        .user("olga", &["operators"])
        .user("omar", &["operators"])
        .user("vera", &["viewers"])
        .user("adam", &["admins"])
        .packs(&["roles", "baseline"])
        .start();
    let (olga, omar, direct) = (world.docker("olga"), world.docker("omar"), world.direct());
    olga.run(&["service", "ls"]).fails_with(1);
    direct.run(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:23770"]).ok();

    let create = ["service", "create", "-d", "--no-resolve-image", "--replicas", "0", "--user", "1000"];
    let forged = ["--label", "io.wharden.owner=bob", "--name", "web", "app"];
    olga.run(&[&create[..], &forged].concat()).ok();
    let owner = |kind: &str, name: &str| {
        let format = "{{index .Spec.Labels \"io.wharden.owner\"}}";
        direct.run(&[kind, "inspect", "--format", format, name]).ok()
    };
    assert_eq!(owner("service", "web"), "wharden-t-olga");
    omar.run(&[
        "service",
        "update",
        "-d",
        "--no-resolve-image",
        "--label-add",
        "io.wharden.owner=wharden-t-omar",
        "web",
    ])
    .ok();
    omar.run(&["service", "update", "-d", "--no-resolve-image", "--label-rm", "io.wharden.owner", "web"]).ok();
    assert_eq!(owner("service", "web"), "wharden-t-olga");
    olga.run_with(&["secret", "create", "--label", "io.wharden.owner=bob", "key", "-"], b"s3cr3t").ok();
    assert_eq!(owner("secret", "key"), "wharden-t-olga");

    // By name, by id and by a part of it, it is the same thing.
    let id = direct.run(&["service", "inspect", "--format", "{{.ID}}", "web"]).ok();
    for reference in ["web", &id, &id[..8]] {
        olga.run(&["service", "inspect", reference]).ok();
    }
    let events = world.events("user=wharden-t-olga&action=service.inspect", 3);
    assert!(events.iter().all(|e| e["resource"]["id"] == id.as_str() && e["resource"]["name"] == "web"), "{events:#?}");
    olga.run(&["service", "inspect", "nothing"]).fails_saying(&["nothing"]);

    world.docker("vera").run(&["service", "ls"]).ok();
    for (user, docker) in [("vera", world.docker("vera")), ("olga", world.docker("olga"))] {
        let out = docker.run(&["swarm", "join-token", "-q", "worker"]);
        out.fails_saying(&["swarm.inspect"]);
        assert!(!out.all().contains("SWMTKN"), "{user}: {out}");
    }
    assert!(world.docker("adam").run(&["swarm", "join-token", "-q", "worker"]).ok().contains("SWMTKN"));
    // The baseline holds for services too.
    for args in
        [&["--cap-add", "SYS_ADMIN"][..], &["--mount", "type=bind,source=/etc,target=/host"], &["--user", "root"]]
    {
        let line = [&create[..], args, &["app"]].concat();
        olga.run(&line).fails_saying(&["service.create", "baseline/"]);
    }
    let template = "type=bind,source=/srv/{{.Service.Name}},target=/host";
    olga.run(&[&create[..], &["--mount", template, "app"]].concat()).fails_saying(&["is a template"]);
    // By what their names mean, too.
    let link = world.place.path().join("link");
    std::os::unix::fs::symlink("/etc", &link).expect("link");
    let mount = format!("type=bind,source={},target=/host", link.display());
    let host = direct.run(&["network", "inspect", "--format", "{{.Id}}", "host"]).ok();
    for (rule, args) in
        [("no-sensitive-host-paths", ["--mount", &mount]), ("no-remote-log-drivers", ["--log-driver", "syslog"])]
    {
        olga.run(&[&create[..], &args, &["app"]].concat()).fails_saying(&[&format!("baseline/{rule}")]);
    }
    let spec = format!(
        "{{'Name': 'h', 'TaskTemplate': {{'ContainerSpec': {{'Image': 'app', 'User': '1000'}}, 'Networks': [{{'Target': '{host}'}}]}}}}"
    );
    let asked = world.agent.python("olga").run(&format!(
        "r = client.api._post_json(client.api._url('/services/create'), data={spec})\nprint(r.status_code, r.text)"
    ));
    let answer = asked.ok();
    assert!(answer.starts_with("403") && answer.contains("baseline/no-host-network-elsewhere"), "{answer}");
    omar.run(&["service", "rollback", "-d", "web"]).fails_saying(&["baseline/no-unjudged-rollbacks"]);

    // Where it is hidden, a filter does not tell that it is there, nor how its id begins.
    world.put_policy("teams", include_str!("../../../../common/policy/packs/teams.cedar"));
    world.settle();
    let tasks = |service: &str| {
        let ask = format!(
            "r = client.api._get(client.api._url('/tasks'), params={{'filters': '{{\"service\": [\"{service}\"]}}'}})\nprint(r.status_code, r.text)"
        );
        world.agent.python("vera").run(&ask).ok().trim().to_owned()
    };
    let absent = tasks("nothing");
    assert!(absent.starts_with("404"), "{absent}");
    for reference in ["web", &id, &id[..8]] {
        assert_eq!(tasks(reference), absent.replace("nothing", reference));
    }
}

/// Before the swarm has noted a task's start, and when its service is gone, nothing says whose its container is: it is not everybody's.
#[test]
fn what_nothing_vouches_for_is_somebodys() {
    let world = World::setup()
        .user("deva", &["devs"])
        .user("devb", &["devs"])
        .packs(&["roles", "baseline", "teams"])
        .policy(
            "devs",
            r#"
@id("devs") @reason("devs run what they like")
permit (principal in Group::"devs", action in [
    Docker::Action::"read", Docker::Action::"run", Docker::Action::"change", Docker::Action::"remove"], resource);
"#,
        )
        .start();
    let (deva, devb, direct) = (world.docker("deva"), world.docker("devb"), world.direct());
    direct.run(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:23774"]).ok();
    let stays = "trap '' TERM; echo hers; while :; do sleep 1; done";
    let create = ["service", "create", "-d", "--no-resolve-image", "--name", "web", "--user", "1000"];
    deva.run(&[&create[..], &["--stop-grace-period", "120s", "app", "sh", "-c", stays]].concat()).ok();
    let container = eventually("the task runs and is deva's", SETTLE, || {
        let id = direct.run(&["ps", "-q", "--no-trunc"]).ok();
        (!id.is_empty() && deva.run(&["logs", &id]).all().contains("hers")).then_some(id)
    });
    let task = direct.run(&["service", "ps", "-q", "--no-trunc", "web"]).ok();
    let reached = |docker: &Docker| {
        let [logs, exec] = [vec!["logs", &container], vec!["exec", &container, "id"]].map(|args| docker.run(&args));
        [docker.run(&["inspect", "--type", "container", &container]), logs, exec]
    };
    let of_task = |who: &str| {
        let asked = format!("r = client.api._get(client.api._url('/tasks/{task}'))\nprint(r.status_code, r.text)");
        world.agent.python(who).run(&asked).ok()
    };
    assert!(of_task("deva").starts_with("200") && of_task("devb").starts_with("404"));
    deva.run(&["service", "rm", "web"]).ok();
    assert_eq!(direct.run(&["ps", "-q", "--no-trunc"]).ok(), container, "it goes on");
    for out in reached(&devb) {
        out.fails_saying(&[&format!("No such container: {container}")]);
    }
    devb.run(&["kill", &container]).fails_saying(&["No such container"]);
    let told = of_task("devb");
    assert!(told.starts_with("404"), "{told}");

    // So is what was made of another image than was decided on, because its name moved meanwhile.
    let labels = ["--label", "io.wharden.owner=wharden-t-deva", "--label", "io.wharden.image=sha256:0123"];
    direct.run(&[&["create", "--name", "moved"], &labels[..], &["app", "true"]].concat()).ok();
    direct.run(&["create", "--name", "beside", "app", "true"]).ok();
    assert_eq!(devb.run(&["ps", "-a", "--format", "{{.Names}}"]).ok(), "beside");
    devb.run(&["inspect", "--type", "container", "moved"]).fails_saying(&["No such container: moved"]);
    direct.run(&["kill", &container]).ok();
}

#[test]
fn no_service_mounts_what_somebody_else_makes_later() {
    let world =
        World::setup().user("olga", &["operators"]).user("omar", &["operators"]).packs(&["roles", "baseline"]).start();
    let (olga, omar, direct) = (world.docker("olga"), world.docker("omar"), world.direct());
    direct.run(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:23771"]).ok();
    let create = ["service", "create", "-d", "--no-resolve-image", "--replicas", "0", "--user", "1000"];
    let mounting = |volume: &str| format!("type=volume,source={volume},target=/v");
    olga.run(&[&create[..], &["--name", "waits", "--mount", &mounting("later"), "app"]].concat()).ok();

    let refused = &["baseline/no-volumes-of-others"];
    omar.run(&["volume", "create", "later"]).fails_saying(refused);
    omar.run(&["run", "--rm", "--network", "none", "-v", "later:/v", "app", "true"]).fails_saying(refused);
    omar.run(&[&create[..], &["--name", "too", "--mount", &mounting("later"), "app"]].concat()).fails_saying(refused);
    direct.run(&["volume", "inspect", "later"]).fails_saying(&["later"]);
    omar.run(&["volume", "create", "other"]).ok();
    olga.run(&["volume", "create", "later"]).ok();
    olga.run(&[&create[..], &["--name", "more", "--mount", &mounting("later"), "app"]].concat()).ok();
    // Whose it is now decides, and not who would mount it.
    omar.run(&["run", "--rm", "--network", "none", "-v", "later:/v", "app", "true"]).fails_saying(refused);
    olga.run(&["service", "rm", "waits", "more"]).ok();
    olga.run(&["volume", "rm", "later"]).ok();
    omar.run(&["volume", "create", "later"]).ok();

    // What a task waits with counts, whatever its service has become.
    let slow = ["--replicas", "3", "--constraint", "node.labels.nowhere==1", "--update-delay", "1h"];
    let stale = ["--name", "stale", "--mount", &mounting("old")];
    olga.run(&[&create[..], &slow, &stale, &["app"]].concat()).ok();
    let tasks = || direct.run(&["service", "ps", "-q", "stale"]).ok().lines().count();
    eventually("the tasks wait", SETTLE, || (tasks() == 3).then_some(()));
    for change in [&["--mount-rm", "/v"][..], &["--env-add", "A=b"]] {
        olga.run(&[&["service", "update", "-d", "--no-resolve-image"], change, &["stale"]].concat()).ok();
    }
    let specs = direct.run(&["service", "inspect", "--format", "{{json .Spec}} {{json .PreviousSpec}}", "stale"]).ok();
    assert!(!specs.contains("Mounts"), "{specs}");
    omar.run(&["volume", "create", "old"]).fails_saying(refused);
    olga.run(&["service", "rm", "stale"]).ok();
    eventually("the tasks are gone", SETTLE, || (omar.run(&["volume", "create", "old"]).code == 0).then_some(()));
}

#[test]
fn a_network_takes_no_addresses_that_are_not_for_that() {
    let world = World::setup().user("olga", &["operators"]).packs(&["roles", "baseline"]).start();
    let olga = world.docker("olga");
    for args in
        [&["--subnet", "198.51.100.0/24"][..], &["--subnet", "127.0.0.0/8"], &["--ipv6", "--subnet", "2001:db8::/64"]]
    {
        let line = [&["network", "create"], args, &["taken"]].concat();
        olga.run(&line).fails_saying(&["baseline/no-foreign-subnets"]);
    }
    olga.run(&["network", "create", "--internal", "--subnet", "172.30.9.0/24", "own"]).ok();
    olga.run(&["network", "rm", "own"]).ok();
}
