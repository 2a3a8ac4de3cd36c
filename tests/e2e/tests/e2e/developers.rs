//! What compose, docker-py and testcontainers ask for in ordinary use: whoever makes things also takes them away again.

use wharden_harness::{World, eventually, limits::SETTLE};

fn world() -> World {
    World::setup()
        .user("dave", &["developers"])
        .user("dora", &["developers"])
        .user("alice", &["launchers"])
        .packs(&["roles", "baseline", "teams"])
        .start()
}

/// A project as compose makes one: a network with an alias for each service, a volume, containers that are made anew, all removed.
const PROJECT: &str = r#"
labels = {'com.docker.compose.project': 'shop'}
network = client.networks.create('shop_default', driver='bridge', labels=labels, check_duplicate=True, attachable=True,
    ipam=docker.types.IPAMConfig(driver='default', pool_configs=[]))
volume = client.volumes.create('shop_data', labels=labels)
def up(name):
    config = client.api.create_networking_config({'shop_default': client.api.create_endpoint_config(aliases=['web'])})
    host = client.api.create_host_config(binds=['shop_data:/data:rw'], network_mode='shop_default')
    made = client.api.create_container('app', ['sleep', '1000'], name=name, labels=labels, networking_config=config,
        host_config=host)
    client.api.start(made['Id'])
    return client.containers.get(made['Id'])
web = up('shop_web_1')
web.rename('old_shop_web_1')
web.update(mem_limit='64m', memswap_limit='64m')
web.stop(timeout=1)
web.remove(v=True)
web = up('shop_web_1')
other = client.networks.create('shop_back')
other.connect(web, aliases=['web'])
other.disconnect(web)
web.remove(force=True)
other.remove()
network.remove()
volume.remove()
print(client.containers.run('app', ['echo', 'over'], remove=True).decode().strip())
left = (client.containers.list(all=True), client.networks.list(names=['shop']), client.volumes.list())
print([thing.name for things in left for thing in things])
"#;

#[test]
fn developers_bring_a_project_up_and_down() {
    let world = world();
    let python = world.agent.python("dave");
    assert_eq!(python.run(PROJECT).ok().trim(), "over\n[]");
    // A launcher is told what is missing, and by what it is refused.
    let network = world.docker("alice").run(&["network", "create", "mine"]);
    network.fails_saying(&["network.create"]);
    let docker = world.docker("alice");
    docker.run(&["create", "--name", "hers", "app", "id"]).ok();
    docker.run(&["rm", "hers"]).fails_saying(&["container.delete"]);
}

