//! Names become the things that they mean, in the path, the query and the body; and everything else that is not the
//! client's to say is the guard's.

use crate::support::{self, EXEC, IMAGE, NETWORK, VICTIM, judge, judge_with, request, view};
use std::collections::BTreeMap;
use wharden_docker::{
    ApiVersion, Canonical, ForwardBody, Framing, ImageView, Judged, Lookup, NetworkView, ResponseKind, View,
};

fn line(judged: &Judged) -> String {
    String::from_utf8(judged.head.clone()).unwrap().lines().next().unwrap().to_owned()
}

fn body(judged: &Judged) -> String {
    match &judged.body {
        ForwardBody::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_path_carries_the_full_id_and_the_version() {
    let prefix = &VICTIM[..12];
    let network = &NETWORK[..12];
    for (method, target, sent) in [
        ("GET", format!("/containers/{prefix}/json"), format!("/v1.41/containers/{VICTIM}/json")),
        ("DELETE", "/v1.30/containers/victim?force=1".into(), format!("/v1.30/containers/{VICTIM}?force=1")),
        ("DELETE", "/containers/victim?link=1".into(), "/v1.41/containers/victim?link=1".into()),
        (
            "POST",
            "/commit?container=victim&repo=r".into(),
            format!("/v1.41/commit?container={VICTIM}&repo=r&changes=LABEL%20io.wharden.owner%3D%22alice%22"),
        ),
        ("GET", format!("/networks/{network}"), format!("/v1.41/networks/{NETWORK}")),
        ("GET", format!("/exec/{EXEC}/json"), format!("/v1.41/exec/{EXEC}/json")),
        ("GET", "/images/base/json".into(), format!("/v1.41/images/{IMAGE}/json")),
        ("DELETE", "/images/base".into(), "/v1.41/images/base".into()),
        ("GET", "/images/base/get".into(), "/v1.41/images/get?names=base%3Alatest".into()),
        ("GET", "/debug/vars".into(), "/debug/vars".into()),
        ("GET", "/containers/json?filters=%7B%7D&all=1".into(), "/v1.41/containers/json?filters=%7B%7D&all=1".into()),
    ] {
        let judged = judge(&request(method, &target, "")).unwrap();
        assert_eq!(line(&judged), format!("{method} {sent} HTTP/1.1"));
    }
}

#[test]
fn a_volume_of_the_swarm_is_not_the_engines_own_of_the_same_name() {
    for (method, target, sent) in [
        ("GET", "/volumes/csi", "/v1.41/volumes/vol1"),
        ("DELETE", "/volumes/csi?force=1", "/v1.41/volumes/vol1?force=1"),
        ("DELETE", "/volumes/sneaky?force=1", "/v1.41/volumes/sneaky?force=1"),
        ("DELETE", "/volumes/sneaky", "/v1.41/volumes/sneaky"),
    ] {
        assert_eq!(line(&judge(&request(method, target, "")).unwrap()), format!("{method} {sent} HTTP/1.1"));
    }
    let newer = ApiVersion { major: 1, minor: 44 };
    for (target, sent, force) in [
        ("/volumes/sneaky?force=1", "/v1.44/volumes/sneaky?force=0", "true"),
        ("/v1.41/volumes/sneaky?force=1", "/v1.41/volumes/sneaky?force=1", "true"),
        ("/volumes/csi?force=1", "/v1.44/volumes/vol1?force=1", "true"),
    ] {
        let (canonical, _) = support::canonical_for(&request("DELETE", target, ""), newer).unwrap();
        let judged = support::judge_as(&canonical, &view()).unwrap();
        assert_eq!(line(&judged), format!("DELETE {sent} HTTP/1.1"));
        assert!(support::shows(&judged, "force", force), "{target}");
    }
    let own = judge(&request("PUT", "/volumes/sneaky?version=1", "{}")).unwrap_err();
    assert!(own.status == 400 && own.message.contains("only volumes of the swarm"), "{own}");
}

#[test]
fn a_link_is_of_both_containers() {
    let mut view = view();
    let mut child = view.containers["victim"].clone();
    child.id = "c".repeat(64);
    view.containers.insert("victim/db".into(), child);
    let request = request("DELETE", "/containers/victim/db?link=1", "");
    let (canonical, _) = support::canonical(&request).unwrap();
    assert_eq!(canonical.lookups(), ["victim", "victim/db"].map(|name| Lookup::Container(name.into())));
    let judged = judge_with(&request, &view).unwrap();
    assert_eq!(
        line(&judged),
        format!("DELETE /v1.41/containers/{}/db?link=1 HTTP/1.1", view.containers["victim"].name)
    );
    let of: Vec<_> = judged.resources.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(of, [&*"c".repeat(64), VICTIM]);
    view.containers.remove("victim");
    assert_eq!(judge_with(&request, &view).unwrap_err().status, 404);
}

#[test]
fn a_plugin_is_the_same_by_every_name() {
    let judged = judge(&request("DELETE", "/plugins/p?force=1", "")).unwrap();
    assert_eq!(line(&judged), "DELETE /v1.41/plugins/pluginid?force=1 HTTP/1.1");
    assert_eq!((judged.resources[0].id.as_str(), judged.resources[0].name.as_str()), ("pluginid", "real"));
    assert_eq!(judge(&request("DELETE", "/plugins/absent", "")).unwrap_err().status, 404);
    let upgrade = judge(&request("POST", "/plugins/p/upgrade?remote=x", "[]")).unwrap();
    assert_eq!(line(&upgrade), "POST /v1.41/plugins/real/upgrade?remote=x HTTP/1.1");
}

#[test]
fn a_prune_is_of_volumes_with_names_where_the_engine_takes_them() {
    for (target, all) in [
        ("/v1.41/volumes/prune", "true"),
        ("/v1.42/volumes/prune", "false"),
        ("/v1.42/volumes/prune?filters=%7B%22label%22%3A%5B%22a%22%5D%7D", "false"),
        ("/v1.42/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D", "true"),
        ("/v1.42/volumes/prune?filters=%7B", "true"),
    ] {
        let engine = ApiVersion { major: 1, minor: 44 };
        let (canonical, _) = support::canonical_for(&request("POST", target, ""), engine).unwrap();
        let judged = support::judge_as(&canonical, &view()).unwrap();
        assert!(support::shows(&judged, "all", all), "{target}");
    }
}

#[test]
fn bodies_carry_full_ids_and_the_owner() {
    let create = r#"{"Image":"base","HostConfig":{"PidMode":"container:victim","VolumesFrom":["victim:ro"]},"Labels":{"io.wharden.owner":"bob"}}"#;
    let judged = judge(&request("POST", "/containers/create", create)).unwrap();
    let sent = body(&judged);
    assert!(sent.contains(&format!("\"container:{VICTIM}\"")) && sent.contains(&format!("\"{VICTIM}:ro\"")), "{sent}");
    assert!(sent.contains(r#""io.wharden.owner":"alice""#) && !sent.contains("bob"), "{sent}");
    assert_eq!(judged.resources[0].owner, "alice");
    let connect = judge(&request("POST", "/networks/front/connect", r#"{"Container":"victim"}"#)).unwrap();
    assert!(body(&connect).starts_with(&format!("{{\"Container\":\"{VICTIM}\"")), "{}", body(&connect));
    assert_eq!(line(&connect), format!("POST /v1.41/networks/{NETWORK}/connect HTTP/1.1"));
}

#[test]
fn things_of_a_swarm_are_known_by_their_ids_and_keep_their_owner() {
    for (method, target, sent, owner) in [
        ("POST", "/services/s/update?version=3", "/v1.41/services/serviceid/update?version=3", "bob"),
        ("POST", "/secrets/s/update?version=3", "/v1.41/secrets/secretid/update?version=3", "bob"),
        ("POST", "/configs/c/update?version=3", "/v1.41/configs/configid/update?version=3", "bob"),
        ("POST", "/services/create", "/v1.41/services/create", "alice"),
    ] {
        let forged = r#"{"Name":"s","Labels":{"io.wharden.owner":"mallory"}}"#;
        let judged = judge(&request(method, target, forged)).unwrap();
        assert_eq!(line(&judged), format!("{method} {sent} HTTP/1.1"));
        assert!(body(&judged).contains(&format!(r#""io.wharden.owner":"{owner}""#)), "{}", body(&judged));
        assert_eq!(judged.resources[0].owner, owner);
    }
    let node = judge(&request("GET", "/nodes/n", "")).unwrap();
    assert_eq!((line(&node).as_str(), node.resources[0].id.as_str()), ("GET /v1.41/nodes/nodeid HTTP/1.1", "nodeid"));
    assert_eq!(judge(&request("GET", "/services/none", "")).unwrap_err().status, 404);
}

#[test]
fn an_endpoint_is_in_the_network_that_was_judged() {
    let create =
        r#"{"Image":"base","NetworkingConfig":{"EndpointsConfig":{"front":{"NetworkID":"others","Aliases":["a"]}}}}"#;
    let connect = r#"{"Container":"victim","EndpointConfig":{"NetworkID":"others","Aliases":["a"]}}"#;
    for (target, body) in [("/containers/create", create), ("/networks/front/connect", connect)] {
        let judged = judge(&request("POST", target, body)).unwrap();
        let forwarded = String::from_utf8(support::forwarded(&judged)).unwrap();
        assert!(!forwarded.contains("others") && forwarded.contains("Aliases"), "{forwarded}");
        let (canonical, _) = support::canonical(&request("POST", target, body)).unwrap();
        assert!(canonical.names_network_id(), "whoever cannot take it away sees it");
        let (plain, _) = support::canonical(&request("POST", target, &body.replace("others", ""))).unwrap();
        assert!(!plain.names_network_id());
    }
}

#[test]
fn endpoints_are_pinned_to_the_networks_that_were_judged() {
    let mut view = view();
    let bridge =
        NetworkView { id: "9".repeat(64), name: "bridge".into(), driver: "bridge".into(), ..Default::default() };
    view.networks.insert("9999".into(), bridge);
    let sent = |target: &str, asked: &str| -> serde_json::Value {
        serde_json::from_str(&body(&judge_with(&request("POST", target, asked), &view).unwrap())).unwrap()
    };
    let prefix = &NETWORK[..12];
    let endpoint = |name: &str, mode: &str, endpoints: &str| {
        let asked = format!(
            r#"{{"Image":"base","HostConfig":{{"NetworkMode":"{mode}"}},"NetworkingConfig":{{"EndpointsConfig":{endpoints}}}}}"#
        );
        sent("/containers/create", &asked)["NetworkingConfig"]["EndpointsConfig"][name]["NetworkID"].clone()
    };
    assert_eq!(endpoint("front", "front", r#"{"front":null}"#), NETWORK);
    assert_eq!(endpoint("front", prefix, &format!(r#"{{"{prefix}":{{}}}}"#)), NETWORK, "as the engine notes it");
    assert_eq!(endpoint(NETWORK, NETWORK, "{}"), NETWORK);
    assert_eq!(endpoint("front", "default", r#"{"front":{}}"#), NETWORK);
    assert_eq!(endpoint("front", prefix, "null"), NETWORK);
    assert_eq!(endpoint("bridge", "9999", r#"{"9999":{"NetworkID":"x"}}"#), "");
    let bare = sent("/containers/create", &format!(r#"{{"Image":"base","HostConfig":{{"NetworkMode":"{prefix}"}}}}"#));
    assert_eq!(bare["NetworkingConfig"]["EndpointsConfig"]["front"]["NetworkID"], NETWORK);
    let default = sent("/containers/create", r#"{"Image":"base","HostConfig":{"NetworkMode":"bridge"}}"#);
    assert!(default.get("NetworkingConfig").is_none());
    assert_eq!(sent("/networks/front/connect", r#"{"Container":"victim"}"#)["EndpointConfig"]["NetworkID"], NETWORK);
    assert!(sent("/networks/front/disconnect", r#"{"Container":"victim"}"#).get("EndpointConfig").is_none());
    let mut other = view.clone();
    other.networks.insert("back".into(), NetworkView { id: "b".repeat(64), name: "back".into(), ..Default::default() });
    // Some connect the network of the mode later.
    let apart =
        r#"{"Image":"base","HostConfig":{"NetworkMode":"back"},"NetworkingConfig":{"EndpointsConfig":{"front":{}}}}"#;
    let apart = body(&judge_with(&request("POST", "/containers/create", apart), &other).unwrap());
    let apart: serde_json::Value = serde_json::from_str(&apart).unwrap();
    assert_eq!(apart["HostConfig"]["NetworkMode"], "back");
    assert_eq!(apart["NetworkingConfig"]["EndpointsConfig"].as_object().unwrap().keys().collect::<Vec<_>>(), ["front"]);
    let twice =
        format!(r#"{{"Image":"base","NetworkingConfig":{{"EndpointsConfig":{{"front":{{}},"{prefix}":{{}}}}}}}}"#);
    assert_eq!(judge_with(&request("POST", "/containers/create", &twice), &view).unwrap_err().status, 400);
    let whole = twice.replace(prefix, NETWORK);
    assert_eq!(judge_with(&request("POST", "/containers/create", &whole), &view).unwrap_err().status, 400);
    let mut hex = view.clone();
    hex.networks.insert("54af".into(), NetworkView { id: "5".repeat(64), name: "54af".into(), ..Default::default() });
    assert_eq!(judge_with(&request("POST", "/build?networkmode=54af", ""), &hex).unwrap_err().status, 400);
}

/// The engine looks for the network of the mode once more, and takes a whole id, a name, or the beginning of an id.
#[test]
fn a_container_is_connected_while_the_network_that_it_was_made_for_is_there() {
    let connect = |engine: u32, mode: &str, view: &View| {
        let mut view = view.clone();
        mode.clone_into(&mut view.containers.get_mut("victim").unwrap().network_mode);
        let asked = request("POST", "/networks/front/connect", r#"{"Container":"victim"}"#);
        let (canonical, _) = support::canonical_for(&asked, ApiVersion { major: 1, minor: engine }).unwrap();
        let looked = canonical.follow_ups(&view, "alice").contains(&Lookup::Network(mode.to_owned()));
        (support::judge_as(&canonical, &view).map(|_| ()).map_err(|refusal| refusal.status), looked)
    };
    let view = view();
    for mode in ["front", NETWORK] {
        assert_eq!(connect(43, mode, &view), (Ok(()), true), "{mode}");
    }
    for mode in ["bridge", "default", "none", "container:x"] {
        assert_eq!(connect(43, mode, &view), (Ok(()), false), "{mode}");
    }
    for mode in [&NETWORK[..12], "gone"] {
        assert_eq!(connect(43, mode, &view), (Err(409), true), "{mode}");
        assert_eq!(connect(42, mode, &view), (Ok(()), false), "{mode}, which older engines do not look for");
    }
}

/// Of a network of one's own nobody else is a neighbour, and older versions take no such address of an endpoint.
#[test]
fn hardware_addresses_on_networks_of_others_are_told() {
    let mac = "02:42:ac:11:00:03";
    let mut view = view();
    let own = BTreeMap::from([("io.wharden.owner".to_owned(), "alice".to_owned())]);
    view.networks.insert(
        "own".into(),
        NetworkView { id: "d".repeat(64), name: "own".into(), labels: own, ..Default::default() },
    );
    let asked = |version: &str, network: &str, of_all: bool| {
        let endpoint = if of_all { "" } else { mac };
        let body = serde_json::json!({"Image": "base", "HostConfig": {"NetworkMode": network}, "MacAddress": if of_all { mac } else { "" },
            "NetworkingConfig": {"EndpointsConfig": {network: {"MacAddress": endpoint}}}});
        let bytes = request("POST", &format!("/{version}/containers/create"), &body.to_string());
        let (canonical, _) = support::canonical_for(&bytes, ApiVersion { major: 1, minor: 45 }).unwrap();
        support::shows(&support::judge_as(&canonical, &view).unwrap(), "shared_mac_addresses", mac)
    };
    for network in ["bridge", "front", NETWORK] {
        assert!(asked("v1.41", network, true) && asked("v1.44", network, false), "{network}");
        assert!(!asked("v1.43", network, false), "{network}");
    }
    for of_all in [true, false] {
        assert!(!asked("v1.44", "own", of_all));
    }
    // Below 1.44 newer engines give the container's to whatever it joins.
    let body = serde_json::json!({"Image": "base", "HostConfig": {"NetworkMode": "own"}, "MacAddress": mac,
        "NetworkingConfig": {"EndpointsConfig": {"front": {}}}});
    let apart = judge_with(&request("POST", "/v1.41/containers/create", &body.to_string()), &view).unwrap();
    assert!(support::shows(&apart, "shared_mac_addresses", mac));
}

#[test]
fn links_go_by_ids_and_give_plain_names() {
    let create = |link: &str| {
        let asked = serde_json::json!({"Image": "base", "HostConfig": {"Links": [link]}}).to_string();
        judge(&request("POST", "/containers/create", &asked))
    };
    for (link, alias) in [("victim:db", "db"), ("victim", "victim"), ("/victim:/web/db", "db")] {
        let judged = create(link).unwrap();
        assert!(body(&judged).contains(&format!("[\"{VICTIM}:{alias}\"]")), "{}", body(&judged));
        assert!(support::shows(&judged, "links", &format!("victim:{alias}")), "{:?}", judged.facts);
    }
    for link in [
        "victim:../db",
        "victim:",
        "victim:..",
        "victim:a/b",
        "victim:a:b",
        "victim:/abs",
        "/victim:/web/..",
        "victim:a b",
    ] {
        let refused = create(link).map(|_| ()).unwrap_err();
        assert!(refused.status == 400 && refused.message.contains("Links"), "{link}: {refused}");
    }
}

#[test]
fn names_of_networks_are_not_like_ids_modes_or_paths() {
    for (name, passes) in [
        ("shop_default", true),
        ("a b", true),
        ("54af", true),
        ("0123456789ab", true),
        (&NETWORK[..12], false),
        ("container:x", false),
        ("a/b", false),
        ("..", false),
        ("line\nbreak", false),
        ("\u{1b}[2J", false),
        ("a\u{202e}b", false),
        (" front", false),
        ("front\u{a0}", false),
    ] {
        let asked = serde_json::json!({"Name": name}).to_string();
        assert_eq!(judge(&request("POST", "/networks/create", &asked)).is_ok(), passes, "{name}");
    }
}

#[test]
fn resources_are_the_things_themselves() {
    let exec = judge(&request("POST", &format!("/exec/{EXEC}/start"), "{}")).unwrap();
    let resource = &exec.resources[0];
    assert_eq!((resource.id.as_str(), resource.name.as_str(), resource.owner.as_str()), (EXEC, "victim", "bob"));
    assert!(support::shows(&exec, "privileged", "true"));
    let seen = judge(&request("POST", "/containers/victim/attach", "")).unwrap();
    assert_eq!(support::fact(&exec, "host_paths"), support::fact(&seen, "host_paths"), "its container's");
    assert_ne!(support::fact(&exec, "host_paths"), &wharden_model::FactValue::Set(Default::default()));
    assert_eq!(exec.response, ResponseKind::Hijack);
    let save = judge(&request("GET", "/images/get?names=base&names=rootless:1", "")).unwrap();
    assert_eq!(save.resources.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), [IMAGE, "sha256:1"]);
    let taken = judge(&request("POST", "/volumes/create", r#"{"Name":"sneaky"}"#)).unwrap();
    assert_eq!(taken.resources[0].owner, "bob");
    assert!(support::shows(&taken, "host_paths", "/root"));
}

#[test]
fn what_does_not_exist_is_answered_as_the_engine_would() {
    for (method, target, sent, message) in [
        ("GET", "/containers/nobody/json", "", "No such container: nobody"),
        ("POST", "/containers/create", r#"{"Image":"nothing"}"#, "No such image: nothing:latest"),
        ("GET", "/networks/nothing", "", "network nothing not found"),
        ("GET", "/volumes/nothing", "", "get nothing: no such volume"),
    ] {
        let refusal = judge(&request(method, target, sent)).unwrap_err();
        assert_eq!((refusal.status, refusal.message.as_str()), (404, message));
    }
    // Of a creation 404 would mean to clients that the image is missing.
    for (host, message) in [
        (r#"{"IpcMode":"container:nobody"}"#, "No such container: nobody"),
        (r#"{"VolumesFrom":["nobody:ro"]}"#, "No such container: nobody"),
        (r#"{"Links":["nobody:n"]}"#, "No such container: nobody"),
        (r#"{"NetworkMode":"nothing"}"#, "network nothing not found"),
    ] {
        let body = format!(r#"{{"Image":"base","HostConfig":{host}}}"#);
        let refusal = judge(&request("POST", "/containers/create", &body)).unwrap_err();
        assert_eq!((refusal.status, refusal.message.as_str()), (400, message));
    }
}

#[test]
fn only_headers_on_the_list_reach_the_engine() {
    let bytes =
        b"POST /images/create?fromImage=a&tag=1 HTTP/1.1\r\nHost: evil\r\nUser-Agent: x\r\nX-Registry-Auth: e30=\r\n\
                  X-HTTP-Method-Override: DELETE\r\nCookie: a\r\nX-Forwarded-For: 1\r\nConnection: keep-alive\r\n\r\n";
    let judged = judge(bytes).unwrap();
    assert_eq!(
        String::from_utf8(judged.head).unwrap(),
        "POST /v1.41/images/create?fromImage=a&tag=1 HTTP/1.1\r\nHost: docker\r\nUser-Agent: x\r\nX-Registry-Auth: e30=\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert!(judge(b"GET /info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").is_err());
    assert!(judge(b"GET /info HTTP/1.1\r\n\r\n").is_err());
}

#[test]
fn an_upgrade_is_passed_on_where_the_route_hijacks_only() {
    let upgraded = |target: &str, protocol: &str| {
        let text = format!("POST {target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n");
        String::from_utf8(judge(text.as_bytes()).unwrap().head).unwrap().contains("Upgrade: ")
    };
    assert!(upgraded("/containers/victim/attach", "tcp"));
    assert!(!upgraded("/containers/victim/attach", "TLS/1.2"));
    assert!(!upgraded("/containers/victim/start", "tcp"));
    assert!(upgraded("/session", "h2c"));
}

#[test]
fn bodies_stream_on_where_the_engine_reads_a_stream() {
    let text = "POST /build?t=a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    let (head, _) = wharden_docker::parse_head(text.as_bytes()).unwrap().unwrap();
    let request = wharden_docker::begin(&head, support::ENGINE).unwrap();
    assert!(request.expects_continue());
    assert_eq!(request.buffers_body(), None);
    let judged = judge(format!("{text}0\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(judged.body, ForwardBody::Stream(Framing::Chunked));
    let sent = String::from_utf8(judged.head).unwrap();
    assert!(sent.contains("Transfer-Encoding: chunked\r\n") && !sent.contains("Expect"), "{sent}");
    let copy =
        judge(b"PUT /containers/victim/archive?path=/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").unwrap();
    assert_eq!(copy.body, ForwardBody::Archive(Framing::Length(3)), "looked at on its way");
    assert!(String::from_utf8(copy.head).unwrap().contains("Transfer-Encoding: chunked\r\n"));
}

#[test]
fn the_hosts_network_is_seen_by_whatever_name() {
    let mut view = support::view();
    let host = wharden_docker::NetworkView {
        id: "77".into(),
        name: "host".into(),
        driver: "host".into(),
        ..Default::default()
    };
    view.networks.insert("77".into(), host);
    for config in [r#""HostConfig":{"NetworkMode":"77"}"#, r#""NetworkingConfig":{"EndpointsConfig":{"host":{}}}"#] {
        let bytes = request("POST", "/containers/create", &format!(r#"{{"Image":"base",{config}}}"#));
        let judged = support::judge_with(&bytes, &view).unwrap();
        assert!(support::shows(&judged, "host_namespaces", "network"), "{config}");
    }
}

#[test]
fn an_unknown_route_is_no_tunnel() {
    let judged =
        judge(b"POST /libpod/x?a=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n").unwrap();
    assert_eq!((judged.action.name(), judged.response), ("unknown", ResponseKind::Stream));
    assert!(!String::from_utf8(judged.head).unwrap().contains("Upgrade"));
}

#[test]
fn an_export_is_of_what_was_judged_and_of_all_that_a_repository_has() {
    let mut view = view();
    for (name, owner) in [("flip:latest", "alice"), ("flip:x", "bob"), ("app@sha256:00", "bob"), ("0a1b2c", "bob")] {
        let tags = vec![name.to_owned()];
        let image = ImageView { id: format!("sha256:{owner}"), tags, owner: owner.into(), ..ImageView::default() };
        view.images.insert(name.into(), image);
    }
    view.images.insert("flip".into(), view.images["flip:latest"].clone());
    view.repositories.insert("flip".into(), vec!["flip:latest".into(), "flip:x".into()]);
    let export = |target: &str| judge_with(&request("GET", target, ""), &view).expect("judged");
    let owners = |judged: &Judged| judged.resources.iter().map(|it| it.owner.clone()).collect::<Vec<_>>();
    for target in ["/images/flip/get", "/images/get?names=flip", "/images/get?names=flip:latest&names=flip"] {
        let judged = export(target);
        assert_eq!(owners(&judged), ["alice", "bob"], "{target}");
        assert_eq!(line(&judged), "GET /v1.41/images/get?names=flip%3Alatest&names=flip%3Ax HTTP/1.1", "{target}");
        assert!(support::shows(&judged, "images", "docker.io/library/flip:x"), "{target}");
        assert_eq!(judged.image_names.len(), 2, "{target}");
    }
    // The path's is the only one there.
    let judged = export("/images/flip:x/get?names=flip:latest");
    assert_eq!((owners(&judged), line(&judged).contains("latest")), (vec!["bob".to_owned()], false));
    // What begins like an id goes on as the id.
    assert_eq!(line(&export("/images/0a1b2c/get")), "GET /v1.41/images/get?names=sha256%3Abob HTTP/1.1");
    // A push without a tag is one of all tags.
    for (tag, owner) in [("", "unknown:"), ("?tag=latest", "alice")] {
        let push = request("POST", &format!("/images/flip/push{tag}"), "");
        assert_eq!(owners(&judge_with(&push, &view).expect("judged")), [owner], "{tag}");
    }
}

#[test]
fn nobody_gives_an_image_a_digest() {
    let digest = format!("app@sha256:{}", "0f".repeat(32));
    for target in
        [format!("/images/base/tag?repo={digest}&tag=prod"), format!("/commit?container=victim&repo={digest}")]
    {
        let refused = judge(&request("POST", &target, "")).map(|_| ()).expect_err("a digest");
        assert!(refused.status == 400 && refused.message.contains("digest"), "{}", refused.message);
    }
}

#[test]
fn with_an_image_go_no_images_of_others_that_it_was_made_from() {
    let chain = |owners: &[&str]| {
        let mut view = View::default();
        for (at, owner) in owners.iter().enumerate() {
            let parent = if at + 1 < owners.len() { format!("sha256:{}", at + 1) } else { String::new() };
            let image =
                ImageView { id: format!("sha256:{at}"), parent, owner: (*owner).into(), ..ImageView::default() };
            view.images.insert(if at == 0 { "mine".to_owned() } else { image.id.clone() }, image);
        }
        view
    };
    let delete = request("DELETE", "/images/mine?force=1&noprune=0", "");
    for (owners, kept) in
        [(&["alice", "", "alice"][..], false), (&["alice", "", "bob", "alice"], true), (&["alice"], false)]
    {
        let view = chain(owners);
        let judged = judge_with(&delete, &view).expect("judged");
        assert_eq!(line(&judged).contains("noprune=1"), kept, "{owners:?}: {}", line(&judged));
        let (canonical, _) = support::canonical(&delete).expect("canonical");
        assert_eq!(canonical.takes_parents_of_others(&view, "alice"), kept, "{owners:?}");
        let asked = request("DELETE", "/images/mine?noprune=true", "");
        let (asked, _) = support::canonical(&asked).expect("canonical");
        assert!(!asked.takes_parents_of_others(&view, "alice"), "{owners:?}");
        let parents = (1..owners.len())
            .all(|at| canonical.follow_ups(&view, "alice").contains(&Lookup::Image(format!("sha256:{at}"))));
        assert!(parents, "{owners:?}");
    }
}

#[test]
fn whoever_gets_an_answer_as_it_is_must_be_allowed_to_see_what_is_left_out_of_it_else() {
    use wharden_model::Action as A;
    for (path, wanted) in [
        ("/containers/json?limit=1", &[A::ContainerInspect][..]),
        ("/v1.41/networks", &[A::NetworkInspect]),
        ("/v1.27/networks", &[A::NetworkInspect, A::ContainerInspect]),
        ("/networks/web", &[A::ContainerInspect]),
        ("/system/df", &[A::ContainerInspect, A::ImageInspect, A::VolumeInspect, A::BuildPrune]),
        ("/tasks", &[A::ServiceInspect]),
        ("/containers/web/json", &[]),
        ("/info", &[]),
    ] {
        let (canonical, _) = support::canonical(&request("GET", path, "")).expect("canonical");
        assert_eq!(canonical.takes_to_see_all(), wanted, "{path}");
        let listing = wharden_docker::Listing::of(canonical.action());
        assert_eq!(listing.is_some(), !wanted.is_empty(), "{path}");
    }
    let events = request("GET", "/events", "");
    let (events, _) = support::canonical(&events).expect("canonical");
    assert_eq!(events.takes_to_see_all().len(), A::SystemEvents.shows().len());
}

#[test]
fn a_repositorys_names_are_those_of_the_engines_list() {
    let images = serde_json::json!([
        {"RepoTags": ["app:1", "other/app:1", "registry.example/app:1"], "RepoDigests": ["app@sha256:0f"]},
        {"RepoTags": null, "RepoDigests": ["<none>@<none>"]},
    ]);
    for name in ["app", "library/app", "docker.io/library/app", "index.docker.io/library/app"] {
        let path = wharden_docker::images_of(name).expect("a repository");
        assert_eq!(path, "/images/json?filters=%7B%22reference%22%3A%5B%22app%22%5D%7D", "{name}");
        let digest = format!("app@sha256:{}", "0f".repeat(32));
        let images: serde_json::Value =
            serde_json::from_str(&images.to_string().replace("app@sha256:0f", &digest)).expect("JSON");
        assert_eq!(wharden_docker::names_of(name, &images), Some(vec!["app:1".to_owned(), digest]), "{name}");
    }
    assert!(wharden_docker::images_of("app:1").is_none() && wharden_docker::images_of(IMAGE).is_none());
    assert!(wharden_docker::names_of("app", &serde_json::json!({})).is_none());
}

#[test]
fn mounted_images_go_by_their_ids_and_are_there_for_those_who_may_see_them() {
    let create = |source: &str| {
        let mounts = format!(r#"[{{"Type":"image","Source":"{source}","Target":"/m"}}]"#);
        let body = format!(r#"{{"Image":"rootless:1","HostConfig":{{"Mounts":{mounts}}}}}"#);
        judge(&request("POST", "/containers/create", &body))
    };
    let judged = create("base").expect("judged");
    assert!(body(&judged).contains(&format!(r#""Source":"{IMAGE}""#)), "{}", body(&judged));
    let [beside] = judged.neighbours.as_slice() else { panic!("{:?}", judged.neighbours) };
    assert_eq!((beside.reading.resource.id.as_str(), beside.read, beside.unseen.status), (IMAGE, false, 400));
    let missing = create("nothing").map(|_| ()).expect_err("it may come to be anybody's");
    assert_eq!(missing.status, 400);
}

#[test]
fn an_image_is_ones_own_with_what_is_mounted_from_others() {
    let mut view = view();
    for (name, owner) in [("mine", "alice"), ("mine-too", "alice"), ("bobs", "bob")] {
        let image = ImageView { id: format!("sha256:{name}"), owner: owner.into(), ..ImageView::default() };
        view.images.insert(name.into(), image);
    }
    for (mounted, own) in [("", "true"), ("mine-too", "true"), ("bobs", "false")] {
        let mount = format!(r#"{{"Type":"image","Source":"{mounted}","Target":"/m"}}"#);
        let mounts = if mounted.is_empty() { String::new() } else { mount };
        let body = format!(r#"{{"Image":"mine","HostConfig":{{"Mounts":[{mounts}]}}}}"#);
        let judged = judge_with(&request("POST", "/containers/create", &body), &view).expect("judged");
        assert!(support::shows(&judged, "own_image", own), "{mounted}");
    }
}

#[test]
fn lookups_name_everything_that_the_decision_needs() {
    let create = r#"{"Image":"base","HostConfig":{"Binds":["/srv/./a:/a","vol:/b"],"VolumesFrom":["victim:ro"],
        "NetworkMode":"front","IpcMode":"container:victim","Devices":[{"PathOnHost":"/dev/x"}]}}"#;
    let (canonical, _): (Canonical, _) = support::canonical(&request("POST", "/containers/create", create)).unwrap();
    assert_eq!(
        canonical.lookups(),
        [
            Lookup::Container("victim".into()),
            Lookup::Image("base".into()),
            Lookup::Volume("vol".into()),
            Lookup::Network("front".into()),
            Lookup::HostPath("/dev/x".into()),
            Lookup::HostPath("/srv/a".into()),
            Lookup::VolumeUsers("vol".into()),
        ]
    );
    let follow_ups = canonical.follow_ups(&support::view(), "alice");
    assert!(
        follow_ups.contains(&Lookup::Volume("sneaky".into())) && follow_ups.contains(&Lookup::HostPath("/etc".into()))
    );
    assert_eq!(canonical.describe(), "POST /v1.41/containers/create");
}

#[test]
fn labels_of_an_image_do_not_say_whose_it_is() {
    let mut view = view();
    let image = view.images.get_mut("base").expect("known");
    for label in ["io.wharden.owner", "io.wharden.image"] {
        image.labels.insert(label.into(), "alice".into());
    }
    for (method, target) in [
        ("DELETE", "/v1.41/images/base"),
        ("GET", "/v1.41/images/base/json"),
        ("POST", "/v1.41/images/base/tag?repo=x"),
        ("POST", "/v1.41/images/base/push?tag=latest"),
        ("GET", "/v1.41/images/base/get"),
    ] {
        let judged = judge_with(&request(method, target, ""), &view).expect("valid");
        let [image] = judged.resources.as_slice() else { panic!("{target}: {:?}", judged.resources) };
        assert_eq!(
            (image.owner.as_str(), image.labels.keys().map(String::as_str).collect::<Vec<_>>()),
            ("", vec!["from"]),
            "{target}"
        );
    }
    view.images.get_mut("base").expect("known").owner = "bob".into();
    let judged = judge_with(&request("DELETE", "/v1.41/images/base", ""), &view).expect("valid");
    assert_eq!(judged.resources[0].owner, "bob");
    let create = |view: &View| {
        let judged = judge_with(&request("POST", "/containers/create", r#"{"Image":"base"}"#), view).expect("valid");
        ["image_owner", "own_image"].map(|name| judged.facts.get(name).cloned().expect("filled"))
    };
    assert_eq!(create(&view), ["bob".into(), false.into()]);
    view.images.get_mut("base").expect("known").owner = "alice".into();
    assert_eq!(create(&view), ["alice".into(), true.into()]);
    view.images.get_mut("base").expect("known").owner = String::new();
    assert_eq!(create(&view), ["".into(), false.into()]);
}
