//! The ground that the other tests stand on: the engine and the clients without anything of Wharden between them.

use wharden_harness::{Docker, Engine, Place, Python};

#[test]
fn a_private_engine_runs_containers_and_shows_every_call() {
    let place = Place::new();
    let engine = Engine::start(&place);
    for program in Docker::programs() {
        let docker = engine.docker().with_program(&program);
        let (out, calls) = engine.calls_during(|| docker.run(&["run", "--rm", "app", "id", "-u"]));
        assert_eq!(out.ok(), "65534");
        assert!(calls.iter().any(|c| c.starts_with("POST /v1.") && c.contains("/containers/create")), "{calls:?}");
    }
    let out = engine.docker().talk(&["run", "--rm", "-it", "app", "sh"], &[("$ ", "exit 7\n")]);
    out.fails_with(7);
    let version = Python::like(&engine.docker()).run("print(client.version()['ApiVersion'])");
    assert!(version.ok().starts_with("1."), "{version}");
}
