//! Every version of the Engine API that the guard knows, tried on the engine.

use crate::policies::{LAUNCHERS, ROLES};
use serde_json::Value;
use wharden_harness::{World, raw};

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
}

#[test]
fn every_known_version_gets_the_engines_own_answer_and_others_are_refused_with_the_newest() {
    let world = World::setup().policy("all", r#"@id("all") permit (principal, action, resource);"#).start();
    let id = format!("\"Id\":\"{}\"", world.direct().run(&["create", "--name", "box", "app"]).ok());
    let said: Value = world.direct().run(&["version", "--format", "{{json .Server}}"]).json();
    let newest: u32 = said["ApiVersion"].as_str().expect("version").split_once('.').expect("1.x").1.parse().expect("x");
    let mut served = 0;
    for minor in 24..=56 {
        for path in [
            "_ping",
            "version",
            "info",
            "containers/json?all=1",
            "containers/box/json",
            "images/json",
            "volumes",
            "networks",
        ] {
            let request = get(&format!("/v1.{minor}/{path}"));
            let guarded = raw::exchange_open(world.agent.socket(), request.as_bytes());
            let direct = raw::exchange_open(world.engine.socket(), request.as_bytes());
            assert_eq!(raw::status(&guarded), raw::status(&direct), "v1.{minor}/{path}: {guarded}");
            if minor > newest {
                assert_eq!(raw::status(&guarded), 400, "{guarded}");
                assert!(guarded.contains(&format!("Maximum supported API version is 1.{newest}")), "{guarded}");
            } else if path.ends_with("box/json") {
                assert!(guarded.contains(&id) && direct.contains(&id), "{guarded}");
                served += 1;
            }
        }
    }
    assert_eq!(served, newest - 23);
    // Beyond what the guard knows the engine is not asked.
    for (version, words) in [
        ("1.57", "client version 1.57 is too new. Maximum supported API version is 1.56"),
        ("2.0", "Maximum supported API version is 1.56"),
        ("1.23", "Minimum supported API version is 1.24"),
        ("1.041", "MAJOR.MINOR"),
    ] {
        let ask = || raw::exchange_open(world.agent.socket(), get(&format!("/v{version}/info")).as_bytes());
        let (answer, calls) = world.engine.calls_during(ask);
        assert!(raw::status(&answer) == 400 && answer.contains(words), "{answer}");
        assert!(!calls.iter().any(|call| call.contains(version)), "{calls:?}");
    }
}

#[test]
fn containers_are_made_by_commands_of_every_version_that_the_engine_speaks() {
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let newest = world.direct().run(&["version", "--format", "{{.Server.APIVersion}}"]).ok();
    let newest: u32 = newest.split_once('.').expect("1.x").1.parse().expect("x");
    for minor in 24..=newest {
        let docker = world.docker("alice").with_env("DOCKER_API_VERSION", &format!("1.{minor}"));
        let name = format!("c{minor}");
        docker.run(&["create", "--name", &name, "-v", "/own", "--label", "a=b", "app", "echo", "hi"]).ok();
        assert_eq!(docker.run(&["start", "-a", &name]).ok(), "hi", "1.{minor}");
        let owner = "{{index .Config.Labels \"io.wharden.owner\"}}";
        assert_eq!(world.direct().run(&["inspect", "--format", owner, &name]).ok(), "wharden-t-alice");
    }
}
