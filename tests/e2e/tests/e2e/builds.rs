//! Builds of several builders on one host: what they are called, and what one client serves to its own.

use wharden_harness::{Python, World, eventually, limits::SETTLE};

/// Speaks to the guard with bytes of its own: `call(method, target, headers, body)` is the status and the answer, `opened(…)` leaves
/// the connection open.
const RAW: &str = r#"
import io, os, socket, tarfile, time
path = os.environ['DOCKER_HOST'].removeprefix('unix://')
def opened(method, target, headers=(), body=None):
    s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(path)
    lines = [f'{method} {target} HTTP/1.1', 'Host: d', *headers]
    if body is not None: lines += ['Content-Type: application/x-tar', f'Content-Length: {len(body)}']
    s.sendall('\r\n'.join(lines + ['', '']).encode() + (body or b''))
    return s
def call(method, target, headers=(), body=None):
    s = opened(method, target, [*headers, 'Connection: close'], body)
    answer = b''
    while chunk := s.recv(65536): answer += chunk
    return int(answer[9:12]), answer.decode(errors='replace')
def context(dockerfile):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as tar:
        info = tarfile.TarInfo('Dockerfile'); info.size = len(dockerfile)
        tar.addfile(info, io.BytesIO(dockerfile))
    return out.getvalue()
def session(uuid):
    s = opened('POST', '/session', ['Upgrade: h2c', 'Connection: Upgrade', f'X-Docker-Expose-Session-Uuid: {uuid}'])
    return s, s.recv(65536).decode()
"#;

fn world() -> World {
    let builders = &["builders"];
    World::setup()
        .user("alice", builders)
        .user("mallory", builders)
        .packs(&["roles", "baseline"])
        .labels(serde_json::json!({ "buildkit": "allowed" }))
        .start()
}

#[test]
fn nobody_has_a_part_in_the_sessions_and_builds_of_others() {
    let world = world();
    let alice = world.docker("alice");
    let python = |user: &str, script: &str| Python::like(&world.docker(user)).run(&format!("{RAW}{script}"));
    let (holds, over) = (alice.home().join("holds"), alice.home().join("over"));
    std::thread::scope(|scope| {
        let hers = scope.spawn(|| {
            python(
                "alice",
                r#"
held, switched = session('u1')
assert switched.startswith('HTTP/1.1 101'), switched
waits = opened('POST', '/build?version=2&remote=upload-request&buildid=b1&session=u1&networkmode=none')
home = os.environ['HOME']
open(f'{home}/holds', 'w').close()
while not os.path.exists(f'{home}/over'): time.sleep(0.02)
print('over')
"#,
            )
        });
        eventually("alice's session is open", SETTLE, || holds.exists().then_some(()));
        world.events("user=wharden-t-alice&action=image.build", 1);
        let theirs = python(
            "mallory",
            r#"
for target in ['/build?version=2&session=u1', '/build?session=u1', '/build?version=2&session=context:u1', '/session',
               '/build?version=2&buildid=b1', '/build?version=2&buildid=upload-request:b1', '/build/cancel?id=b1']:
    if target == '/session':
        switched = session('u1')[1]
        status, answer = int(switched[9:12]), switched
    else:
        status, answer = call('POST', target, body=context(b'FROM scratch\nENV A=b\n') if '?v' in target else None)
    assert status == 409 and "somebody else's" in answer, (target, answer)
own, answer = call('POST', '/build/cancel?id=b2')
assert own == 200, answer
built, answer = call('POST', '/build?version=2&networkmode=none&buildid=b2&session=u2', body=context(b'FROM scratch\nENV A=b\n'))
print('kept out')
"#,
        );
        std::fs::write(&over, "").expect("written");
        theirs.ok();
        hers.join().expect("alice").ok();
    });
    // What is over is free again.
    let taken = "print(session('u1')[1][9:12])";
    eventually("the id is free", SETTLE, || (python("mallory", taken).ok().trim() == "101").then_some(()));
}

