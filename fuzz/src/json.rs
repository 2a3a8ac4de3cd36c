//! The differential oracle for JSON bodies.

use crate::{engine::Body, go_json::Outcome, host, judged};
use serde_json::Value;
use wharden_docker::{begin, parse_head};
use wharden_model::FactValue;

/// A body that was read.
pub struct Case<'a> {
    pub kind: Body,
    pub body: &'a [u8],
    /// Its canonical form, where there is one.
    pub accepted: Option<Vec<u8>>,
    /// What the Engine would make of it as it was sent.
    pub meaning: Outcome,
}

/// Which body, and its bytes.
pub fn split(bytes: &[u8]) -> (Body, &[u8]) {
    let line = bytes.iter().position(|b| *b == b'\n').unwrap_or(0);
    let named = Body::ALL.into_iter().find(|(word, _)| word.as_bytes() == &bytes[..line]);
    named.map_or((Body::Create, bytes), |(_, kind)| (kind, &bytes[line + 1..]))
}

/// Reads a body in both ways.
pub fn read(kind: Body, body: &[u8]) -> Case<'_> {
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        kind.path(),
        body.len()
    );
    let canonical = parse_head(head.as_bytes())
        .ok()
        .flatten()
        .and_then(|(head, _)| begin(&head, host::ENGINE).ok())
        .and_then(|request| request.finish(Some(body)).ok());
    let accepted = canonical.and_then(|canonical| Some(canonical.body()?.to_string().into_bytes()));
    Case { kind, body, accepted, meaning: kind.meaning(body) }
}

/// Holds both readings against each other, and the facts against the meaning.
///
/// # Panics
/// When they differ.
pub fn check(bytes: &[u8]) {
    let (kind, body) = split(bytes);
    // Not read, so not there: the Engine needs a body where the guard takes none.
    if body.is_empty() || body.len() > 1 << 16 {
        return;
    }
    let case = read(kind, body);
    let Some(accepted) = &case.accepted else { return };
    let canonical = kind.meaning(accepted);
    match &case.meaning {
        Outcome::Value(_) => assert_eq!(canonical, case.meaning, "{}", String::from_utf8_lossy(body)),
        // The Engine would not have served it; it is served as what it was judged to be.
        Outcome::Error => {}
        Outcome::Twice => panic!("a member is there twice: {}", String::from_utf8_lossy(body)),
    }
    let text =
        format!("POST {} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: ", kind.path());
    let request = [text.as_bytes(), body.len().to_string().as_bytes(), b"\r\n\r\n", body].concat();
    if let (Some(judged), Outcome::Value(meaning)) = (judged::check(&request), canonical) {
        facts_are_what_it_means(kind, &judged, &meaning);
    }
}

fn facts_are_what_it_means(kind: Body, judged: &wharden_docker::Judged, meaning: &Value) {
    let texts =
        |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    match kind {
        Body::Create => {
            let host = &meaning["HostConfig"];
            assert_eq!(host::fact(judged, "privileged"), &FactValue::Bool(host["Privileged"] == true));
            assert_eq!(host::fact(judged, "memory"), &FactValue::Long(host["Memory"].as_i64().unwrap_or(i64::MAX)));
            for bind in texts_of(&host["Binds"]).filter(|bind| bind.starts_with('/') && bind.contains(':')) {
                let path = crate::names::clean(bind.split(':').next().unwrap_or_default());
                let real = if path == "/srv/link" { "/etc" } else { &path };
                assert!(host::shows(judged, "host_paths", real), "{bind}: {:?}", host::fact(judged, "host_paths"));
            }
            for device in host["Devices"].as_array().into_iter().flatten() {
                let path = device["PathOnHost"].as_str().unwrap_or_default();
                assert!(path.is_empty() || host::fact(judged, "devices") != &FactValue::Set(Default::default()));
            }
        }
        Body::Exec => {
            assert_eq!(host::fact(judged, "privileged"), &FactValue::Bool(meaning["Privileged"] == true));
            let command: Vec<String> = texts(&meaning["Cmd"]);
            assert_eq!(host::fact(judged, "command"), &FactValue::String(command.join(" ")));
        }
        Body::Volume => {
            let driver = meaning["Driver"].as_str().unwrap_or_default();
            assert!(driver.is_empty() || host::fact(judged, "driver") == &FactValue::String(driver.to_owned()));
        }
    }
}

fn texts_of(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}
