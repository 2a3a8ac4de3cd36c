//! What an event keeps of what was decided on. What is too long is left out alone, the largest first, and named: the rest still
//! tells people what was asked for.

use crate::limits::EVENT_MAX;
use std::collections::BTreeSet;
use wharden_model::{DecisionEvent, FactValue, Facts, PartialFacts, Principal, limits::EVENT_STRING_MAX};

/// Something that an event may be without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Fact(String),
    ResourceLabels,
    PrincipalLabels,
}

/// Leaves out the facts that are too long, so that all of them together are no longer than events are, and names them.
pub(super) fn cut(facts: &mut Facts) -> BTreeSet<String> {
    let long = |value: &FactValue| match value {
        FactValue::Bool(_) | FactValue::Long(_) | FactValue::LongSet(_) => false,
        FactValue::String(text) => text.len() > EVENT_STRING_MAX,
        FactValue::Set(set) => set.iter().any(|text| text.len() > EVENT_STRING_MAX),
    };
    let (mut missing, mut sizes, mut total) = (BTreeSet::new(), Vec::new(), 0);
    for (name, value) in &facts.0 {
        if long(value) {
            missing.insert(name.to_string());
        } else {
            total += size(value);
            sizes.push((size(value), name.to_string()));
        }
    }
    sizes.sort_unstable();
    while total > EVENT_MAX
        && let Some((size, name)) = sizes.pop()
    {
        total -= size;
        missing.insert(name);
    }
    facts.0.retain(|name, _| !missing.contains(name.as_ref()));
    missing
}

/// About how long a value is, without what JSON adds to signs that it escapes.
fn size(value: &FactValue) -> usize {
    match value {
        FactValue::Bool(_) | FactValue::Long(_) => 0,
        FactValue::String(text) => text.len(),
        FactValue::Set(set) => set.iter().map(|text| text.len() + 3).sum(),
        FactValue::LongSet(set) => set.len() * 2,
    }
}

/// Facts as an event has them: whole, or those that were kept.
pub(super) fn told(facts: Option<Facts>, missing: BTreeSet<String>) -> (Option<Facts>, Option<PartialFacts>) {
    match facts {
        Some(facts) if !missing.is_empty() => (None, Some(PartialFacts { facts, missing })),
        facts => (facts, None),
    }
}

/// Leaves out facts and labels until the event is no longer than events are; false when it is, without any.
pub(super) fn shorten(event: &mut DecisionEvent) -> bool {
    loop {
        let mut over = length(event).saturating_sub(EVENT_MAX);
        if over == 0 {
            return true;
        }
        let mut parts = parts(event);
        if parts.is_empty() {
            return false;
        }
        parts.sort_unstable();
        while over > 0
            && let Some((bytes, part)) = parts.pop()
        {
            over = over.saturating_sub(bytes);
            leave_out(event, part);
        }
    }
}

/// What the event may be without, and how long each is as JSON.
fn parts(event: &DecisionEvent) -> Vec<(usize, Part)> {
    let facts = event.facts.as_ref().or(event.partial_facts.as_ref().map(|partial| &partial.facts));
    let facts = facts.into_iter().flat_map(|facts| &facts.0);
    let mut parts: Vec<_> = facts.map(|(name, value)| (length(value), Part::Fact(name.to_string()))).collect();
    if !event.resource.labels.is_empty() {
        parts.push((length(&event.resource.labels), Part::ResourceLabels));
    }
    if let Principal::Workload { labels, .. } = &event.principal
        && !labels.is_empty()
    {
        parts.push((length(labels), Part::PrincipalLabels));
    }
    parts
}

fn leave_out(event: &mut DecisionEvent, part: Part) {
    // Of part of what was decided on, nothing is decided again.
    if let Some(facts) = event.facts.take() {
        event.partial_facts = Some(PartialFacts { facts, missing: BTreeSet::new() });
    }
    let name = match part {
        Part::Fact(name) => name,
        Part::ResourceLabels => {
            event.resource.labels.clear();
            "resource.labels".to_owned()
        }
        Part::PrincipalLabels => {
            if let Principal::Workload { labels, .. } = &mut event.principal {
                labels.clear();
            }
            "principal.labels".to_owned()
        }
    };
    if let Some(partial) = &mut event.partial_facts {
        partial.facts.0.remove(name.as_str());
        partial.missing.insert(name);
    }
}

/// How long something is as JSON.
pub(super) fn length(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::event::{Draft, tests::draft};
    use std::collections::BTreeMap;
    use wharden_model::{BootId, HostId};

    fn numbered(draft: Draft) -> DecisionEvent {
        let host = HostId::new("h-0000000000000000").expect("id");
        let boot = BootId::new("0000000000000000").expect("id");
        draft.cut().number(host, boot, 1)
    }

    fn set(items: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        items.into_iter().collect()
    }

    fn asked(more: &[(&str, FactValue)]) -> Draft {
        let mut facts = Facts::default();
        facts.set("host_paths", set(["/etc".to_owned()]));
        facts.set("cap_add", set(["SYS_ADMIN".to_owned()]));
        facts.set("user", "root");
        for (name, value) in more {
            facts.set(name, value.clone());
        }
        Draft { facts: Some(facts), ..draft("alice") }
    }

    fn is_left(event: &DecisionEvent, missing: &[&str]) {
        let partial = event.partial_facts.as_ref().expect("kept");
        assert_eq!(event.facts, None, "nothing is replayed on a part");
        assert_eq!(partial.missing.iter().map(String::as_str).collect::<Vec<_>>(), missing);
        for name in ["host_paths", "cap_add", "user"] {
            assert!(partial.facts.get(name).is_some(), "{name}");
        }
        assert!(missing.iter().all(|name| partial.facts.get(name).is_none()));
        assert!(length(event) <= EVENT_MAX, "{}", length(event));
    }

    #[test]
    fn one_long_label_costs_no_other_fact() {
        let label = set([format!("a={}", "x".repeat(3000))]);
        is_left(&numbered(asked(&[("labels", label.into())])), &["labels"]);
        let event = numbered(asked(&[("command", "sleep 1".into())]));
        assert!(event.partial_facts.is_none());
        assert_eq!(event.facts.expect("whole").0.len(), 4);
    }

    #[test]
    fn what_is_largest_goes_first_until_the_event_fits() {
        let many = |n: usize| FactValue::from(set((0..n).map(|i| format!("{i:04}{}", "x".repeat(96)))));
        is_left(&numbered(asked(&[("labels", many(200)), ("env_names", many(60))])), &["labels"]);
        is_left(&numbered(asked(&[("labels", many(100)), ("env_names", many(90))])), &["labels"]);
        // Signs that JSON writes in six.
        let odd = FactValue::from(set((0..10).map(|i| format!("{i}{}", "\u{1}".repeat(500)))));
        is_left(&numbered(asked(&[("env_names", odd), ("command", "x".repeat(1000).into())])), &["env_names"]);
        is_left(&numbered(asked(&[("host_ports", (0..9000_i64).collect::<BTreeSet<_>>().into())])), &["host_ports"]);
    }

    #[test]
    fn labels_go_too_when_they_are_what_is_large() {
        let mut draft = asked(&[("command", "sleep 1".into())]);
        draft.resource.labels = (0..30).map(|i| (format!("{i}"), "x".repeat(1000))).collect();
        let event = numbered(draft);
        is_left(&event, &["resource.labels"]);
        assert_eq!(event.resource.labels, BTreeMap::new());
    }
}