#[test]
fn developers_have_what_is_theirs_and_plain() {
    let world = world();
    let (dave, dora, direct) = (world.docker("dave"), world.docker("dora"), world.direct());
    dave.run(&["network", "create", "daves"]).ok();
    dave.run(&["volume", "create", "daves"]).ok();
    dave.run(&["run", "-d", "--name", "daves", "app", "sleep", "1000"]).ok();
    for args in [
        &["rm", "daves"][..],
        &["rename", "daves", "doras"],
        &["update", "--cpus", "1", "daves"],
        &["network", "connect", "daves", "daves"],
        &["network", "rm", "daves"],
        &["volume", "rm", "daves"],
    ] {
        dora.run(args).fails_saying(&["o such"]);
    }
    assert_eq!(dave.run(&["inspect", "--format", "{{.Name}} {{.State.Running}}", "daves"]).ok(), "/daves true");
    // What is nobody's is not theirs either, nor is a network for it.
    direct.run(&["create", "--name", "nobodys", "app", "id"]).ok();
    direct.run(&["network", "create", "nobodys"]).ok();
    dora.run(&["network", "create", "doras"]).ok();
    dora.run(&["run", "-d", "--name", "doras", "app", "sleep", "1000"]).ok();
    dora.run(&["network", "connect", "doras", "nobodys"]).fails_saying(&["network.connect"]);
    dora.run(&["network", "connect", "nobodys", "doras"]).fails_saying(&["network.connect"]);
    dora.run(&["network", "connect", "doras", "doras"]).ok();
    dora.run(&["rm", "nobodys"]).fails_saying(&["container.delete"]);
    // Addresses, interfaces and folders are the engine's to choose.
    for args in [
        &["network", "create", "--subnet", "10.9.0.0/24", "n"][..],
        &["network", "create", "-o", "com.docker.network.bridge.name=docker0", "n"],
        &["network", "create", "-d", "macvlan", "n"],
        &["network", "create", "--internal", "-o", "x=y", "n"],
    ] {
        dora.run(args).fails_saying(&["network.create"]);
    }
    dora.run(&["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "v"]).fails_saying(&["volume.create"]);
    dora.run(&["system", "prune", "-f"]).fails_saying(&["prune"]);
}

/// The engine asks nobody whether an address that it is told to give belongs to somebody else.
#[test]
fn addresses_of_others_are_not_to_be_had() {
    let world = world();
    let dave = world.docker("dave");
    dave.run(&["network", "create", "daves"]).ok();
    let create = |more: &[&str]| dave.run(&[&["create"], more, &["app", "id"]].concat());
    let mac = ["--mac-address", "02:42:ac:11:00:03"];
    create(&[&mac[..], &["--network", "bridge"]].concat()).fails_saying(&["no-shared-mac-addresses"]);
    create(&[&mac[..], &["--network", "daves"]].concat()).ok();
    let arp = ["--network", "daves", "--sysctl", "net.ipv4.conf.all.proxy_arp=1"];
    create(&arp).fails_saying(&["no-routing-sysctls"]);
    create(&["--network", "daves", "--sysctl", "net.ipv6.conf.all.disable_ipv6=1"]).ok();
    let local = |address: &str| create(&["--network", "daves", "--link-local-ip", address]);
    local("172.17.0.3").fails_saying(&["LinkLocalIPs", "172.17.0.3"]);
    let made = local("169.254.8.1").ok();
    let connected =
        dave.run(&["network", "connect", "--driver-opt", "com.docker.network.portmap=x", "daves", made.trim()]);
    connected.fails_saying(&["DriverOpts", "com.docker.network.portmap"]);
    dave.run(&["start", "--attach", made.trim()]).ok();
}

/// What clients have no options for: each ends the engine, or makes its log of one container that of another.
const HOSTILE: &str = r#"
import json
host = lambda **more: dict({'NetworkMode': 'none'}, **more)
log = lambda kind, **config: host(LogConfig={'Type': kind, 'Config': config})
for place, body in [
    ('Healthcheck.Test', {'Healthcheck': {'Test': ['CMD'], 'Interval': 1000000}}),
    ('tag', {'HostConfig': log('json-file', tag='{{pad "x" 1099511627776 0}}')}),
    ('max-file', {'HostConfig': log('json-file', **{'max-size': '1m', 'max-file': '4611686018427387904'})}),
    ('CONTAINER_ID_FULL', {'Env': ['CONTAINER_ID_FULL=x'], 'HostConfig': log('journald', env='CONTAINER_ID_FULL')}),
    ('StopTimeout', {'StopTimeout': -1}),
]:
    asked = dict({'Image': 'app', 'Cmd': ['sleep', '1000']}, **body)
    answer = client.api._post_json(client.api._url('/containers/create'), data=asked)
    assert answer.status_code == 400 and place in answer.json()['message'], (place, answer.status_code, answer.text)
print(client.containers.list(all=True))
"#;

#[test]
fn what_ends_the_engine_is_not_asked_for() {
    let world = world();
    assert_eq!(world.agent.python("alice").run(HOSTILE).ok(), "[]");
    let docker = world.docker("alice");
    let tagged = [
        "create",
        "--log-opt",
        "tag={{.Name}}/{{.ID}}",
        "--log-opt",
        "max-size=1m",
        "--log-opt",
        "max-file=3",
        "app",
        "id",
    ];
    docker.run(&tagged).ok();
}

/// The engine keeps a command as long as its container runs, whether anybody begins it or not.
const NEVER_BEGUN: &str = r#"
made = client.containers.run('app', ['sleep', '1000'], detach=True, network_mode='none')
execs = [client.api.exec_create(made.id, ['echo', 'begun'])['Id'] for _ in range(64)]
def more():
    try:
        return client.api.exec_create(made.id, ['id'])['Id'] and 'made'
    except docker.errors.APIError as error:
        return error.status_code
print(more(), client.api.exec_start(execs[7]).decode().strip(), more(), more())
"#;

#[test]
fn commands_that_nobody_begins_are_few() {
    let world = world();
    assert_eq!(world.agent.python("alice").run(NEVER_BEGUN).ok().trim(), "429 begun made 429");
}

/// The engine gives what is mounted there to others that take the network, for writing, and copies go there as root.
#[test]
fn nothing_is_mounted_in_the_place_of_files_of_the_network() {
    let world = world();
    let docker = world.docker("dave");
    docker.run(&["volume", "create", "daves"]).ok();
    for mount in [
        ["-v", "daves:/etc/hosts"],
        ["--mount", "type=volume,source=daves,target=/etc/resolv.conf"],
        ["-v", "/etc/hostname"],
    ] {
        let made = docker.run(&[&["create"], &mount[..], &["app", "id"]].concat());
        made.fails_saying(&["no-mounts-over-network-files"]);
    }
    docker.run(&["create", "-v", "daves:/etc/more", "--add-host", "db:10.0.0.1", "app", "id"]).ok();
}

/// Many at once, as the engine looks for a name and takes it in two steps.
const SAME_NAMES: &str = r#"
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
together = Barrier(24, timeout=30)
def make(n):
    own = docker.from_env()
    own.ping()
    together.wait()
    try:
        own.networks.create(f'same{n // 24}', driver='bridge')
        return 1
    except docker.errors.APIError as error:
        assert error.status_code == 409, error
        return 0
with ThreadPoolExecutor(24) as pool:
    print(sum(pool.map(make, range(120))))
networks = client.networks.list(names=['same'])
print(sorted(network.name for network in networks))
for network in networks:
    network.remove()
"#;

#[test]
fn one_name_is_one_network_however_many_ask_for_it_at_once() {
    let world = world();
    assert_eq!(world.agent.python("dave").run(SAME_NAMES).ok(), "5\n['same0', 'same1', 'same2', 'same3', 'same4']");
}

/// An engine that begins starts containers by itself, by what it has noted of them.
#[test]
fn the_engine_begins_with_the_networks_that_were_judged() {
    let mut world = world();
    let (dave, dora) = (world.docker("dave"), world.docker("dora"));
    for network in ["home", "away"] {
        dave.run(&["network", "create", network]).ok();
    }
    let run = |name: &str, network: &str| {
        dave.run(&["run", "-d", "--restart", "always", "--network", network, "--name", name, "app", "sleep", "1000"])
            .ok();
    };
    run("stays", "home");
    run("moves", "none");
    dave.run(&["stop", "-t", "0", "moves"]).ok();
    world.direct().run(&["network", "disconnect", "none", "moves"]).ok();
    dave.run(&["network", "connect", "away", "moves"]).ok();
    dave.run(&["network", "rm", "away"]).ok();
    dora.run(&["network", "create", "away"]).ok();

    world.engine.restart();
    let state = |name: &str| {
        dave.run(&[
            "inspect",
            "--format",
            "{{.State.Status}} {{.State.Error}} {{json .NetworkSettings.Networks}}",
            name,
        ])
        .ok()
    };
    eventually("what is to run on its network does", SETTLE, || {
        let stays = state("stays");
        (stays.starts_with("running") && stays.contains("\"home\"")).then_some(())
    });
    eventually("what has no network any more does not", SETTLE, || state("moves").contains("not found").then_some(()));
    let there = world.direct().run(&["network", "inspect", "--format", "{{len .Containers}}", "away"]);
    assert_eq!(there.ok(), "0");
}

#[test]
fn names_that_pass_to_others_take_no_container_along() {
    let world = world();
    let (dave, dora, direct) = (world.docker("dave"), world.docker("dora"), world.direct());
    dave.run(&["run", "-d", "--network", "none", "--name", "stopped", "app", "sleep", "1000"]).ok();
    dave.run(&["stop", "-t", "0", "stopped"]).ok();
    dave.run(&["network", "create", "first"]).ok();
    dave.run(&["create", "--network", "first", "--name", "made", "app", "sleep", "1000"]).ok();
    dave.run(&["create", "--network", "first", "--name", "kept", "app", "sleep", "1000"]).ok();
    dave.run(&["network", "create", "second"]).ok();
    direct.run(&["network", "disconnect", "none", "stopped"]).ok();
    dave.run(&["network", "connect", "second", "stopped"]).ok();
    for network in ["first", "second"] {
        dave.run(&["network", "rm", network]).ok();
        dora.run(&["network", "create", network]).ok();
    }
    for container in ["made", "stopped"] {
        dave.run(&["start", container]).fails_saying(&["teams/no-networks-of-others"]);
        // As the engine does by itself when it begins.
        direct.run(&["start", container]).fails_saying(&["network", "not found"]);
    }
    for network in ["first", "second"] {
        assert_eq!(direct.run(&["network", "inspect", "--format", "{{len .Containers}}", network]).ok(), "0");
    }
    // A link names what is beside its container, and nobody else.
    let script =
        "client.api.create_container('app', host_config=client.api.create_host_config(links={'kept': '../daves'}))";
    world.agent.python("dave").run(script).fails_saying(&["HostConfig.Links", "../daves"]);
    let id = direct.run(&["network", "inspect", "--format", "{{slice .Id 0 12}}", "first"]).ok();
    dave.run(&["network", "create", &id]).fails_saying(&["id of another network"]);
    dave.run(&["network", "create", "0123456789ab"]).ok();
}
