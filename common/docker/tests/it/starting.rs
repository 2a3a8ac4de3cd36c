//! What is started is judged as what is created, by what the engine keeps of the container.

use crate::support::{self, IMAGE, VICTIM, judge_with, request, shows};
use serde_json::{Value, json};
use wharden_docker::{
    AccountView, ContainerView, ForwardBody, Gate, HostPathView, Judged, Lookup, Refusal, View, listed_reading,
};
use wharden_model::ResourceKind;

const ID: &str = "b000000000000000000000000000000000000000000000000000000000000001";

/// An engine's answer about an ordinary container, with the lists that it fills in by itself.
fn inspected(config: &Value, host: &Value) -> Value {
    let mut answer = json!({
        "Id": ID, "Name": "/app", "Image": IMAGE,
        "Config": {"Image": "base", "User": "1000",
            "Labels": {"io.wharden.owner": "alice", "io.wharden.image": IMAGE}},
        "HostConfig": {
            "NetworkMode": "default", "IpcMode": "private", "CgroupnsMode": "host", "SecurityOpt": null,
            "MaskedPaths": ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
            "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        },
        "NetworkSettings": {"Networks": {"bridge": {}}}, "Mounts": []
    });
    for (part, changes) in [("Config", config), ("HostConfig", host)] {
        for (name, value) in changes.as_object().unwrap() {
            answer[part][name] = value.clone();
        }
    }
    answer
}

fn with(config: &Value, host: &Value) -> View {
    let mut view = support::view();
    let container = ContainerView::from_inspect(&inspected(config, host)).unwrap();
    view.containers.insert("app".into(), container);
    view
}

fn start(view: &View, verb: &str) -> Result<Judged, Refusal> {
    judge_with(&request("POST", &format!("/containers/app/{verb}"), ""), view)
}

#[test]
fn whoever_an_image_says_runs_is_said_once_and_of_the_hosts_platform() {
    let mut view = with(&json!({"User": ""}), &json!({}));
    let mut image = view.images[IMAGE].clone();
    (image.user, image.platform) = ("1000".into(), "linux/amd64".into());
    for name in ["base", IMAGE] {
        view.images.insert(name.into(), image.clone());
    }
    let create = |target: &str| judge_with(&request("POST", target, r#"{"Image":"base"}"#), &view);
    assert!(shows(&create("/containers/create?platform=linux/amd64").expect("judged"), "root_user", "false"));
    // An image has a configuration for each platform, and this one is not known.
    let other = create("/containers/create?platform=linux/arm64").map(|_| ()).expect_err("another platform");
    assert!(other.status == 404 && other.message.contains("linux/arm64"), "{}", other.message);
    // The engine has given the container the user of the image that it took: nobody.
    let started = start(&view, "start").expect("judged");
    assert!(shows(&started, "root_user", "true") && shows(&started, "user", ""));
}

/// The engine merges what the image says into what is asked for; it would end when it tests the one, and tell of others by the other.
#[test]
fn what_the_engine_must_not_run_is_not_started() {
    let log = |kind: &str| json!({"LogConfig": {"Type": kind, "Config": {"env": "CONTAINER_ID_FULL"}}});
    for (config, host, passes) in [
        (json!({"Healthcheck": {"Test": ["CMD"]}}), json!({}), false),
        (json!({"Healthcheck": {"Test": ["CMD", "true"]}}), json!({}), true),
        (json!({}), log("journald"), false),
        (json!({}), log("json-file"), true),
    ] {
        let mut view = support::view();
        let answer = inspected(&config, &host);
        view.containers.insert("made".into(), ContainerView::from_inspect(&answer).expect("a container"));
        let started = judge_with(&request("POST", "/containers/made/start", ""), &view);
        assert_eq!(
            started.as_ref().map(|_| ()).map_err(|refusal| refusal.status),
            if passes { Ok(()) } else { Err(400) },
            "{config}"
        );
    }
}

#[test]
fn an_empty_list_of_bindings_is_a_port_on_all_addresses() {
    for bindings in ["[]", "null"] {
        let body = format!(r#"{{"Image":"base","HostConfig":{{"PortBindings":{{"80/tcp":{bindings}}}}}}}"#);
        let judged = judge_with(&request("POST", "/containers/create", &body), &support::view()).expect("judged");
        assert!(shows(&judged, "host_ips", "0.0.0.0") && shows(&judged, "host_ports", "0"), "{bindings}");
    }
}

#[test]
fn a_container_that_is_looked_at_is_read_as_any_other_but_for_what_it_was_made_of() {
    let mut answer = inspected(&json!({"Labels": {"a": "b"}}), &json!({"Privileged": true}));
    answer["Mounts"] = json!([
        {"Type": "bind", "Source": "/etc", "Destination": "/e", "Mode": "", "RW": false, "Propagation": "rprivate"},
        {"Type": "volume", "Name": "v", "Source": "/x", "Destination": "/v", "Driver": "local"}
    ]);
    answer["Args"] = json!(["-c", {"what": "ever"}]);
    let mut full = ContainerView::from_inspect(&answer).unwrap();
    full.made = Default::default();
    assert_eq!(ContainerView::to_look_at(answer.to_string().as_bytes()), Some(full));
    // Engines say null where there is nothing.
    answer["Mounts"] = Value::Null;
    answer["Config"]["Labels"] = Value::Null;
    let bare = ContainerView::to_look_at(answer.to_string().as_bytes()).unwrap();
    assert!(bare.mounts.is_empty() && bare.labels.is_empty() && bare.privileged);
    for broken in ["", "null", "{}", "[]", r#"{"Id": ""}"#, r#"{"Id": 7}"#, r#"{"message": "no such container"}"#] {
        assert_eq!(ContainerView::to_look_at(broken.as_bytes()), None, "{broken}");
    }
}

#[test]
fn a_start_has_the_facts_of_what_was_created() {
    let none = json!({});
    for verb in ["start", "restart"] {
        let plain = start(&with(&none, &none), verb).unwrap();
        for (fact, value) in [
            ("root_user", "false"),
            ("privileged", "false"),
            ("unmasked_paths", "false"),
            ("writable_proc_paths", "false"),
            ("seccomp", "default"),
            ("apparmor", "default"),
            ("networks", "bridge"),
            ("name", "app"),
            ("image", "docker.io/library/base:latest"),
            ("image_id", IMAGE),
        ] {
            assert!(shows(&plain, fact, value), "{verb}: {fact}: {:?}", plain.facts.get(fact));
        }
        for (config, host, fact, value) in [
            (json!({"User": "toor"}), none.clone(), "root_user", "true"),
            (none.clone(), json!({"Privileged": true}), "privileged", "true"),
            (none.clone(), json!({"CapAdd": ["CAP_SYS_ADMIN"]}), "cap_add", "SYS_ADMIN"),
            (none.clone(), json!({"PidMode": "host"}), "host_namespaces", "pid"),
            (none.clone(), json!({"MaskedPaths": []}), "unmasked_paths", "true"),
            (none.clone(), json!({"MaskedPaths": ["/proc/kcore"]}), "unmasked_paths", "true"),
            (none.clone(), json!({"ReadonlyPaths": []}), "writable_proc_paths", "true"),
            (none.clone(), json!({"Binds": ["/srv/link:/a"]}), "sensitive_paths", "/etc"),
            (none.clone(), json!({"Binds": ["sneaky:/a"]}), "host_paths", "/root"),
            (none.clone(), json!({"Mounts": [{"Type": "bind", "Source": "/srv/wharden"}]}), "engine_socket", "true"),
        ] {
            let judged = start(&with(&config, &host), verb).unwrap();
            assert!(shows(&judged, fact, value), "{verb} {config} {host}: {:?}", judged.facts.get(fact));
        }
    }
}

#[test]
fn what_the_container_refers_to_is_looked_up_as_for_a_creation() {
    let view = with(&json!({}), &json!({"Binds": ["/srv/a:/a", "sneaky:/v"], "PidMode": "container:victim"}));
    let (canonical, _) = support::canonical(&request("POST", "/containers/app/start", "")).unwrap();
    assert_eq!(canonical.lookups(), [Lookup::Container("app".into())]);
    let more = canonical.follow_ups(&view, "alice");
    for wanted in [
        Lookup::Image(IMAGE.into()),
        Lookup::HostPath("/srv/a".into()),
        Lookup::HostPath("/root".into()),
        Lookup::Volume("sneaky".into()),
        Lookup::Container("victim".into()),
    ] {
        assert!(more.contains(&wanted), "{wanted:?} in {more:?}");
    }
}

#[test]
fn a_container_of_another_image_than_was_decided_on_does_not_start() {
    let labels = |image: &str| json!({"Labels": {"io.wharden.image": image}});
    assert!(start(&with(&labels(IMAGE), &json!({})), "start").is_ok());
    let refusal = start(&with(&labels("sha256:0123"), &json!({})), "start").unwrap_err();
    assert_eq!(refusal.status, 409);
    assert!(refusal.message.contains("create it again"), "{}", refusal.message);
}

#[test]
fn labels_of_a_containers_image_do_not_say_whose_it_is() {
    let owner = |image: &str, label: Option<&str>| {
        let mut answer = inspected(&json!({"Labels": {"io.wharden.owner": "alice"}}), &json!({}));
        answer["Image"] = image.into();
        if let Some(label) = label {
            answer["Config"]["Labels"]["io.wharden.image"] = label.into();
        }
        let view = ContainerView::from_inspect(&answer).unwrap();
        let listed = json!({"Id": ID, "ImageID": image, "Labels": answer["Config"]["Labels"]}).to_string();
        let nobody = |_: &str| String::new();
        let listed = listed_reading(ResourceKind::Container, listed.as_bytes(), &nobody).unwrap().resource;
        assert_eq!(listed.owner, view.owner(), "{image} {label:?}");
        listed.owner
    };
    let digits = &IMAGE["sha256:".len()..];
    for (image, label) in [(IMAGE, IMAGE), (digits, IMAGE), (IMAGE, digits)] {
        assert_eq!(owner(image, Some(label)), "alice", "{image} {label}");
    }
    // What the guard has not made.
    for (image, label) in [(IMAGE, None), (IMAGE, Some("")), ("", None), ("", Some("")), ("sha256:", Some(""))] {
        assert_eq!(owner(image, label), "", "{image} {label:?}");
    }
    // What it has made of another image than it is of, or what an image says that knows the ids of others at most.
    for (image, label) in [(IMAGE, "sha256:0123"), (IMAGE, "base"), (IMAGE, &IMAGE[..19]), ("", "sha256:"), ("", IMAGE)]
    {
        assert_eq!(owner(image, Some(label)), "unknown:", "{image} {label}");
    }
    // That of a step that writes the labels, before their image is made.
    let mut step = inspected(&json!({}), &json!({}));
    step["Config"]["Image"] = IMAGE.into();
    assert_eq!(ContainerView::from_inspect(&step).unwrap().owner(), "");
    let mut view = with(&json!({"Labels": {"io.wharden.owner": "alice"}}), &json!({}));
    let exec = request("POST", "/containers/app/exec", r#"{"Cmd":["sh"]}"#);
    assert_eq!(judge_with(&exec, &view).unwrap().resources[0].owner, "");
    let join = request("POST", "/networks/front/connect", r#"{"Container":"app"}"#);
    assert!(shows(&judge_with(&join, &view).unwrap(), "container_owner", ""));
    view = with(&json!({}), &json!({}));
    assert_eq!(judge_with(&exec, &view).unwrap().resources[0].owner, "alice");
    assert!(shows(&judge_with(&join, &view).unwrap(), "container_owner", "alice"));
}

#[test]
fn an_image_that_is_asked_for_by_its_id_is_called_by_the_digits() {
    let body = format!(r#"{{"Image":"{IMAGE}"}}"#);
    let judged = judge_with(
        &request("POST", "/containers/create", &body),
        &View {
            images: support::view().images.into_values().map(|image| (IMAGE.to_owned(), image)).collect(),
            ..support::view()
        },
    );
    let ForwardBody::Bytes(sent) = judged.unwrap().body else { panic!("a body") };
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["Image"], IMAGE["sha256:".len()..]);
    assert_eq!(sent["Labels"]["io.wharden.image"], IMAGE);
}

#[test]
fn the_image_that_was_decided_on_is_written_on_the_container() {
    let body = r#"{"Image":"base","Labels":{"io.wharden.image":"sha256:mine"}}"#;
    let judged = support::judge(&request("POST", "/containers/create", body)).unwrap();
    let ForwardBody::Bytes(bytes) = &judged.body else { panic!("a body") };
    let sent: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!(sent["Labels"]["io.wharden.image"], IMAGE);
}

#[test]
fn a_tag_that_has_moved_on_does_not_hide_where_the_image_came_from() {
    let mut view = with(&json!({"Image": "reg.example/team/app:1"}), &json!({}));
    let mut image = view.images[IMAGE].clone();
    image.tags.clear();
    view.images.insert(IMAGE.into(), image.clone());
    let unnamed = start(&view, "start").unwrap();
    assert!(shows(&unnamed, "image_registry", "") && shows(&unnamed, "image", IMAGE));
    image.digests = vec![format!("reg.example/team/app@{IMAGE}")];
    view.images.insert(IMAGE.into(), image);
    let pulled = start(&view, "start").unwrap();
    assert!(shows(&pulled, "image_registry", "reg.example") && shows(&pulled, "image_tag", ""));
}

#[test]
fn namespaces_of_other_peoples_containers_are_foreign() {
    let create = |mode: &str, view: &View| {
        let body = format!(r#"{{"Image":"base","HostConfig":{{"PidMode":"{mode}","NetworkMode":"{mode}"}}}}"#);
        judge_with(&request("POST", "/containers/create", &body), view).unwrap()
    };
    let view = with(&json!({}), &json!({}));
    let bobs = create("container:victim", &view);
    for namespace in ["pid", "network"] {
        assert!(shows(&bobs, "foreign_namespaces", &format!("{namespace}:{VICTIM}")), "{:?}", bobs.facts);
    }
    let own = create("container:app", &view);
    assert!(shows(&own, "shared_namespaces", &format!("pid:{ID}")));
    assert!(!shows(&own, "foreign_namespaces", &format!("pid:{ID}")), "{:?}", own.facts);
    let started = start(&with(&json!({}), &json!({"IpcMode": format!("container:{VICTIM}")})), "start").unwrap();
    assert!(!shows(&started, "foreign_namespaces", &format!("ipc:{VICTIM}")) || started.resources[0].owner == "alice");
}

#[test]
fn links_are_followed_before_the_engine_sees_the_path() {
    let body = r#"{"Image":"base","HostConfig":{"Binds":["/srv/./link/:/a:ro","/srv/plain:/b","sneaky:/c"],
        "Mounts":[{"Type":"bind","Source":"/srv/link","Target":"/d"}]}}"#;
    let mut view = support::view();
    view.host_paths.insert(
        "/srv/plain".into(),
        HostPathView { real: "/srv/plain".into(), replaceable: true, ..HostPathView::default() },
    );
    let judged = judge_with(&request("POST", "/containers/create", body), &view).unwrap();
    let ForwardBody::Bytes(bytes) = &judged.body else { panic!("a body") };
    let sent: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!(sent["HostConfig"]["Binds"], json!(["/etc:/a:ro", "/srv/plain:/b", "sneaky:/c"]));
    assert_eq!(sent["HostConfig"]["Mounts"][0]["Source"], "/etc");
    assert!(shows(&judged, "replaceable_paths", "/srv/plain"));
    assert!(!shows(&judged, "replaceable_paths", "/srv/link"));
}

#[test]
fn a_path_is_reached_by_whoever_may_pass_through_the_folders_above() {
    let body = r#"{"Image":"base","HostConfig":{"Binds":["/srv/closed/x:/a"]}}"#;
    let unreachable = |gates: Vec<Gate>, account: Option<AccountView>| {
        let mut view = support::view();
        view.host_paths.insert(
            "/srv/closed/x".into(),
            HostPathView { real: "/srv/closed/x".into(), gates, ..HostPathView::default() },
        );
        view.accounts.extend(account.map(|account| ("alice".to_owned(), account)));
        let judged = judge_with(&request("POST", "/containers/create", body), &view).unwrap();
        shows(&judged, "unreachable_paths", "/srv/closed/x")
    };
    let alice = || Some(AccountView { uid: 1000, groups: [1000].into() });
    let (hers, roots) = (Gate { uid: 1000, gid: 0, mode: 0o700 }, Gate { uid: 0, gid: 0, mode: 0o750 });
    assert!(!unreachable(vec![], alice()) && !unreachable(vec![hers], alice()));
    assert!(unreachable(vec![hers, roots], alice()) && unreachable(vec![hers], None));
    // Of what cannot be followed nobody knows what is above it.
    let body = r#"{"Image":"base","HostConfig":{"Binds":["/unknown:/a"]}}"#;
    let judged = judge_with(&request("POST", "/containers/create", body), &support::view()).unwrap();
    assert!(shows(&judged, "unreachable_paths", "/unknown"));
}
