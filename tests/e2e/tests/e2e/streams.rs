//! Everything that streams gives through the guard what it gives without it.

use crate::policies::{OPERATORS, ROLES};
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
};
use wharden_harness::{Docker, Output, World, client::Talk, eventually, limits::SETTLE};

/// Waits until the terminal has its size, which the client sends after the start, and shows it; then what is typed, a
/// control-C, and an exit code. No interactive shell, since that draws its prompt anew whenever the size changes.
const TERMINAL: &str = "until stty size 2>/dev/null | grep -q ^33; do :; done; stty size; read x; echo got $x; \
                        trap 'echo interrupted; exit 42' INT; echo waiting; read y";
const TYPED: Talk<'_> = &[("33 101\r\n", "typed\n"), ("waiting\r\n", "\u{3}"), ("interrupted", "")];

fn world() -> World {
    World::setup().user("olga", &[OPERATORS]).policy("roles", ROLES).start()
}

/// Both ways to the engine: past the guard, and through it.
fn both(world: &World) -> [Docker; 2] {
    [world.direct(), world.docker("olga")]
}

/// What a command gives must be the same both ways, byte for byte.
#[track_caller]
fn same(world: &World, args: &[&str], input: &[u8]) -> Output {
    let [direct, guarded] = both(world).map(|d| d.run_with(args, input));
    assert!(
        direct.code == guarded.code && direct.stdout == guarded.stdout && direct.stderr == guarded.stderr,
        "differs through the guard:\n{direct}\n{guarded}"
    );
    guarded
}

/// What a terminal shows must be the same both ways.
#[track_caller]
fn same_talk(world: &World, args: &[&str], talk: Talk<'_>) -> Output {
    let [direct, guarded] = both(world).map(|d| d.talk(args, talk));
    assert!(direct.code == guarded.code && direct.out() == guarded.out(), "differs:\n{direct}\n{guarded}");
    guarded
}

#[test]
fn containers_on_a_terminal_and_on_pipes() {
    let world = world();
    // A terminal: its size, what is typed, control-C, the exit code.
    let out = same_talk(&world, &["run", "--rm", "-it", "app", "sh", "-c", TERMINAL], TYPED);
    assert_eq!(out.code, 42, "{out}");
    // Pipes: both output streams apart, input to its end, exit codes.
    let out = same(&world, &["run", "--rm", "app", "sh", "-c", "echo out; echo err >&2; exit 3"], b"");
    assert_eq!((out.code, out.out().as_str(), out.err().as_str()), (3, "out\n", "err\n"));
    let input: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7 % 251) as u8).collect();
    let out = same(&world, &["run", "--rm", "-i", "app", "cat"], &input);
    assert!(out.stdout == input, "3 MB of input come back as {} bytes", out.stdout.len());
    let out = same(&world, &["run", "--rm", "app", "head", "-c", "20000000", "/dev/zero"], b"");
    assert_eq!(out.stdout.len(), 20_000_000);
    // A container whose program ends while the input stays open.
    same(&world, &["run", "--rm", "-i", "app", "head", "-n", "1"], b"one\ntwo\n");
    for docker in both(&world) {
        docker.run(&["run", "--rm", "app", "no-such-program"]).fails_saying(&["no-such-program", "not found"]);
    }
}