#[test]
fn a_build_gives_no_names_but_those_that_were_judged() {
    let world = world();
    world.put_policy(
        "names",
        r#"@id("trusted") @reason("names of the platform are its own")
        forbid (principal, action == Docker::Action::"image.build", resource) when { context.tags.contains("docker.io/platform/app:prod") };"#,
    );
    world.settle();
    let script = r#"
import urllib.parse
def build(**query):
    target = '/build?version=2&networkmode=none&' + urllib.parse.urlencode(query)
    return call('POST', target, body=context(b'FROM scratch\nENV A=b\n'))
status, answer = build(t='platform/app:prod')
assert status == 403 and 'names/trusted' in answer, answer
status, answer = build(outputs='[{"Type":"moby","Attrs":{"name":"platform/app:prod"}}]')
assert status == 400 and 'name images with t' in answer, answer
status, answer = build(t='mine:1', outputs='[{"Type":"moby","Attrs":{}}]')
assert status == 200 and 'moby.image.id' in answer, answer
print('judged')
"#;
    Python::like(&world.docker("alice")).run(&format!("{RAW}{script}")).ok();
    let names = world.direct().run(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok();
    assert!(names.contains("mine:1") && !names.contains("platform"), "{names}");
}

#[test]
fn a_builder_brings_no_program_to_drive_buildkit_where_nobody_has_said_so() {
    let world = World::setup().user("alice", &["builders"]).packs(&["roles", "baseline"]).start();
    let alice = world.docker("alice");
    let file = b"# syntax=alice/frontend:1\nFROM scratch\nENV A=b\n";
    let build = ["build", "-t", "mine:1", "-"];
    alice.clone().with_env("DOCKER_BUILDKIT", "1").run_with(&build, file).fails_saying(&["baseline/no-buildkit"]);
    let raw =
        "status, answer = call('POST', '/build?version=2', body=context(b'FROM scratch\\n'))\nprint(status, answer)";
    let answer = Python::like(&alice).run(&format!("{RAW}{raw}")).ok();
    assert!(answer.starts_with("403") && answer.contains("baseline/no-buildkit"), "{answer}");
    // To the classic builder that line is a comment.
    alice.with_env("DOCKER_BUILDKIT", "0").run_with(&build, file).ok();
}

#[test]
fn the_engine_walks_through_no_container_that_may_run_meanwhile() {
    let olgas = |labels: serde_json::Value| {
        let world = World::setup()
            .user("olga", &["builders", "operators"])
            .packs(&["roles", "baseline"])
            .labels(labels)
            .start();
        let olga = world.docker("olga");
        olga.run(&["run", "-d", "--network", "none", "--name", "box", "app", "sleep", "1000"]).ok();
        (world, olga)
    };
    let (world, olga) = olgas(serde_json::json!({}));
    for args in [&["commit", "box", "taken"][..], &["diff", "box"]] {
        olga.run(args).fails_saying(&["baseline/no-walks-through-containers"]);
    }
    let build = ["build", "--rm=false", "--network", "none", "-t", "built", "-"];
    let classic = olga.clone().with_env("DOCKER_BUILDKIT", "0");
    classic.run_with(&build, b"FROM app\nUSER 65534\nRUN true\n").ok();
    let steps = world.direct().run(&["ps", "-aq", "--no-trunc", "--filter", "status=exited"]).ok();
    let refused = &["baseline/no-starts-of-build-steps"];
    for step in steps.lines() {
        olga.run(&["start", step]).fails_saying(refused);
        olga.run(&["restart", step]).fails_saying(refused);
    }
    assert_eq!(steps.lines().count(), 1, "{steps}");
    let (_world, olga) = olgas(serde_json::json!({ "commits": "allowed" }));
    olga.run(&["commit", "box", "taken"]).ok();
    olga.run(&["diff", "box"]).ok();
}
