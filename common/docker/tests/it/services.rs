//! Services run containers: what their specification names is looked up and sent on as it was found, as for containers.

use crate::support::{self, NETWORK, judge_with, request};
use serde_json::{Value, json};
use wharden_docker::{ForwardBody, ImageView, Judged, NetworkView, ObjectView, ServiceVolumes, TaskView, View};
use wharden_model::ResourceKind;

fn world() -> View {
    let mut view = support::view();
    let host = NetworkView { id: "1f".into(), name: "host".into(), driver: "host".into(), ..NetworkView::default() };
    view.networks.insert("1".into(), host);
    let labels = [("io.wharden.owner".to_owned(), "bob".to_owned())].into();
    view.networks
        .insert("bobnet".into(), NetworkView { id: "b0".into(), name: "bobnet".into(), labels, ..Default::default() });
    view
}

fn sent(judged: &Judged) -> Value {
    let ForwardBody::Bytes(bytes) = &judged.body else { panic!("a body") };
    serde_json::from_slice(bytes).expect("JSON")
}

fn create(spec: &Value) -> (Judged, Value) {
    let judged = judge_with(&request("POST", "/v1.41/services/create", &spec.to_string()), &world()).expect("judged");
    let sent = sent(&judged);
    (judged, sent)
}

fn fact(judged: &Judged, name: &str) -> String {
    format!("{:?}", support::fact(judged, name))
}

#[test]
fn paths_volumes_networks_and_files_are_judged_by_what_they_are() {
    let mounts = json!([{"Type": "bind", "Source": "/srv/link", "Target": "/a"},
        {"Type": "volume", "Source": "sneaky", "Target": "/b"}, {"Type": "bind", "Source": "/unknown", "Target": "/c"}]);
    let files = json!([{"SecretID": "s", "SecretName": "x"}, {"SecretID": "gone", "SecretName": "y"}]);
    let (judged, sent) = create(&json!({
        "TaskTemplate": {"ContainerSpec": {"Image": "base", "Mounts": mounts, "Secrets": files},
            "Networks": [{"Target": "1"}, {"Target": "front"}], "LogDriver": {"Name": "syslog"}},
        "Networks": [{"Target": "bobnet"}, {"Target": "front"}],
    }));
    let paths = fact(&judged, "sensitive_paths");
    assert!(paths.contains("\"/etc\"") && paths.contains("\"/root\""), "{paths}");
    assert!(fact(&judged, "replaceable_paths").contains("/unknown"));
    assert!(fact(&judged, "foreign_volumes").contains("sneaky"));
    assert!(support::shows(&judged, "host_network", "true"));
    let networks = fact(&judged, "networks");
    assert!(["host", "bobnet", "front"].iter().all(|name| networks.contains(name)), "{networks}");
    assert_eq!(fact(&judged, "foreign_networks").matches('"').count(), 2);
    let secrets = fact(&judged, "foreign_secrets");
    assert!(secrets.contains("real") && secrets.contains("gone"), "{secrets}");
    assert!(support::shows(&judged, "log_driver", "syslog"));
    let spec = &sent["TaskTemplate"]["ContainerSpec"];
    assert_eq!(spec["Mounts"][0]["Source"], "/etc");
    assert_eq!(spec["Labels"]["io.wharden.owner"], "alice");
    let targets = |list: &Value| list.as_array().expect("list").iter().map(|n| n["Target"].clone()).collect::<Vec<_>>();
    assert_eq!(targets(&sent["Networks"]), ["b0", NETWORK]);
    assert_eq!(targets(&sent["TaskTemplate"]["Networks"]), ["1f", NETWORK]);
}

#[test]
fn a_task_is_a_part_of_its_service() {
    let mut view = world();
    let task = TaskView { id: "t123".into(), service: "svc".into(), container: "c".into() };
    view.tasks.insert("t".into(), task);
    let orphan = TaskView { id: "t9".into(), ..TaskView::default() };
    view.tasks.insert("t9".into(), orphan);
    let labels = [("io.wharden.owner".to_owned(), "bob".to_owned())].into();
    view.objects
        .insert((ResourceKind::Service, "svc".into()), ObjectView { id: "svc".into(), name: "web".into(), labels });
    for path in ["/v1.41/tasks/t", "/v1.41/tasks/t/logs?stdout=1"] {
        let judged = judge_with(&request("GET", path, ""), &view).expect("judged");
        let of = &judged.resources[0];
        assert_eq!((of.kind, of.name.as_str(), of.owner.as_str()), (ResourceKind::Service, "web", "bob"));
        assert!(judged.head.starts_with(b"GET /v1.41/tasks/t123"), "{path}");
    }
    let orphan = judge_with(&request("GET", "/v1.41/tasks/t9", ""), &view).expect("judged");
    assert_eq!((orphan.resources[0].id.as_str(), orphan.resources[0].owner.as_str()), ("t9", "unknown:"));
    let missing = judge_with(&request("GET", "/v1.41/tasks/x", ""), &view).map(|_| ()).expect_err("missing");
    assert_eq!((missing.status, missing.message.as_str()), (404, "task x not found"));
}

