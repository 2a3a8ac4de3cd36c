use super::*;
use serde_json::json;

fn read(line: &str) -> Result<DockerRequest, LineError> {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    parse(&words)
}

fn route(line: &str) -> String {
    let request = read(line).unwrap();
    format!("{} {}", request.method, request.path)
}

#[test]
fn run_becomes_the_create_request() {
    let request = read(
        "docker run -dit --privileged --name web -p 127.0.0.1:8080:80 -p 53:53/udp -v /:/host:ro -v /data -eA=1 \
         -u 0:0 --cap-add=SYS_ADMIN --pid host --network host -m 64m --cpus 1.5 --device /dev/kvm --tmpfs /t:size=1m \
         --mount type=bind,src=/var/run/docker.sock,dst=/s,ro --restart on-failure:3 --rm=false nginx:1 sh -c x --y",
    )
    .unwrap();
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/containers/create?name=web");
    assert_eq!(
        request.body,
        json!({
            "Image": "nginx:1",
            "Cmd": ["sh", "-c", "x", "--y"],
            "Env": ["A=1"],
            "User": "0:0",
            "Tty": true,
            "OpenStdin": true,
            "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
            "Volumes": {"/data": {}},
            "HostConfig": {
                "Privileged": true,
                "Binds": ["/:/host:ro"],
                "CapAdd": ["SYS_ADMIN"],
                "PidMode": "host",
                "NetworkMode": "host",
                "Memory": 67_108_864,
                "NanoCpus": 1_500_000_000,
                "Devices": [{"PathOnHost": "/dev/kvm", "PathInContainer": "/dev/kvm", "CgroupPermissions": "rwm"}],
                "Tmpfs": {"/t": "size=1m"},
                "Mounts": [{"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/s", "ReadOnly": true}],
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
                "PortBindings": {
                    "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
                    "53/udp": [{"HostIp": "", "HostPort": "53"}],
                },
            },
        })
    );
}

#[test]
fn other_commands_become_their_routes() {
    assert_eq!(route("docker ps -a"), "GET /containers/json?all=1");
    assert_eq!(route("docker container ls"), "GET /containers/json");
    assert_eq!(route("docker rm -fv web"), "DELETE /containers/web?force=1&v=1");
    assert_eq!(route("docker stop -t 5 web"), "POST /containers/web/stop?t=5");
    assert_eq!(route("docker logs -f --tail 10 web"), "GET /containers/web/logs?follow=1&tail=10");
    assert_eq!(route("docker exec -it web sh"), "POST /containers/web/exec");
    assert_eq!(
        route("docker pull registry:5000/a/b"),
        "POST /images/create?fromImage=registry%3A5000%2Fa%2Fb&tag=latest"
    );
    assert_eq!(route("docker push a/b:2"), "POST /images/a/b/push?tag=2");
    assert_eq!(route("docker image rm a/b:2"), "DELETE /images/a/b:2");
    assert_eq!(route("docker build -t x ."), "POST /build?t=x");
    assert_eq!(route("docker volume create data"), "POST /volumes/create");
    assert_eq!(route("docker network connect front web"), "POST /networks/front/connect");
    assert_eq!(route("docker save a b"), "GET /images/get?names=a&names=b");
    assert_eq!(route("docker version"), "GET /version");
    assert_eq!(route("docker cp web:/tmp/a ."), "GET /containers/web/archive?path=%2Ftmp%2Fa");
    assert_eq!(route("docker cp -a ./x:y web:/tmp"), "PUT /containers/web/archive?path=%2Ftmp&copyUIDGID=1");
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for (line, told) in [
        ("podman run x", "not a docker command"),
        ("docker", "needs a command"),
        ("docker fly x", "`docker fly`"),
        ("docker cp a b", "CONTAINER:PATH"),
        ("docker cp a:b c:d", "CONTAINER:PATH"),
        ("docker run --gpus all x", "--gpus"),
        ("docker run -z x", "-z"),
        ("docker run -p", "-p needs a value"),
        ("docker run -p 80-90:80 x", "without ranges"),
        ("docker run -v ./a:/b x", "whole path"),
        ("docker run --privileged", "an image"),
        ("docker rm a b", "takes no \"b\""),
        ("docker exec web", "a command"),
        ("docker run --mount type=npipe,target=/x a", "--mount"),
    ] {
        let error = read(line).unwrap_err();
        assert!(error.to_string().contains(told), "{line}: {error}");
    }
    let known = read("docker fly x").unwrap_err().hint();
    assert!(["build, ", "cp, ", "run, ", "volume ls, "].iter().all(|word| known.contains(word)), "{known}");
}
