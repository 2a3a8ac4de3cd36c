//! What the engine says of its things, in the words of the inventory. Only what is named here is read: environment
//! variables, commands and options of drivers never get any further.

use serde_json::Value;
use std::collections::BTreeMap;
use wharden_docker::{OWNER_LABEL, container_owner};
use wharden_model::{
    Timestamp,
    inventory::{
        Container, ContainerLimits, ContainerState, EngineFacts, FixedAddress, Health, Image, Mount, MountKind,
        Network, Port, Protocol, RestartKind, RestartPolicy, Volume,
    },
};

/// What is needed to measure a container, and stays here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub in_host_network: bool,
}

fn text(json: &Value, pointer: &str) -> String {
    json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn truth(json: &Value, pointer: &str) -> bool {
    json.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// 0 for what is absent or negative: the engine says -1 for "no limit" here and there.
fn number(json: &Value, pointer: &str) -> u64 {
    json.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn list<'a>(json: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    json.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn texts(json: &Value, pointer: &str) -> Vec<String> {
    list(json, pointer).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn labels(json: &Value, pointer: &str) -> BTreeMap<String, String> {
    let map = json.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

fn owner(labels: &BTreeMap<String, String>) -> String {
    labels.get(OWNER_LABEL).cloned().unwrap_or_default()
}

/// From `GET /containers/{id}/json`.
pub fn container(json: &Value) -> Option<(Container, Option<Process>)> {
    let labels = labels(json, "/Config/Labels");
    let (image, image_id) = (text(json, "/Config/Image"), text(json, "/Image"));
    let mode = text(json, "/HostConfig/NetworkMode");
    let state = ContainerState::of(&text(json, "/State/Status"));
    let mut container = Container {
        id: Some(text(json, "/Id")).filter(|id| !id.is_empty())?,
        name: text(json, "/Name").trim_start_matches('/').to_owned(),
        owner: container_owner(&labels, &image_id, &image),
        image,
        image_id,
        state,
        health: Health::of(&text(json, "/State/Health/Status")),
        limits: limits(json),
        ports: ports(json, state.is_up()),
        mounts: mounts(json),
        networks: networks(json, &mode),
        fixed_addresses: fixed_addresses(json),
        labels,
        restart: RestartPolicy {
            kind: RestartKind::of(&text(json, "/HostConfig/RestartPolicy/Name")),
            max_retries: u32::try_from(number(json, "/HostConfig/RestartPolicy/MaximumRetryCount")).unwrap_or(u32::MAX),
        },
        auto_remove: truth(json, "/HostConfig/AutoRemove"),
        devices: list(json, "/HostConfig/Devices").map(|device| text(device, "/PathOnHost")).collect(),
        privileged: truth(json, "/HostConfig/Privileged"),
        created_at: time(&text(json, "/Created")),
        started_at: time(&text(json, "/State/StartedAt")),
        layer_bytes: json.get("SizeRw").and_then(Value::as_u64),
    };
    container.bound();
    let pid = u32::try_from(number(json, "/State/Pid")).ok().filter(|pid| *pid != 0);
    Some((container, pid.map(|pid| Process { pid, in_host_network: mode == "host" })))
}

fn limits(json: &Value) -> ContainerLimits {
    let at = |key: &str| number(json, &format!("/HostConfig/{key}"));
    let period = Some(at("CpuPeriod")).filter(|period| *period > 0).unwrap_or(100_000);
    let cpu_millicores = match at("NanoCpus") {
        0 => at("CpuQuota").saturating_mul(1000) / period,
        nano => nano / 1_000_000,
    };
    ContainerLimits { cpu_millicores, memory_bytes: at("Memory"), pids: at("PidsLimit") }
}

/// Those that it has, or while it does not run those that it will have.
fn ports(json: &Value, up: bool) -> Vec<Port> {
    let pointer = if up { "/NetworkSettings/Ports" } else { "/HostConfig/PortBindings" };
    let mut ports = Vec::new();
    for (inside, outside) in json.pointer(pointer).and_then(Value::as_object).into_iter().flatten() {
        let (container_port, protocol) = inside.split_once('/').unwrap_or((inside, "tcp"));
        for binding in outside.as_array().into_iter().flatten() {
            let all = |ip: &String| !matches!(ip.as_str(), "0.0.0.0" | "::");
            ports.push(Port {
                host_ip: Some(text(binding, "/HostIp")).filter(all).unwrap_or_default(),
                host_port: text(binding, "/HostPort").parse().unwrap_or_default(),
                container_port: container_port.parse().unwrap_or_default(),
                protocol: Protocol::of(protocol),
            });
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn mounts(json: &Value) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = list(json, "/Mounts")
        .map(|mount| {
            let kind = MountKind::of(&text(mount, "/Type"));
            Mount {
                kind,
                source: text(mount, if kind == MountKind::Volume { "/Name" } else { "/Source" }),
                target: text(mount, "/Destination"),
                read_only: !mount.get("RW").and_then(Value::as_bool).unwrap_or(true),
            }
        })
        .collect();
    let tmpfs = json.pointer("/HostConfig/Tmpfs").and_then(Value::as_object);
    mounts.extend(tmpfs.into_iter().flatten().map(|(target, _)| Mount {
        kind: MountKind::Tmpfs,
        target: target.clone(),
        ..Mount::default()
    }));
    // The engine lists them in any order.
    mounts.sort_unstable();
    mounts.dedup();
    mounts
}

fn networks(json: &Value, mode: &str) -> Vec<String> {
    let held = json.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    let mut names: Vec<String> = held.into_iter().flatten().map(|(name, _)| name.clone()).collect();
    if names.is_empty() && !mode.is_empty() {
        names.push(mode.to_owned());
    }
    names.sort_unstable();
    names
}

fn fixed_addresses(json: &Value) -> Vec<FixedAddress> {
    let held = json.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    let of = |(network, end): (&String, &Value)| {
        let asked = ["/IPAMConfig/IPv4Address", "/IPAMConfig/IPv6Address"].map(|version| text(end, version));
        asked.map(|address| FixedAddress { network: network.clone(), address })
    };
    held.into_iter().flatten().flat_map(of).filter(|fixed| !fixed.address.is_empty()).collect()
}

/// From `GET /images/{id}/json`.
pub fn image(json: &Value) -> Option<Image> {
    let mut image = Image {
        id: Some(text(json, "/Id")).filter(|id| !id.is_empty())?,
        tags: texts(json, "/RepoTags"),
        digests: texts(json, "/RepoDigests"),
        size_bytes: number(json, "/Size"),
        arch: text(json, "/Architecture"),
        os: text(json, "/Os"),
        owner: String::new(),
        labels: labels(json, "/Config/Labels"),
        created_at: time(&text(json, "/Created")),
    };
    image.bound();
    Some(image)
}

/// The names of an image in `GET /images/json`: its id, its tags and its digests.
pub fn image_names(json: &Value) -> Option<(String, Vec<String>, Vec<String>)> {
    let named = |pointer| texts(json, pointer).into_iter().filter(|name| !name.contains("<none>")).collect();
    let id = Some(text(json, "/Id")).filter(|id| !id.is_empty())?;
    Some((id, named("/RepoTags"), named("/RepoDigests")))
}

/// From one of `GET /volumes`.
pub fn volume(json: &Value) -> Option<Volume> {
    let labels = labels(json, "/Labels");
    let mut volume = Volume {
        name: Some(text(json, "/Name")).filter(|name| !name.is_empty())?,
        driver: text(json, "/Driver"),
        owner: owner(&labels),
        labels,
        created_at: time(&text(json, "/CreatedAt")),
    };
    volume.bound();
    Some(volume)
}

/// From one of `GET /networks`.
pub fn network(json: &Value) -> Option<Network> {
    let labels = labels(json, "/Labels");
    let mut network = Network {
        id: Some(text(json, "/Id")).filter(|id| !id.is_empty())?,
        name: text(json, "/Name"),
        driver: text(json, "/Driver"),
        scope: text(json, "/Scope"),
        internal: truth(json, "/Internal"),
        owner: owner(&labels),
        subnets: list(json, "/IPAM/Config").map(|range| text(range, "/Subnet")).filter(|it| !it.is_empty()).collect(),
        labels,
        created_at: time(&text(json, "/Created")),
    };
    network.bound();
    Some(network)
}

/// From `GET /version` and `GET /info`.
pub fn engine(version: &Value, info: &Value) -> EngineFacts {
    let registries = info.pointer("/RegistryConfig/IndexConfigs").and_then(Value::as_object);
    let insecure =
        registries.into_iter().flatten().filter(|(_, index)| index.get("Secure") == Some(&Value::Bool(false)));
    let mut insecure_registries: Vec<String> = insecure.map(|(name, _)| name.clone()).collect();
    insecure_registries.extend(texts(info, "/RegistryConfig/InsecureRegistryCIDRs"));
    let runtimes = info.get("Runtimes").and_then(Value::as_object);
    let parts = || version.pointer("/Components").and_then(Value::as_array).into_iter().flatten();
    let runc = parts().find(|part| part.get("Name").and_then(Value::as_str) == Some("runc"));
    let word = |option: String| option.strip_prefix("name=").map_or(option.clone(), str::to_owned);
    let mut facts = EngineFacts {
        name: "docker".to_owned(),
        version: text(version, "/Version"),
        api: text(version, "/ApiVersion"),
        root: text(info, "/DockerRootDir"),
        storage_driver: text(info, "/Driver"),
        logging_driver: text(info, "/LoggingDriver"),
        cgroup_driver: text(info, "/CgroupDriver"),
        cgroup_version: text(info, "/CgroupVersion").parse().unwrap_or_default(),
        runtimes: runtimes.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
        default_runtime: text(info, "/DefaultRuntime"),
        runc: runc.map(|part| text(part, "/Version")).unwrap_or_default(),
        security: texts(info, "/SecurityOptions").into_iter().map(word).collect(),
        insecure_registries,
        live_restore: truth(info, "/LiveRestoreEnabled"),
        experimental: truth(info, "/ExperimentalBuild"),
        swarm: text(info, "/Swarm/LocalNodeState"),
    };
    facts.bound();
    facts
}

/// RFC 3339; 0 for what is none, or is before 1970 (Go's zero time).
fn time(text: &str) -> Timestamp {
    read_time(text).unwrap_or_default()
}

fn read_time(text: &str) -> Option<Timestamp> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let rest = text.get(19..)?;
    let fraction: String =
        rest.strip_prefix('.').unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign @ ("+" | "-"), zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)?;
            if sign == "+" { minutes } else { -minutes }
        }
        _ => return None,
    };
    // Days from the civil calendar (H. Hinnant's algorithm), with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_era = year.rem_euclid(400);
    let days = year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day
        - 1
        - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    Some(Timestamp(u64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(millis)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_as_the_engine_writes_them() {
        for (text, wanted) in [
            ("2026-11-24T08:00:00.123456789Z", 1_795_507_200_123),
            ("2026-11-24T09:30:00.5+01:30", 1_795_507_200_500),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("1970-01-01T00:00:00Z", 0),
            ("0001-01-01T00:00:00Z", 0),
            ("", 0),
            ("yesterday", 0),
        ] {
            assert_eq!(time(text), Timestamp(wanted), "{text}");
        }
        assert_eq!(time("2026-11-24T08:00:00.123Z").to_string(), "2026-11-24T08:00:00.123Z");
    }

    #[test]
    fn a_container_is_told_without_its_secrets() {
        let json = json!({
            "Id": "c1", "Name": "/web", "Image": "sha256:1", "Created": "2026-11-24T08:00:00Z", "Path": "sh",
            "Args": ["-c", "login --password hunter2"],
            "State": {"Status": "running", "Pid": 7, "StartedAt": "2026-11-24T08:00:01Z", "Health": {"Status": "healthy",
                "Log": [{"Output": "token hunter2"}]}},
            "Config": {"Image": "nginx", "Env": ["PASSWORD=hunter2"], "Cmd": ["hunter2"], "Entrypoint": ["hunter2"],
                "Labels": {"io.wharden.owner": "alice", "io.wharden.image": "sha256:1", "app": "shop"}},
            "HostConfig": {"NanoCpus": 1_500_000_000_u64, "Memory": 64, "PidsLimit": -1, "NetworkMode": "front",
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}, "Tmpfs": {"/tmp": "size=1m"},
                "Devices": [{"PathOnHost": "/dev/fuse"}], "LogConfig": {"Config": {"splunk-token": "hunter2"}}},
            "NetworkSettings": {"Networks": {"front": {}}, "Ports": {"80/tcp": [
                {"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}], "9/udp": null}},
            "Mounts": [{"Type": "volume", "Name": "data", "Source": "/var/lib/docker/volumes/data/_data",
                "Destination": "/data", "RW": true}, {"Type": "bind", "Source": "/etc", "Destination": "/e", "RW": false}],
        });
        let (container, process) = container(&json).expect("a container");
        assert!(!serde_json::to_string(&container).expect("json").contains("hunter2"));
        assert_eq!(process, Some(Process { pid: 7, in_host_network: false }));
        assert_eq!((container.owner.as_str(), container.health), ("alice", Health::Healthy));
        assert_eq!(container.limits, ContainerLimits { cpu_millicores: 1500, memory_bytes: 64, pids: 0 });
        assert_eq!(container.restart, RestartPolicy { kind: RestartKind::OnFailure, max_retries: 3 });
        let port = Port { host_port: 8080, container_port: 80, ..Port::default() };
        assert_eq!(container.ports, [port]);
        let mounts: Vec<_> = container.mounts.iter().map(|it| (it.kind, it.source.as_str(), it.read_only)).collect();
        let wanted =
            [(MountKind::Bind, "/etc", true), (MountKind::Volume, "data", false), (MountKind::Tmpfs, "", false)];
        assert_eq!(mounts, wanted);
        assert!(super::container(&json!({"message": "no such container"})).is_none());
        let mut step = json;
        step["Image"] = json!("sha256:2");
        assert_eq!(super::container(&step).expect("a container").0.owner, "unknown:", "it is of another image");
        step["Config"]["Labels"]["io.wharden.image"] = json!("");
        assert_eq!(super::container(&step).expect("a container").0.owner, "", "its labels are its image's");
    }

    #[test]
    fn addresses_that_the_engine_chose_are_not_fixed() {
        let json = json!({"Id": "c", "HostConfig": {"AutoRemove": true}, "NetworkSettings": {"Networks": {
            "front": {"IPAMConfig": {"IPv4Address": "10.0.0.9", "IPv6Address": ""}, "IPAddress": "10.0.0.9"},
            "back": {"IPAMConfig": null, "IPAddress": "10.1.0.2"}}}});
        let (container, _) = container(&json).expect("a container");
        let fixed = FixedAddress { network: "front".to_owned(), address: "10.0.0.9".to_owned() };
        assert_eq!((container.fixed_addresses, container.auto_remove), (vec![fixed], true));
    }

    #[test]
    fn what_does_not_run_has_the_ports_that_it_will_have() {
        let json = json!({"Id": "c", "State": {"Status": "exited"}, "HostConfig": {"NetworkMode": "container:x",
            "CpuQuota": 50_000, "PortBindings": {"53/udp": [{"HostIp": "10.0.0.1", "HostPort": "53"}]}}});
        let (container, process) = container(&json).expect("a container");
        let port = Port { host_ip: "10.0.0.1".into(), host_port: 53, container_port: 53, protocol: Protocol::Udp };
        assert_eq!((container.ports, container.limits.cpu_millicores), (vec![port], 500));
        assert_eq!((container.networks, process), (vec!["container:x".to_owned()], None));
    }
}
