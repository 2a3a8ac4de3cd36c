//! Requests that differ from one that was seen in one thing: what a suggestion must refuse.

use super::{Terms, free::is_held};
use wharden_model::{Action, DecisionEvent, FactValue, HostId, Principal, ResourceKind, api::Wildcard, facts};

/// A request near one that was seen.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// What is different, for messages.
    pub what: String,
    /// The event as it would be.
    pub event: DecisionEvent,
    /// It is on a host without labels that nobody has seen.
    pub elsewhere: bool,
}

const ELSEWHERE: &str = "h-ffffffffffffffff";
const OTHER_IMAGE: &str = "other.invalid/other:other";

pub(super) fn neighbours(event: &DecisionEvent, terms: &Terms) -> Vec<Neighbour> {
    let mut all = Vec::new();
    let mut add = |what: &str, change: &dyn Fn(&mut DecisionEvent)| {
        let mut event = event.clone();
        change(&mut event);
        all.push(Neighbour { what: what.to_owned(), event, elsewhere: false });
    };
    add("another user", &|event| match &mut event.principal {
        Principal::User { name } | Principal::ServiceAccount { name } => name.push_str("-other"),
        Principal::Workload { .. } => {}
    });
    let kind = event.resource.kind;
    let is_container = matches!(kind, ResourceKind::Container | ResourceKind::Exec);
    if is_container || kind == ResourceKind::Image {
        add("another image", &|event| event.resource.image = OTHER_IMAGE.to_owned());
    }
    let any_name = is_container && terms.wildcards.contains(&Wildcard::ContainerName);
    if !any_name && !matches!(kind, ResourceKind::Engine | ResourceKind::Image) {
        add("another name", &|event| {
            event.resource.name.push_str("-other");
            event.resource.id.push_str("-other");
        });
    }
    if is_container && event.action != Action::ContainerCreate {
        add("another owner", &|event| event.resource.owner.push_str("-other"));
    }
    let whole = event.facts.clone().unwrap_or_default().whole(event.action);
    for spec in facts::specs(event.action).filter(|spec| is_held(event.action, spec.name, terms)) {
        add(spec.name, &|event| {
            let mut facts = whole.clone();
            if let Some(value) = facts.0.get_mut(spec.name) {
                *value = other(value);
            }
            event.facts = Some(facts);
        });
    }
    if let Ok(host) = HostId::new(ELSEWHERE)
        && (terms.group.is_some() || !terms.wildcards.contains(&Wildcard::Host))
        && event.host_id != host
    {
        let mut event = event.clone();
        event.host_id = host;
        all.push(Neighbour { what: "another host".to_owned(), event, elsewhere: true });
    }
    all
}

fn other(value: &FactValue) -> FactValue {
    match value {
        FactValue::Bool(value) => (!value).into(),
        FactValue::Long(value) => value.wrapping_add(1).into(),
        FactValue::String(value) => format!("{value}-other").into(),
        FactValue::Set(set) => {
            set.iter().cloned().chain(["other".to_owned()]).collect::<std::collections::BTreeSet<_>>().into()
        }
        FactValue::LongSet(set) => {
            let mut set = set.clone();
            if !set.remove(&1) {
                set.insert(1);
            }
            set.into()
        }
    }
}