#[test]
fn what_could_be_taken_for_another_ones_id_is_no_name_and_ps_asks_only_for_columns() {
    for (method, target, body, good) in [
        ("POST", "/containers/create?name=deadbeefcafe", r#"{"Image":"base"}"#, false),
        ("POST", "/containers/create?name=deadbeefcaf", r#"{"Image":"base"}"#, true),
        ("POST", "/containers/victim/rename?name=/0123456789ab", "", false),
        ("GET", "/containers/victim/top?ps_args=-osz%3DPID", "", false),
        ("GET", "/containers/victim/top?ps_args=-eo%20lstart,pid,args", "", false),
        ("GET", "/containers/victim/top?ps_args=aux", "", true),
    ] {
        assert_eq!(judge_with(&request(method, target, body), &world()).is_ok(), good, "{target}");
    }
}

#[test]
fn a_websocket_is_for_all_streams_before_it_could_choose() {
    for (version, query, stdin) in [
        ("1.41", "stdout=1", "true"),
        ("1.24", "stdin=0", "true"),
        ("1.42", "stdout=1", "false"),
        ("1.42", "stdin=1", "true"),
    ] {
        let target = format!("/v{version}/containers/victim/attach/ws?stream=1&{query}");
        let judged = judge_with(&request("GET", &target, ""), &world()).expect("judged");
        assert!(support::shows(&judged, "stdin", stdin), "{target}");
    }
    let plain = judge_with(&request("POST", "/v1.41/containers/victim/attach?stdout=1", ""), &world()).expect("judged");
    assert!(support::shows(&plain, "stdin", "false"));
}

#[test]
fn a_network_is_made_once_and_of_nobody_elses_configuration() {
    let create = |body: &str| judge_with(&request("POST", "/v1.41/networks/create", body), &world());
    let sent = sent(&create(r#"{"Name":"n"}"#).expect("judged"));
    assert_eq!(sent["CheckDuplicate"], true);
    let refused = create(r#"{"Name":"n","ConfigFrom":{"Network":"bobnet"}}"#).map(|_| ()).expect_err("bob's");
    let absent = create(r#"{"Name":"n","ConfigFrom":{"Network":"absent"}}"#).map(|_| ()).expect_err("absent");
    assert_eq!((refused.status, refused.message), (absent.status, absent.message.replace("absent", "bobnet")));
    let connect = request("POST", "/v1.41/networks/front/connect", r#"{"Container":"victim"}"#);
    let judged = judge_with(&connect, &world()).expect("judged");
    assert_eq!(judged.neighbours.len(), 1, "the container must be there for the caller too");
    assert_eq!(judged.neighbours[0].reading.resource.owner, "bob");
    let build = judge_with(&request("POST", "/v1.41/build?networkmode=bobnet", ""), &world()).expect("judged");
    assert!(fact(&build, "foreign_networks").contains("bobnet"));
    assert!(String::from_utf8(build.head).expect("text").contains("networkmode=b0"));
}

#[test]
fn what_a_version_does_not_have_is_not_believed() {
    let task = json!({"ContainerSpec": {"Image": "base", "CapabilityDrop": ["ALL"], "Privileges": {"NoNewPrivileges": true}},
        "Resources": {"Limits": {"Pids": 9}}});
    let body = json!({"Name": "s", "TaskTemplate": task}).to_string();
    for (version, stays, drops, pids) in
        [("1.46", "true", "ALL", "9"), ("1.45", "false", "ALL", "9"), ("1.40", "false", "", "0")]
    {
        let target = format!("/v{version}/services/create");
        let judged = judge_with(&request("POST", &target, &body), &world()).expect("judged");
        assert!(support::shows(&judged, "no_new_privileges", stays), "{version}");
        assert_eq!(fact(&judged, "cap_drop").contains("ALL"), !drops.is_empty(), "{version}");
        assert!(support::shows(&judged, "pids_limit", pids), "{version}");
    }
}

#[test]
fn an_image_that_is_here_tells_what_is_mounted_over_devices_and_a_group_of_volumes_is_anybodys() {
    let mut view = world();
    let image = ImageView { id: "sha256:d".into(), volumes: vec!["/dev".to_owned()], ..ImageView::default() };
    view.images.insert("devvol".into(), image);
    let create = |container: Value| {
        let body = json!({"Name": "s", "TaskTemplate": {"ContainerSpec": container}}).to_string();
        judge_with(&request("POST", "/v1.41/services/create", &body), &view).expect("judged")
    };
    assert!(fact(&create(json!({"Image": "devvol"})), "device_targets").contains("/dev"));
    assert!(!fact(&create(json!({"Image": "elsewhere"})), "device_targets").contains("/dev"));
    let mount = json!({"Type": "cluster", "Source": "group:gold", "Target": "/m"});
    let grouped = create(json!({"Image": "elsewhere", "Mounts": [mount]}));
    assert!(fact(&grouped, "foreign_volumes").contains("group:gold"));
}

#[test]
fn what_a_service_of_somebody_elses_would_mount_is_nobody_elses_to_make() {
    let services = json!([
        {"ID": "s1", "Spec": {"Name": "web", "Labels": {"io.wharden.owner": "bob"},
            "TaskTemplate": {"ContainerSpec": {"Mounts": [{"Type": "volume", "Source": "taken", "Target": "/x"}]}}},
         "PreviousSpec": {"TaskTemplate": {"ContainerSpec": {"Mounts": [{"Type": "volume", "Source": "before", "Target": "/x"},
            {"Type": "bind", "Source": "/srv", "Target": "/y"}]}}}},
        {"ID": "s2", "Spec": {"Name": "mine", "Labels": {"io.wharden.owner": "alice"},
            "TaskTemplate": {"ContainerSpec": {"Mounts": [{"Type": "volume", "Source": "own", "Target": "/x"}]}}}},
        {"ID": "s3", "Spec": {"Name": "nobodys",
            "TaskTemplate": {"ContainerSpec": {"Mounts": [{"Type": "volume", "Source": "sneaky", "Target": "/x"}]}}}},
    ]);
    let task = |service: &str, volume: &str, state: &str| {
        json!({"ID": "t", "ServiceID": service, "Status": {"State": state},
            "Spec": {"ContainerSpec": {"Mounts": [{"Type": "volume", "Source": volume, "Target": "/x"}]}}})
    };
    let mut found = ServiceVolumes::default();
    services.as_array().expect("services").iter().for_each(|service| found.service(service));
    for (service, volume, state) in [
        ("s1", "waits", "preparing"),
        ("s1", "free", "complete"),
        ("s2", "own", "running"),
        ("gone", "left", "pending"),
        ("s1", "free", "shutdown"),
    ] {
        found.task(&task(service, volume, state));
    }
    let service_volumes = found.named();
    assert_eq!(service_volumes.keys().collect::<Vec<_>>(), ["before", "left", "own", "sneaky", "taken", "waits"]);
    let view = View { service_volumes, ..world() };
    let mounts = |name: &str| json!([{"Type": "volume", "Source": name, "Target": "/x"}]);
    for (name, foreign) in [
        ("taken", true),
        ("before", true),
        ("waits", true),
        ("left", true),
        ("own", false),
        ("free", false),
        ("sneaky", false),
    ] {
        for (target, body) in [
            ("/v1.41/volumes/create", json!({ "Name": name })),
            ("/v1.41/containers/create", json!({"Image": "base", "HostConfig": {"Mounts": mounts(name)}})),
            ("/v1.41/containers/create", json!({"Image": "base", "HostConfig": {"Binds": [format!("{name}:/x")]}})),
            (
                "/v1.41/services/create",
                json!({"TaskTemplate": {"ContainerSpec": {"Image": "base", "Mounts": mounts(name)}}}),
            ),
        ] {
            let judged = judge_with(&request("POST", target, &body.to_string()), &view).expect("judged");
            // Whose one is that is there says its label: here nobody's.
            let there = name == "sneaky" && target != "/v1.41/volumes/create";
            assert_eq!(fact(&judged, "foreign_volumes").contains(name), foreign || there, "{target} {name}");
            assert_eq!(judged.volumes[name].services.is_empty(), name == "sneaky" || name == "free", "{target} {name}");
        }
    }
}
