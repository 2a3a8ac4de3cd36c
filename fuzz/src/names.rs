//! How the Engine reads names of images (`distribution/reference`) and cleans paths (Go's `path.Clean`).

use crate::host;
use wharden_docker::Judged;
use wharden_model::{ActionGroup, FactValue, ResourceKind};

/// The full form of a reference to an image, as the Engine reads what it pulls; `None` for what it refuses.
pub fn reference(text: &str) -> Option<String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let (domain, rest) = match text.find('/') {
        Some(at) if is_domain_word(&text[..at]) => (&text[..at], &text[at + 1..]),
        _ => ("docker.io", text),
    };
    let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
    let (rest, digest) = rest.split_once('@').map_or((rest, None), |(name, digest)| (name, Some(digest)));
    let (path, tag) = rest.split_once(':').map_or((rest, None), |(name, tag)| (name, Some(tag)));
    let path = if domain == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
    let good = is_domain(domain)
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
        && domain.len() + path.len() < 255;
    // It goes by the digest where there is one (`favorDigest` of its store of references).
    let tag = tag.filter(|_| digest.is_none()).map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    good.then(|| format!("{domain}/{path}{tag}{digest}"))
}

/// What stands before the first slash is a registry when it cannot be a part of a repository.
fn is_domain_word(word: &str) -> bool {
    word.contains(['.', ':']) || word == "localhost" || word.to_lowercase() != word
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = domain.split_once(':').map_or((domain, None), |(host, port)| (host, Some(port)));
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    host.split('.').all(part) && port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

/// `[a-z0-9]+((?:[._]|__|[-]+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(plain).filter(|s| !s.is_empty());
    text.starts_with(plain)
        && text.ends_with(plain)
        && separators.into_iter().all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128 && tag.bytes().next().is_some_and(word) && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let part =
        |p: &str| p.starts_with(|c: char| c.is_ascii_alphabetic()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
    algorithm.split(['-', '_', '+', '.']).all(part) && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `path.Clean` of an absolute path.
pub fn clean(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for part in path.split('/') {
        if part == ".." {
            out.pop();
        } else if !part.is_empty() && part != "." {
            out.push(part);
        }
    }
    format!("/{}", out.join("/"))
}

/// The reference that a pull of `name` with a `tag` of its own means.
fn pulled(name: &str, tag: &str) -> Option<String> {
    // Left by old commands that pull all tags.
    let full = reference(name.strip_suffix(':').unwrap_or(name))?;
    if tag.is_empty() {
        return Some(full);
    }
    let (rest, digest) = full.split_once('@').map_or((full.as_str(), None), |(rest, digest)| (rest, Some(digest)));
    let last = rest.rfind('/').map_or(0, |at| at + 1);
    let bare = rest[last..].find(':').map_or(rest, |at| &rest[..last + at]);
    match tag.strip_prefix("sha256:") {
        Some(hex) => {
            let is_digest = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            is_digest.then(|| format!("{bare}@{tag}"))
        }
        None => {
            is_tag(tag).then(|| digest.map_or_else(|| format!("{bare}:{tag}"), |digest| format!("{bare}@{digest}")))
        }
    }
}

fn or_latest(reference: String) -> String {
    let last = reference.rfind('/').map_or(0, |at| at + 1);
    if reference[last..].contains([':', '@']) { reference } else { format!("{reference}:latest") }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// As Go's `url.QueryUnescape` and `url.PathUnescape`.
fn unescaped(text: &str, plus: bool) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digits = bytes.get(at + 1..at + 3).filter(|d| d.iter().all(u8::is_ascii_hexdigit))?;
                out.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                at += 2;
            }
            b'+' if plus => out.push(b' '),
            other => out.push(other),
        }
        at += 1;
    }
    Some(out)
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// As Go's `url.ParseQuery`.
fn pairs(query: &str) -> Option<Pairs> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((unescaped(name, true)?, unescaped(value, true)?)).filter(|_| !part.contains(';'))
        })
        .collect()
}

/// Path without its version and query, as they are decoded.
fn target(line: &str) -> Option<(Vec<u8>, Pairs)> {
    let target = line.split(' ').nth(1)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = unescaped(path, false)?;
    let versioned = path.starts_with(b"/v") && path.get(2).is_some_and(u8::is_ascii_digit);
    let rest = if versioned {
        path[1..].iter().position(|b| *b == b'/').map(|at| path[1 + at..].to_vec())
    } else {
        Some(path)
    };
    Some((rest?, pairs(query)?))
}

fn judged(method: &str, target: &str) -> Option<Judged> {
    crate::judged::check(format!("{method} {target} HTTP/1.1\r\nHost: d\r\n\r\n").as_bytes())
}

fn text_fact<'j>(judged: &'j Judged, name: &str) -> &'j str {
    match host::fact(judged, name) {
        FactValue::String(text) => text,
        other => panic!("{name}: {other:?}"),
    }
}

/// Tries a text wherever a request may have a name.
///
/// # Panics
/// When it is judged as another thing than the engine takes it for.
pub fn check(text: &str) {
    if text.len() > 512 {
        return;
    }
    let name = escaped(text);
    for (image, tag) in [(text, ""), (text, "2"), ("busybox", text), ("a:1", text)] {
        let query = format!("/images/create?fromImage={}&tag={}", escaped(image), escaped(tag));
        if let (Some(judged), Some(meant)) = (judged("POST", &query), pulled(image, tag)) {
            assert_eq!(text_fact(&judged, "image"), meant, "{image:?} {tag:?}");
        }
    }
    if let (Some(judged), Some(meant)) = (judged("POST", &format!("/images/base/tag?repo={name}")), reference(text)) {
        // The engine tags by no digest.
        assert!(meant.contains('@') || text_fact(&judged, "target") == or_latest(meant.clone()), "{text:?} is {meant}");
    }
    if let (Some(judged), Some(meant)) = (judged("POST", &format!("/build?t={name}")), reference(text)) {
        assert!(meant.contains('@') || host::shows(&judged, "tags", &or_latest(meant.clone())), "{text:?} is {meant}");
    }
    // As they are written: whoever reads what is sent on reads what was sent.
    for line in [format!("GET /info?{text}"), format!("GET /{text}"), format!("GET /v1.41/{text}?a=b")] {
        let sent = crate::judged::check(format!("{line} HTTP/1.1\r\nHost: d\r\n\r\n").as_bytes());
        let Some(sent) = sent.filter(|sent| !host::fact(sent, "path").eq(&FactValue::String(String::new()))) else {
            continue;
        };
        let first = String::from_utf8(sent.head).expect("ASCII");
        let (wanted, got) = (target(&line), target(first.lines().next().unwrap_or_default()));
        // Names became ids there.
        let named = matches!(sent.action.group(), ActionGroup::Read) && sent.resources[0].kind != ResourceKind::Engine;
        match (wanted, got) {
            (Some(wanted), Some(got)) => assert!(named || wanted == got, "{line:?} was sent on as {first:?}"),
            other => panic!("{line:?} was sent on as {first:?}: {other:?}"),
        }
    }
}
