//! For every field that matters to security: a request with it is judged differently from one without it.

use crate::support;
use crate::support::{judge, request};
use std::collections::BTreeSet;
use wharden_model::Facts;

/// A field of a request: where the list has it, a request with it, and the fact that shows it.
struct Case {
    endpoint: &'static str,
    field: &'static str,
    /// Query without the question mark.
    query: &'static str,
    body: &'static str,
    fact: &'static str,
}

/// The request without the field: target and body of each endpoint.
const PLAIN: &[(&str, &str, &str)] = &[
    ("POST /containers/create", "/containers/create", r#"{"Image":"base"}"#),
    ("POST /containers/{id}/update", "/containers/victim/update", "{}"),
    ("POST /containers/{id}/exec", "/containers/victim/exec", "{}"),
    ("POST /exec/{id}/start", "/exec/EXEC/start", "{}"),
    ("POST /services/create", "/v1.46/services/create", "{}"),
    ("POST /services/{id}/update", "/v1.46/services/s/update", "{}"),
    ("POST /volumes/create", "/volumes/create", "{}"),
    ("PUT /volumes/{name}", "/volumes/csi", "{}"),
    ("POST /networks/create", "/networks/create", "{}"),
    ("GET /networks/{id}", "/networks/front", ""),
    ("POST /networks/{id}/connect", "/networks/front/connect", r#"{"Container":"victim"}"#),
    ("POST /build", "/build", ""),
    ("POST /images/create", "/images/create", ""),
    ("POST /images/{name}/tag", "/images/base/tag", ""),
    ("POST /commit", "/commit?container=victim", ""),
    ("GET /containers/{id}/archive", "/containers/victim/archive", ""),
    ("PUT /containers/{id}/archive", "/containers/victim/archive", ""),
    ("GET /containers/{id}/attach/ws", "/v1.42/containers/victim/attach/ws", ""),
    ("POST /containers/{id}/start", "/containers/victim/start", ""),
    ("POST /containers/{name}/checkpoints", "/containers/victim/checkpoints", r#"{"CheckpointID":"ck"}"#),
    ("POST /plugins/pull", "/plugins/pull", "[]"),
    ("POST /plugins/{name}/set", "/plugins/p/set", "[]"),
    ("POST /plugins/{name}/enable", "/plugins/p/enable", ""),
    ("POST /plugins/{name}/disable", "/plugins/p/disable", ""),
    ("POST /plugins/{name}/upgrade", "/plugins/p/upgrade", "[]"),
    ("POST /swarm/init", "/swarm/init", "{}"),
    ("POST /swarm/join", "/swarm/join", "{}"),
    ("POST /swarm/update", "/swarm/update", "{}"),
    ("POST /nodes/{id}/update", "/nodes/n/update", "{}"),
    ("POST /secrets/create", "/secrets/create", "{}"),
    ("POST /auth", "/auth", "{}"),
];

/// Fields whose rows have their own tests, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("POST /containers/create", "$.Privileged"), // refused
    ("POST /build", "header:X-Registry-Config"), // a header, below
    ("POST /build", "tar:Dockerfile"),           // never read: content_unread is always true
    ("POST /images/load", "tar:manifest.json"),  // read as it passes: archive/tests.rs
    ("POST /plugins/create", "tar:config.json"), // never read either
    ("POST /commit", "query:container"),         // the resource, in the table of evasions
];

/// `field | query | body | fact` a line, under the endpoint that they belong to.
const CASES: &[(&str, &str)] = &[
    ("POST /containers/create", include_str!("../data/create_cases.txt")),
    ("POST /services/create", include_str!("../data/service_cases.txt")),
    ("", include_str!("../data/other_cases.txt")),
];

fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    for (endpoint, text) in CASES {
        for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let mut parts: Vec<&str> = line.split('|').map(str::trim).collect();
            if !endpoint.is_empty() {
                parts.insert(0, endpoint);
            }
            let [endpoint, field, query, body, fact] = parts[..] else { panic!("{line}") };
            out.push(Case { endpoint, field, query, body, fact });
        }
    }
    out
}

fn facts(endpoint: &str, target: &str, query: &str, body: &str) -> Facts {
    let method = endpoint.split(' ').next().unwrap();
    let joint = if query.is_empty() {
        ""
    } else if target.contains('?') {
        "&"
    } else {
        "?"
    };
    let target = format!("{}{joint}{query}", target.replace("EXEC", support::EXEC));
    let bytes = request(method, &target, body);
    judge(&bytes).unwrap_or_else(|e| panic!("{endpoint} {query} {body}: {e}")).facts
}