#[test]
fn exec_and_attach() {
    let world = world();
    let guarded = world.docker("olga");
    guarded.run(&["run", "-d", "--name", "c1", "app", "sleep", "1000"]).ok();
    assert_eq!(same(&world, &["exec", "c1", "sh", "-c", "echo hi; exit 5"], b"").code, 5);
    same(&world, &["exec", "-i", "c1", "sort"], b"b\nc\na\n");
    same(&world, &["exec", "-e", "X=1", "-w", "/tmp", "c1", "sh", "-c", "pwd; echo $X"], b"");
    assert_eq!(same_talk(&world, &["exec", "-it", "c1", "sh", "-c", TERMINAL], TYPED).code, 42);
    same(&world, &["exec", "none", "id"], b"");

    // Attach: input goes in, output comes out, and the container's end is the command's.
    for docker in both(&world) {
        docker.run(&["run", "-d", "-i", "--name", "echo", "app", "sh", "-c", "read x; read y; echo $y $x"]).ok();
        let mut attach = docker
            .command(&["attach", "echo"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker attach");
        // The input stays open: at its end the engine would close the output too.
        let mut input = attach.stdin.take().expect("piped");
        input.write_all(b"one\ntwo\n").expect("write");
        let mut output = String::new();
        attach.stdout.take().expect("piped").read_to_string(&mut output).expect("read");
        assert_eq!(output, "two one\n");
        assert!(attach.wait().expect("docker attach").success());
        drop(input);
        docker.run(&["rm", "-f", "echo"]).ok();
    }
    for docker in both(&world) {
        docker.run(&["run", "-d", "-it", "--name", "term", "app", "sh"]).ok();
        let out = docker.talk(&["attach", "term"], &[("", "echo $((40 + 2))\n"), ("42", "exit 7\n")]);
        assert_eq!(out.code, 7, "{out}");
        docker.run(&["rm", "-f", "term"]).ok();
    }
    // Detaching leaves the container running.
    for docker in both(&world) {
        docker.run(&["run", "-d", "-it", "--name", "term", "app", "sh"]).ok();
        docker.talk(&["attach", "term"], &[("", "echo he''re\n"), ("\nhere\r\n", "\u{10}\u{11}")]);
        assert_eq!(docker.run(&["inspect", "-f", "{{.State.Running}}", "term"]).ok(), "true");
        docker.run(&["rm", "-f", "term"]).ok();
    }
}

#[test]
fn logs_events_and_stats() {
    let world = world();
    let guarded = world.docker("olga");
    let script = "for i in 1 2 3; do echo line $i; echo error $i >&2; done; read x; echo last $x";
    guarded.run(&["run", "-d", "-i", "--name", "c1", "app", "sh", "-c", script]).ok();
    same(&world, &["logs", "c1"], b"");
    same(&world, &["logs", "--timestamps", "--tail", "2", "c1"], b"");

    // Followed: what is there comes at once, what is new comes when it happens, the end ends it.
    for docker in both(&world) {
        docker.run(&["rm", "-f", "f1"]);
        docker.run(&["run", "-d", "-i", "--name", "f1", "app", "sh", "-c", "echo first; read x; echo got $x"]).ok();
        let mut follow = docker
            .command(&["logs", "-f", "f1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker logs -f");
        let mut lines = BufReader::new(follow.stdout.take().expect("piped")).lines();
        assert_eq!(lines.next().expect("a line").expect("text"), "first");
        docker.run_with(&["attach", "f1"], b"ping\n").ok();
        assert_eq!(lines.next().expect("a line").expect("text"), "got ping");
        assert!(lines.next().is_none(), "the end of the container ends its logs");
        assert!(follow.wait().expect("docker logs -f").success());
    }

    // Events of the past, byte for byte; live ones as they happen.
    let until = guarded.run(&["run", "--rm", "app", "date", "+%s"]).ok();
    let past = ["events", "--since", "0", "--until", &until, "--format", "{{json .}}"];
    let seen = same(&world, &past, b"");
    assert!(seen.out().contains("\"start\""), "{seen}");
    for docker in both(&world) {
        let mut live = docker
            .command(&["events", "--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.name}}"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker events");
        let mut lines = BufReader::new(live.stdout.take().expect("piped")).lines();
        // The stream is open once a first event comes through; until then there may be nobody listening.
        let (sender, receiver) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        eventually("a live event", SETTLE, || {
            docker.run(&["rm", "-f", "noise"]);
            docker.run(&["create", "--name", "noise", "app"]).ok();
            receiver.try_iter().any(|line| line == "create noise").then_some(())
        });
        docker.run(&["rename", "noise", "noise2"]).ok();
        eventually("the next live event", SETTLE, || {
            receiver.try_iter().any(|line| line.starts_with("rename noise2")).then_some(())
        });
        docker.run(&["rm", "-f", "noise2"]).ok();
        live.kill().expect("our child");
        live.wait().expect("our child");
        reader.join().expect("reader");
    }

    // Numbers differ from moment to moment; the form does not.
    guarded.run(&["run", "-d", "--name", "s1", "app", "sleep", "1000"]).ok();
    let [direct, through] =
        both(&world).map(|d| d.run(&["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "s1"]).ok());
    assert_eq!(direct, through);
    let mut stats = guarded
        .command(&["stats", "--format", "{{.Name}}", "s1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker stats");
    let samples =
        BufReader::new(stats.stdout.take().expect("piped")).lines().map_while(Result::ok).filter(|l| l.contains("s1"));
    assert_eq!(samples.take(3).count(), 3);
    stats.kill().expect("our child");
    stats.wait().expect("our child");
}

#[test]
fn files_images_and_builds() {
    let world = world();
    let guarded = world.docker("olga");
    guarded.run(&["run", "--name", "c1", "app", "sh", "-c", "echo hello > /srv/file; ln -s file /srv/link"]).ok();

    // cp, both directions, both as files and as streams.
    same(&world, &["cp", "c1:/srv", "-"], b"");
    let big: Vec<u8> = (0..8_000_000u32).map(|i| (i / 3 % 253) as u8).collect();
    let file = world.place.write("big", &big);
    guarded.run(&["cp", file.to_str().expect("path"), "c1:/srv/big"]).ok();
    let back = guarded.home().join("back");
    guarded.run(&["cp", "c1:/srv/big", back.to_str().expect("path")]).ok();
    assert!(std::fs::read(&back).expect("file") == big);
    same(&world, &["cp", "c1:/no/such", "-"], b"");
    same(&world, &["export", "c1"], b"");
    // In an order that the engine does not keep.
    let [direct, through] = both(&world).map(|d| {
        let mut lines: Vec<_> = d.run(&["diff", "c1"]).ok().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    });
    assert_eq!(direct, through);
    same(&world, &["inspect", "c1"], b"");

    // save and load.
    let saved = same(&world, &["save", "app"], b"");
    guarded.run(&["tag", "app", "copy:1"]).ok();
    let archive = guarded.run(&["save", "copy:1"]);
    guarded.run(&["rmi", "copy:1"]).ok();
    assert_eq!(guarded.run_with(&["load"], &archive.stdout).ok(), "Loaded image: copy:1");
    assert!(saved.stdout.len() > 500_000, "{} bytes", saved.stdout.len());
    let [direct, through] = both(&world).map(|d| d.run_with(&["import", "-", "flat"], &archive.stdout).ok());
    assert_eq!(direct.len(), through.len());
    guarded.run(&["commit", "c1", "committed"]).ok();
    same(&world, &["history", "--format", "{{.ID}} {{.Size}} {{.CreatedBy}}", "committed"], b"");
    same(&world, &["images", "--format", "{{.ID}} {{.Size}}", "committed"], b"");

    // The classic builder and, where the client has it, BuildKit, which tunnels its own protocol.
    let context = world.place.join("context");
    world.place.write("context/Dockerfile", "FROM app\nCOPY data /srv/data\nRUN cat /srv/data > /tmp/out\n");
    world.place.write("context/data", "from the context\n");
    for (kit, tag) in [("0", "classic"), ("1", "kit")] {
        let docker = guarded.clone().with_env("DOCKER_BUILDKIT", kit);
        docker.run(&["build", "--network", "none", "-t", tag, context.to_str().expect("path")]).ok();
        assert_eq!(guarded.run(&["run", "--rm", tag, "cat", "/tmp/out"]).ok(), "from the context");
    }
    let out = guarded
        .with_env("DOCKER_BUILDKIT", "0")
        .run_with(&["build", "-"], b"FROM app\nRUN echo to stderr >&2; exit 9\n");
    assert!(out.fails_saying(&["returned a non-zero code: 9"]).contains("to stderr"), "{out}");
}

#[test]
fn docker_py_streams() {
    let world = world();
    let script = r"
import io, tarfile, threading
c = client.containers.run('app', ['sh', '-c', 'echo one; read x; echo got $x'], detach=True, stdin_open=True)
s = c.attach_socket(params={'stdin': 1, 'stream': 1})
s._sock.sendall(b'ping\n')
print('wait', c.wait()['StatusCode'])
print('logs', c.logs())
d = client.containers.run('app', ['sleep', '1000'], detach=True)
code, out = d.exec_run(['sh', '-c', 'echo out; echo err >&2; exit 4'], demux=True)
print('exec', code, out)
print('stream', b''.join(d.exec_run(['seq', '5'], stream=True).output))
print('tty', d.exec_run(['sh', '-c', 'tty > /dev/null && echo terminal'], tty=True).output)
tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode='w') as t:
    info = tarfile.TarInfo('put'); info.size = 4; t.addfile(info, io.BytesIO(b'data'))
print('put', d.put_archive('/srv', tar.getvalue()))
bits, stat = d.get_archive('/srv/put')
print('get', stat['name'], stat['size'])
image, log = client.images.build(fileobj=io.BytesIO(b'FROM app\nRUN echo built\n'), rm=True)
print('build', any('built' in str(line.get('stream')) for line in log))
print('stats', sorted(d.stats(stream=False))[:3])
d.kill()
d.remove(); c.remove()
print('gone', client.containers.list(all=True))
";
    let [direct, through] =
        [world.direct(), world.docker("olga")].map(|d| wharden_harness::Python::like(&d).run(script));
    assert_eq!(direct.ok(), through.ok());
}

#[test]
fn a_slow_reader_does_not_stop_anybody_else() {
    let world = world();
    let docker = world.docker("olga");
    // Nobody reads what this one writes.
    let mut stuck = docker
        .command(&["run", "--rm", "--name", "stuck", "app", "cat", "/dev/zero"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker run");
    eventually("the container runs", SETTLE, || {
        (docker.run(&["inspect", "-f", "{{.State.Running}}", "stuck"]).out().trim() == "true").then_some(())
    });
    for n in 0..5 {
        assert_eq!(docker.run(&["run", "--rm", "app", "echo", &n.to_string()]).ok(), n.to_string());
    }
    stuck.kill().expect("our child");
    stuck.wait().expect("our child");
    // Nor does a client that says half a request and waits.
    let mut half = wharden_harness::raw::open(world.agent.socket());
    half.write_all(b"GET /v1.41/contain").expect("write");
    assert_eq!(docker.run(&["run", "--rm", "app", "echo", "on"]).ok(), "on");
    drop(half);
}
