//! Requests that evade rules elsewhere: each must be refused, or be judged as what it truly asks.

use crate::support;
use Expect::{Refused, Sees};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use std::collections::BTreeMap;

enum Expect {
    /// Answered with this status; the message holds this text. The engine never sees it.
    Refused(u16, &'static str),
    /// Judged as this action, on a thing with this id, with these facts.
    Sees(&'static str, &'static str, &'static [(&'static str, &'static str)]),
}

const HOST: &str = "h-0123456789abcdef";

const EXPECTED: &[(&str, Expect)] = &[
    ("A02", Refused(400, "1.41.0")),
    ("A05", Refused(400, "percent-encoded")),
    ("A08", Refused(400, "two slashes")),
    ("A11", Refused(400, "parts . and ..")),
    ("A14", Refused(400, "only a path")),
    ("A17", Sees("container.inspect", support::VICTIM, &[("method", "GET")])),
    ("A20", Sees("container.exec", support::VICTIM, &[("privileged", "true")])),
    ("A23", Sees("container.inspect", support::VICTIM, &[])),
    ("A26", Refused(400, "two versions")),
    ("A29", Sees("system.debug", HOST, &[])),
    ("A32", Refused(400, "must not be in a path")),
    ("B02", Refused(400, "both Content-Length and Transfer-Encoding")),
    ("B05", Refused(413, "at most")),
    ("B08", Refused(400, "content-length is sent twice")),
    ("B11", Refused(501, "chunked")),
    ("B14", Refused(400, "folded")),
    ("B17", Sees("container.list", HOST, &[])),
    ("B20", Refused(505, "HTTP/2")),
    ("B23", Sees("container.create", "new", &[("privileged", "true")])),
    ("B26", Refused(415, "text/plain")),
    ("B29", Refused(400, "begins with its method")),
    ("B32", Sees("container.attach", support::VICTIM, &[("stdin", "true")])),
    ("B35", Refused(415, "form body")),
    ("B38", Refused(400, "\"name\" is there twice")),
    ("B41", Refused(400, "content-length")),
    ("B44", Refused(400, "+61")),
    ("C02", Sees("container.create", "new", &[("host_paths", "/"), ("engine_socket", "true")])),
    ("C05", Refused(400, "HostConfig.Privileged")),
    ("C08", Refused(400, "hostConfig")),
    ("C11", Sees("container.create", "new", &[("privileged", "true")])),
    ("C14", Refused(400, "HostConfig.Binds")),
    ("C17", Refused(400, "follows the JSON document")),
    ("C20", Sees("container.create", "new", &[("cap_add", "ALL")])),
    ("C23", Refused(400, "field X")),
    ("C26", Refused(400, "field image")),
    ("C29", Refused(400, "HostConfig.Binds")),
    ("C32", Refused(400, "HostConfig.Privileged")),
    ("C35", Refused(400, "field privileged")),
    ("D01", Sees("container.create", "new", &[("host_paths", "/"), ("sensitive_paths", "/etc")])),
    ("D04", Sees("container.create", "new", &[("engine_socket", "true"), ("host_paths", "/var/run")])),
    ("D07", Sees("container.create", "new", &[("host_paths", "/srv/data-secret")])),
    ("D10", Sees("container.create", "new", &[("host_paths", "/"), ("host_paths_writable", "/")])),
    ("D13", Sees("container.create", "new", &[("host_paths", "/etc"), ("host_paths", "/root")])),
    ("D16", Sees("container.create", "new", &[("host_paths", "/etc"), ("host_paths", "/root")])),
    ("D19", Sees("volume.create", "hr2", &[("host_paths", "/"), ("engine_socket", "true")])),
    ("D22", Sees("container.create", "new", &[("tmpfs_options", "exec"), ("tmpfs_options", "suid")])),
    ("D25", Sees("container.create", "new", &[("shared_namespaces", SHARED_PID)])),
    ("D28", Sees("container.create", "new", &[("host_namespaces", "uts")])),
    ("D31", Sees("container.create", "new", &[("host_namespaces", "network")])),
    (
        "D34",
        Sees("network.connect", support::NETWORK, &[("container_id", support::VICTIM), ("container_owner", "bob")]),
    ),
    ("D37", Sees("container.create", "new", &[("cap_add", "ALL")])),
    ("D40", Sees("container.create", "new", &[("apparmor", "unconfined"), ("label_disabled", "true")])),
    ("D43", Sees("container.create", "new", &[("devices", "/dev/mem"), ("device_permissions", "w")])),
    ("D46", Sees("container.create", "new", &[("device_requests", "cdi:vendor.com/class=all")])),
    ("D49", Sees("container.create", "new", &[("sysctls", "kernel.msgmax=65536")])),
    ("D52", Sees("container.create", "new", &[("root_user", "true")])),
    (
        "D55",
        Sees("container.create", "new", &[("host_ports", "24"), ("privileged_ports", "true"), ("host_ips", "0.0.0.0")]),
    ),
    ("D58", Sees("container.create", "new", &[("restart_policy", "always")])),
    (
        "D61",
        Sees("container.create", "new", &[("image", "docker.io/library/base:latest"), ("image_id", support::IMAGE)]),
    ),
    ("D64", Sees("image.pull", EVIL, &[("image_registry", "evil.invalid"), ("image_tag", "")])),
    ("D67", Sees("container.commit", support::VICTIM, &[("changes", "USER root")])),
    ("D70", Refused(400, "JSON body")),
    ("D73", Sees("container.archive_read", support::VICTIM, &[("container_path", "/etc")])),
    ("D76", Sees("container.export", support::VICTIM, &[])),
    ("D79", Sees("container.start", support::VICTIM, &[("checkpoint_dir", "/etc"), ("host_paths", "/etc")])),
    ("D82", Refused(400, "\"filters\" is there twice")),
    ("D85", Sees("service.update", "serviceid", &[("host_paths", "/etc")])),
    ("D88", Sees("service.update", "serviceid", &[("rollback", "true")])),
    ("D91", Sees("plugin.create", "evil", &[("content_unread", "true")])),
    (
        "D94",
        Sees(
            "image.build",
            HOST,
            &[("host_network", "true"), ("remote", "http://127.0.0.1:9/Dockerfile"), ("cgroup_parent", "/")],
        ),
    ),
    ("D97", Sees("image.load", HOST, &[("content_unread", "true"), ("names_unread", "true")])),
    ("D100", Sees("swarm.inspect", HOST, &[])),
    ("D103", Sees("system.events", HOST, &[])),
    ("D106", Sees("network.create", "nb", &[("options", "com.docker.network.bridge.enable_icc=true")])),
    ("D109", Sees("container.create", "new", &[("no_new_privileges", "false")])),
];

const SHARED_PID: &str = "pid:a112b437be4d01738ac295b88da29628293dac7df47c5eab2bbac211d7c83214";
const EVIL: &str = "evil.invalid/x@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The bytes of an example; `{VICTIM12}` stands for the first digits of a container's id.
fn bytes(example: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    for part in example["parts"].as_array().unwrap() {
        match part["b64"].as_str() {
            Some(text) => out.extend(BASE64_STANDARD.decode(text).unwrap()),
            None => {
                let byte = u8::try_from(part["byte"].as_u64().unwrap()).unwrap();
                out.resize(out.len() + usize::try_from(part["count"].as_u64().unwrap()).unwrap(), byte);
            }
        }
    }
    let placeholder = b"{VICTIM12}";
    if let Some(at) = out.windows(placeholder.len()).position(|w| w == placeholder) {
        out.splice(at..at + placeholder.len(), support::VICTIM[..12].bytes());
    }
    out
}

#[test]
fn every_example_is_refused_or_judged_as_what_it_asks() {
    let expected: BTreeMap<_, _> = EXPECTED.iter().map(|(id, e)| (*id, e)).collect();
    let mut seen = 0;
    for line in include_str!("../data/bypass_examples.jsonl").lines().skip(1) {
        let example: Value = serde_json::from_str(line).unwrap();
        let id = example["id"].as_str().unwrap();
        let expect = expected.get(id).unwrap_or_else(|| panic!("{id} has an expectation"));
        let result = support::judge(&bytes(&example));
        match (expect, result) {
            (Refused(status, text), Err(refusal)) => {
                assert!(refusal.status == *status && refusal.message.contains(text), "{id}: {refusal}");
            }
            (Sees(action, resource, facts), Ok(judged)) => {
                assert_eq!((judged.action.name(), judged.resources[0].id.as_str()), (*action, *resource), "{id}");
                for (name, value) in *facts {
                    assert!(support::shows(&judged, name, value), "{id}: {name} is {:?}", support::fact(&judged, name));
                }
            }
            (Refused(..), Ok(judged)) => panic!("{id} was judged: {judged:?}"),
            (Sees(..), Err(refusal)) => panic!("{id} was refused: {refusal}"),
        }
        seen += 1;
    }
    assert_eq!(seen, EXPECTED.len());
}

#[test]
fn b17_the_second_request_on_a_connection_is_judged_by_itself() {
    let line = include_str!("../data/bypass_examples.jsonl").lines().find(|l| l.contains("\"B17\"")).unwrap();
    let (first, rest) = support::canonical(&bytes(&serde_json::from_str(line).unwrap())).unwrap();
    assert_eq!(first.action().name(), "container.list");
    let second = support::judge(&rest).unwrap();
    assert!(support::shows(&second, "privileged", "true"));
}
