//! The tables against the lists that they were made from.

use crate::support;
use std::collections::BTreeSet;
use wharden_docker::{ApiVersion, BodyKind, ENDPOINTS, ResponseKind};
use wharden_model::{Action, facts};

fn rows(tsv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    tsv.lines().filter(|l| !l.starts_with('#')).skip(1).map(|l| l.split('\t').collect())
}

fn endpoints() -> impl Iterator<Item = Vec<&'static str>> {
    rows(include_str!("../data/docker_endpoints.tsv"))
}

#[test]
fn every_route_of_the_engine_is_in_the_table_once_and_nothing_else_is() {
    let mut listed = BTreeSet::new();
    for row in endpoints().filter(|r| r[0] != "*") {
        let method = if row[6].starts_with("/debug/") { "*" } else { row[0] };
        let found: Vec<_> = ENDPOINTS.iter().filter(|e| e.method == method && e.pattern == row[6]).collect();
        assert_eq!(found.len(), 1, "{row:?}");
        let minor = row[8].strip_prefix("1.").map_or(24, |m| m.parse().unwrap());
        assert_eq!(found[0].min_api, ApiVersion { major: 1, minor }, "{row:?}");
        assert_ne!(found[0].action, Action::Unknown, "{row:?}");
        listed.insert((method, row[6]));
    }
    for endpoint in ENDPOINTS {
        assert!(listed.contains(&(endpoint.method, endpoint.pattern)), "{endpoint:?}");
    }
}

#[test]
fn every_documented_path_is_routed_to_the_row_of_its_pattern() {
    for row in endpoints().filter(|r| r[0] != "*") {
        let action =
            ENDPOINTS.iter().find(|e| (e.method == row[0] || e.method == "*") && e.pattern == row[6]).unwrap().action;
        let path = row[6].replace(":.*}", "}").replace(":.+}", "}").replace("{anyroute}", "any/where");
        let path = path.replace(['{', '}'], "");
        for prefix in ["", "/v1.41", "/v1.56"] {
            let bytes = format!("{} {prefix}{path} HTTP/1.1\r\nHost: docker\r\n\r\n", row[0]);
            let (head, _) = wharden_docker::parse_head(bytes.as_bytes()).unwrap().unwrap();
            let request = wharden_docker::begin(&head, support::ENGINE).unwrap();
            assert_eq!(request.endpoint().action, action, "{row:?}");
        }
    }
}

#[test]
fn every_action_but_unknown_has_a_route_and_bodies_match_shapes() {
    for action in Action::ALL.iter().filter(|a| **a != Action::Unknown) {
        assert!(ENDPOINTS.iter().any(|e| e.action == *action), "{action}");
    }
    for endpoint in ENDPOINTS {
        let streams = endpoint.response != ResponseKind::Plain;
        assert!(streams || endpoint.action != Action::ContainerWait, "docker run waits for the head of wait's answer");
        assert!(endpoint.body != BodyKind::Json || endpoint.method != "GET", "{endpoint:?}");
    }
}

#[test]
fn native_grpc_is_refused() {
    let prior = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(support::judge(prior).unwrap_err().status, 505);
    for (target, headers) in [
        ("/moby.buildkit.v1.Control/Solve", "Content-Type: application/grpc+proto\r\n"),
        ("/grpc", "Content-Type: Application/GRPC\r\n"),
        ("/info", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"),
        ("/containers/victim/attach", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
    ] {
        let bytes = format!("POST {target} HTTP/1.1\r\nHost: docker\r\n{headers}\r\n");
        assert!(support::judge(bytes.as_bytes()).is_err(), "{target}");
    }
    let tunnel = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let judged = support::judge(tunnel).unwrap();
    assert_eq!((judged.action, judged.response), (Action::BuildGrpc, ResponseKind::Hijack));
    assert!(String::from_utf8(judged.head).unwrap().contains("Upgrade: h2c\r\n"));
}

#[test]
fn every_field_that_matters_to_security_is_the_source_of_a_fact() {
    for row in rows(include_str!("../data/security_fields.tsv")) {
        let (endpoint, field) = (row[0], row[1]);
        // Refused where it stands; see the schema of the body.
        if row[2].contains("legacy") {
            continue;
        }
        let (method, path) = endpoint.split_once(' ').unwrap();
        let shape = |p: &str| -> Vec<String> {
            p.split('/').map(|s| if s.starts_with('{') { "{}".to_owned() } else { s.to_owned() }).collect()
        };
        let route = ENDPOINTS.iter().find(|e| e.method == method && shape(e.pattern) == shape(path));
        let action = route.unwrap_or_else(|| panic!("{endpoint} is a route")).action;
        let named = facts::of(action).iter().any(|spec| spec.source.split(", ").any(|s| s == field));
        assert!(named, "{field} of {endpoint} is the source of no fact of {action}");
    }
}