#[test]
fn every_field_changes_its_fact() {
    for case in cases() {
        let (_, target, plain) =
            PLAIN.iter().find(|(e, ..)| *e == case.endpoint).unwrap_or_else(|| panic!("{}", case.endpoint));
        let without = facts(case.endpoint, target, "", plain);
        let body = if case.body.is_empty() { plain } else { case.body };
        let with = facts(case.endpoint, target, case.query, body);
        let (before, after) = (without.get(case.fact), with.get(case.fact));
        assert!(before.is_some(), "{} has a fact {}", case.endpoint, case.fact);
        assert_ne!(before, after, "{} of {}: fact {}", case.field, case.endpoint, case.fact);
    }
}

#[test]
fn every_field_of_the_list_has_a_case() {
    let cases: Vec<Case> = cases();
    let tested: BTreeSet<_> = cases.iter().map(|c| (c.endpoint, c.field)).collect();
    for line in include_str!("../data/security_fields.tsv").lines().filter(|l| !l.starts_with('#')).skip(1) {
        let row: Vec<_> = line.split('\t').collect();
        let key = (row[0], row[1]);
        assert!(tested.contains(&key) || ELSEWHERE.contains(&key), "{key:?} has a case");
    }
}

#[test]
fn legacy_fields_at_the_top_level_are_refused_unless_empty() {
    for (body, ok) in [
        (r#"{"Image":"base","Privileged":true}"#, false),
        (r#"{"Image":"base","HostConfig":{},"Binds":["/:/a"]}"#, false),
        (r#"{"Image":"base","Memory":1}"#, false),
        (r#"{"Image":"base","Runtime":null,"Binds":[],"Privileged":false,"Memory":0}"#, true),
    ] {
        assert_eq!(judge(&request("POST", "/containers/create", body)).is_ok(), ok, "{body}");
    }
}

#[test]
fn credentials_are_told_and_never_shown() {
    let bytes = b"POST /build HTTP/1.1\r\nHost: docker\r\nX-Registry-Config: c2VjcmV0\r\nContent-Length: 9\r\n\r\n";
    let (head, _) = wharden_docker::parse_head(bytes).unwrap().unwrap();
    let request = wharden_docker::begin(&head, support::ENGINE).unwrap();
    assert!(!format!("{head:?} {request:?}").contains("c2VjcmV0"));
    let canonical = request.finish(None).unwrap();
    let host = wharden_model::HostId::new("h-0123456789abcdef").unwrap();
    let asker = wharden_docker::Asker { owner: "alice", host_id: &host, private: &[] };
    let judged = canonical.judge(&support::view(), &asker).unwrap();
    assert!(support::shows(&judged, "registry_credentials", "true"));
    assert!(!format!("{canonical:?} {judged:?}").contains("c2VjcmV0"));
    assert!(String::from_utf8(judged.head).unwrap().contains("X-Registry-Config: c2VjcmV0\r\n"));
    for (method, target, body, secret) in [
        ("POST", "/containers/create", r#"{"Image":"base","Env":["TOKEN=s3cr3t"]}"#, "s3cr3t"),
        ("POST", "/build?buildargs=%7B%22A%22%3A%22s3cr3t%22%7D", "", "s3cr3t"),
        ("POST", "/auth", r#"{"username":"u","password":"s3cr3t"}"#, "s3cr3t"),
        ("POST", "/secrets/create", r#"{"Name":"n","Data":"s3cr3t"}"#, "s3cr3t"),
        ("POST", "/swarm/join", r#"{"JoinToken":"s3cr3t"}"#, "s3cr3t"),
        ("POST", "/commit?container=victim&changes=ENV+A%3Ds3cr3t", "", "s3cr3t"),
        ("POST", "/build?remote=https%3A%2F%2Fu%3As3cr3t%40host%2Fr.git", "", "s3cr3t"),
        (
            "POST",
            "/containers/create",
            r#"{"Image":"base","HostConfig":{"LogConfig":{"Config":{"splunk-token":"s3cr3t"}}}}"#,
            "s3cr3t",
        ),
        ("POST", "/volumes/create", r#"{"DriverOpts":{"type":"cifs","o":"username=a,password=s3cr3t"}}"#, "s3cr3t"),
    ] {
        let judged = support::judge(&support::request(method, target, body)).unwrap();
        assert!(!format!("{judged:?} {:?}", judged.facts).contains(secret), "{target}");
    }
}

#[test]
fn a_user_that_the_request_does_not_name_is_the_images() {
    let user = |image: &str, user: &str| {
        let body = format!(r#"{{"Image":"{image}","User":"{user}"}}"#);
        judge(&request("POST", "/containers/create", &body)).unwrap()
    };
    assert!(support::shows(&user("base", ""), "root_user", "true"));
    assert!(support::shows(&user("rootless:1", ""), "root_user", "false"));
    assert!(support::shows(&user("rootless:1", "0:0"), "root_user", "true"));
    assert!(support::shows(&user("base", "1000"), "root_user", "false"));
    assert!(support::shows(&user("base", "nginx"), "user_by_name", "true"));
}

#[test]
fn copies_may_come_from_and_land_on_all_that_is_mounted_of_the_host() {
    let of = |method: &str, path: &str| {
        let judged = judge(&request(method, &format!("/containers/victim/archive?path={path}"), "")).unwrap();
        ["/etc", "/etc/shadow", "/root", "/root/x"].map(|host| support::shows(&judged, "host_paths", host))
    };
    // A link in the container may lead to any mount; the volume is a folder of the host's, and read-only.
    assert_eq!(of("GET", "/tmp/link"), [true, false, true, false]);
    assert_eq!(of("GET", "/host/etc/shadow"), [false, true, true, false]);
    assert_eq!(of("GET", "/v/x"), [true, false, false, true]);
    assert_eq!(of("PUT", "/tmp/link"), [true, false, false, false]);
}

#[test]
fn a_list_is_cut_by_whoever_leaves_things_out_of_it() {
    let line = |target: &str| {
        let judged = judge(&request("GET", target, "")).unwrap();
        let head = String::from_utf8(judged.head).unwrap();
        (head.split("\r\n").next().unwrap().to_owned(), judged.limit)
    };
    let listed = |query: &str| format!("GET /v1.41/containers/json{query} HTTP/1.1");
    assert_eq!(line("/containers/json?limit=2"), (listed("?all=1"), Some(2)));
    assert_eq!(line("/containers/json?all=0&size=1&limit=1"), (listed("?all=1&size=1"), Some(1)));
    assert_eq!(line("/containers/json?all=1"), (listed("?all=1"), None));
    assert_eq!(line("/containers/json?limit=0"), (listed("?limit=0"), None), "no limit for the engine either");
}

#[test]
fn host_paths_are_those_of_links_volumes_and_other_containers_too() {
    let paths = |host: &str| {
        let body = format!(r#"{{"Image":"base","HostConfig":{host}}}"#);
        judge(&request("POST", "/containers/create", &body)).unwrap()
    };
    let link = paths(r#"{"Binds":["/srv/./link/:/a:ro"]}"#);
    // What is sent on is the place that the link leads to, and so that is what is judged.
    assert!(support::shows(&link, "host_paths", "/etc") && !support::shows(&link, "host_paths", "/srv/link"));
    assert!(!support::shows(&link, "host_paths_writable", "/etc"));
    assert!(support::shows(&link, "sensitive_paths", "/etc"));
    for named in [r#"{"Binds":["sneaky:/v"]}"#, r#"{"Mounts":[{"Type":"volume","Source":"sneaky","Target":"/v"}]}"#] {
        assert!(support::shows(&paths(named), "host_paths", "/root"), "{named}");
    }
    let own = paths(r#"{"Binds":["/srv/wharden:/a"]}"#);
    assert!(support::shows(&own, "engine_socket", "true"));
}

#[test]
fn what_a_build_puts_out_is_named_by_its_tags_alone() {
    let build = |outputs: &str| {
        let outputs: String = outputs.bytes().map(|b| format!("%{b:02X}")).collect();
        support::judge(&support::request("POST", &format!("/v1.41/build?version=2&outputs={outputs}"), ""))
    };
    for good in [
        r#"[{"Type":"moby","Attrs":{}}]"#,
        r#"[{"Type":"moby"}]"#,
        r#"[{"Type":"local","Attrs":{"dest":"out"}},{"Type":"tar","Attrs":{"platform-split":"false"}}]"#,
        "[]",
        "null",
    ] {
        build(good).unwrap_or_else(|refusal| panic!("{good}: {refusal}"));
    }
    for (bad, named) in [
        (r#"[{"Type":"moby","Attrs":{"name":"registry.example/team/app:prod"}}]"#, "\"name\""),
        (r#"[{"Type":"moby"},{"Type":"image","Attrs":{"dest":"x","push":"true"}}]"#, "\"push\""),
        (r#"[{"Type":"moby","Attrs":{"containerimage.config":"{}"}}]"#, "containerimage.config"),
        (r#"[{"Type":"moby","attrs":{"name":"a"}}]"#, "name"),
    ] {
        let refusal = build(bad).expect_err(bad);
        assert!(refusal.status == 400 && refusal.message.contains(named), "{bad}: {refusal}");
    }
}
