//! What must be true of every request that may go to the engine.

use crate::host;
use wharden_docker::{ForwardBody, Framing, Judged, NetworkView, OWNER_LABEL, Refusal, View};
use wharden_model::{FactValue, Facts, Resource, ResourceKind};

/// Judges a request and checks what comes of it.
///
/// # Panics
/// When something is not as it must be.
pub fn check(bytes: &[u8]) -> Option<Judged> {
    if !whole(bytes) {
        return None;
    }
    let judged = match judge(bytes) {
        Ok(judged) => judged,
        Err(refusal) => {
            assert!((400..=505).contains(&refusal.status), "{refusal}");
            assert!(!refusal.message.is_empty() && refusal.message.len() < 2048, "{refusal}");
            return None;
        }
    };
    assert!(!judged.resources.is_empty(), "something is decided on");
    for resource in &judged.resources {
        assert_eq!(resource.kind, judged.action.resource());
    }
    let zero = wharden_model::Facts::zero(judged.action);
    assert_eq!(names(&judged.facts), names(&zero), "all facts of the action and no others");
    read_again(&judged);
    Some(judged)
}

/// What is sent on means what was judged: read again it is judged the same, and sent on the same.
fn read_again(judged: &Judged) {
    let mut sent = judged.head.clone();
    match &judged.body {
        ForwardBody::Bytes(body) => sent.extend_from_slice(body),
        ForwardBody::Stream(Framing::Chunked) | ForwardBody::Archive(_) => sent.extend_from_slice(b"0\r\n\r\n"),
        ForwardBody::Stream(Framing::Length(length)) => {
            sent.resize(sent.len() + usize::try_from(*length).unwrap_or(0), b'x')
        }
        ForwardBody::Stream(Framing::None) | ForwardBody::Empty => {}
    }
    let shown = || String::from_utf8_lossy(&sent).into_owned();
    let again = judge(&sent).unwrap_or_else(|refusal| panic!("{refusal} for what was sent on: {}", shown()));
    assert_eq!(again.action, judged.action, "{}", shown());
    let things = |judged: &Judged| judged.resources.iter().map(unnamed).collect::<Vec<_>>();
    assert_eq!(things(&again), things(judged), "{}", shown());
    assert_eq!(without_reference(&again), without_reference(judged), "{}", shown());
    assert_eq!(String::from_utf8_lossy(&again.head), String::from_utf8_lossy(&judged.head));
    // However an archive came, it is sent on in chunks.
    let archives = matches!((&again.body, &judged.body), (ForwardBody::Archive(_), ForwardBody::Archive(_)));
    assert!(archives || again.body == judged.body, "{}", shown());
    assert_eq!(again.response, judged.response);
}

fn judge(bytes: &[u8]) -> Result<Judged, Refusal> {
    host::judge_with(bytes, &view())
}

/// The host of the tests, on which every thing has an id of its own.
fn view() -> View {
    let mut view = host::view();
    let host =
        NetworkView { id: "77".repeat(32), name: "host".into(), driver: "host".into(), ..NetworkView::default() };
    view.networks.insert(host.id.clone(), host.clone());
    view.networks.insert("host".into(), host);
    view
}

/// An image is sent on by its id where the name does not matter to the engine: by which of its names it was asked for shows no
/// more.
fn unnamed(resource: &Resource) -> Resource {
    match resource.kind {
        ResourceKind::Image => Resource { name: String::new(), image: String::new(), ..resource.clone() },
        _ => resource.clone(),
    }
}

fn without_reference(judged: &Judged) -> Facts {
    const NAMES: [&str; 6] = ["image", "image_registry", "image_repository", "image_tag", "image_digest", "path"];
    let of_image = judged.action.resource() == ResourceKind::Image;
    let kept = judged.facts.0.iter().filter(|(name, _)| !(of_image && NAMES.contains(&name.as_ref())));
    Facts(kept.map(|(name, value)| (name.clone(), without_owner(value))).collect())
}

/// Without the owner's label: whatever the request says of it, the guard's own is what is sent on.
fn without_owner(value: &FactValue) -> FactValue {
    let is_owner = |text: &str| text.trim_start_matches("LABEL ").starts_with(&format!("{OWNER_LABEL}="));
    match value {
        FactValue::Set(texts) => FactValue::Set(texts.iter().filter(|text| !is_owner(text)).cloned().collect()),
        other => other.clone(),
    }
}

fn names(facts: &wharden_model::Facts) -> Vec<String> {
    facts.0.keys().map(ToString::to_string).collect()
}

/// Whether the body is all there: the guard waits for it, the functions that are tried here do not.
fn whole(bytes: &[u8]) -> bool {
    let Ok(Some((head, length))) = wharden_docker::parse_head(bytes) else { return true };
    let Ok(request) = wharden_docker::begin(&head, host::ENGINE) else { return true };
    let rest = &bytes[length..];
    match request.framing() {
        Framing::None => true,
        Framing::Length(wanted) => rest.len() as u64 >= wanted && wanted < 1 << 16,
        Framing::Chunked => chunks_are_whole(rest),
    }
}

fn chunks_are_whole(mut rest: &[u8]) -> bool {
    loop {
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else { return false };
        let digits = std::str::from_utf8(&rest[..end]).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(size) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) else { return false };
        let size = usize::from(size);
        if rest.len() < end + 2 + size + 2 || &rest[end + 2 + size..end + 4 + size] != b"\r\n" {
            return false;
        }
        rest = &rest[end + 4 + size..];
        if size == 0 {
            return true;
        }
    }
}
