//! What distinguishes one request from another.

use super::{Terms, free::is_held};
use std::collections::BTreeMap;
use wharden_model::{
    Action, DecisionEvent, FactValue, Facts, Principal, Resource, ResourceKind, api::Wildcard, decision::UNKNOWN_OWNER,
    facts,
};

/// A thing that may be different. In the order in which a rule says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Principal,
    Action,
    Host,
    Kind,
    Owner,
    Name,
    Image,
    Fact(String),
}

/// One value of a side, as Cedar text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    /// A literal, which the side is equal to.
    Is(String),
    /// A condition that stands by itself; true when nothing was asked for.
    Holds { text: String, unasked: bool },
}

/// All that distinguishes a request, each side with its one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape(pub BTreeMap<Side, Value>);

/// Values of facts that stand for nothing having been asked for, beside false, 0 and empty.
const UNASKED: &[(&str, &str)] = &[("network_mode", "default")];

impl Shape {
    /// `None` when not all facts of the event were kept, when a container asked, or when it was about what nobody knows whose it is: a rule for
    /// one such thing would be for all.
    pub fn of(event: &DecisionEvent, terms: &Terms) -> Option<Self> {
        if event.resource.owner == UNKNOWN_OWNER {
            return None;
        }
        let principal = match &event.principal {
            Principal::User { .. } | Principal::ServiceAccount { .. } => {
                format!("{}::{}", event.principal.entity_type(), quoted(event.principal.id()))
            }
            Principal::Workload { .. } => return None,
        };
        let facts = event.facts.clone()?.whole(event.action);
        let mut sides = BTreeMap::from([
            (Side::Principal, Value::Is(principal)),
            (Side::Action, Value::Is(format!("Docker::Action::{}", quoted(event.action.name())))),
            (Side::Kind, Value::Is(format!("Docker::{}", event.resource.kind.name()))),
        ]);
        if let Some(host) = place(event, terms) {
            sides.insert(Side::Host, Value::Is(host));
        }
        for spec in facts::specs(event.action).filter(|spec| is_held(event.action, spec.name, terms)) {
            if let Some(value) = facts.get(spec.name) {
                sides.insert(Side::Fact(spec.name.to_owned()), fact(spec.name, value));
            }
        }
        let is_plain = sides.iter().all(|(side, value)| !matches!(side, Side::Fact(_)) || value.is_unasked(side));
        let is_listed = is_plain && event.action == event.resource.kind.inspection();
        if !(is_listed && terms.wildcards.contains(&Wildcard::Listed)) {
            thing(event, terms, &mut sides);
        }
        Some(Self(sides))
    }

    /// What a list shows, if that was asked to be left open.
    pub fn listed(event: &DecisionEvent, terms: &Terms) -> Vec<Self> {
        let kinds = if terms.wildcards.contains(&Wildcard::Listed) { event.action.shows() } else { &[] };
        let of = |kind: &ResourceKind| {
            let resource = Resource { kind: *kind, ..event.resource.clone() };
            let facts = Some(Facts::default());
            Self::of(&DecisionEvent { action: kind.inspection(), resource, facts, ..event.clone() }, terms)
        };
        kinds.iter().filter_map(of).collect()
    }
}

fn place(event: &DecisionEvent, terms: &Terms) -> Option<String> {
    match (&terms.group, terms.wildcards.contains(&Wildcard::Host)) {
        (_, false) => Some(format!("Host::{}", quoted(event.host_id.as_str()))),
        (Some(group), true) => Some(format!("HostGroup::{}", quoted(group))),
        (None, true) => None,
    }
}

/// Things of these kinds belong to somebody.
fn is_owned(kind: ResourceKind) -> bool {
    matches!(kind, ResourceKind::Container | ResourceKind::Exec)
}

fn thing(event: &DecisionEvent, terms: &Terms, sides: &mut BTreeMap<Side, Value>) {
    let resource = &event.resource;
    let holds = |text: String| Value::Holds { text, unasked: false };
    if is_owned(resource.kind) && event.action != Action::ContainerCreate {
        let owner = if resource.owner.is_empty() {
            "!(resource has owner)".to_owned()
        } else if resource.owner == event.principal.as_owner() {
            "resource has owner && principal in resource.owner".to_owned()
        } else {
            format!("resource has owner && resource.owner == User::{}", quoted(&resource.owner))
        };
        sides.insert(Side::Owner, holds(owner));
    }
    let is_named = match resource.kind {
        ResourceKind::Engine | ResourceKind::Image => false,
        kind => !(is_owned(kind) && terms.wildcards.contains(&Wildcard::ContainerName)),
    };
    if is_named && resource.name.is_empty() && event.action != Action::ContainerCreate {
        let id = format!("resource == Docker::{}::{}", resource.kind.name(), quoted(&resource.id));
        sides.insert(Side::Name, holds(id));
    } else if is_named {
        sides.insert(Side::Name, Value::Is(quoted(&resource.name)));
    }
    if is_owned(resource.kind) || resource.kind == ResourceKind::Image {
        sides.insert(Side::Image, image(&resource.image, terms));
    }
}

/// An image by its reference, `registry/repository:tag`, `registry/repository@digest`, or an id.
fn image(reference: &str, terms: &Terms) -> Value {
    let any_tag = terms.wildcards.contains(&Wildcard::ImageTag);
    let any_repository = terms.wildcards.contains(&Wildcard::ImageRepository);
    let exact = || Value::Is(quoted(reference));
    if !(any_tag || any_repository) || reference.starts_with("sha256:") || reference.is_empty() {
        return exact();
    }
    let registry = reference.split_once('/').map_or("", |(first, _)| first);
    let is_registry = registry.contains(['.', ':']) || registry == "localhost";
    let like = |prefix: &str| format!("resource.image like {}", pattern(prefix));
    let text = if any_repository && is_registry {
        like(&format!("{registry}/"))
    } else {
        let repository = repository(reference);
        let tagged = like(&format!("{repository}:"));
        // `app:1` may not mean `app:5000/x`, which is of a registry.
        let tagged = match repository.contains('/') {
            true => tagged,
            false => format!(
                "({tagged} && !(resource.image like {}))",
                pattern(&format!("{repository}:*/")).replace("\\*/", "*/")
            ),
        };
        format!("resource.image == {} || {tagged} || {}", quoted(repository), like(&format!("{repository}@")))
    };
    Value::Holds { text, unasked: false }
}

fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or("");
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

fn fact(name: &str, value: &FactValue) -> Value {
    let holds = |text: String, unasked| Value::Holds { text, unasked };
    match value {
        FactValue::Bool(true) => holds(format!("context.{name}"), false),
        FactValue::Bool(false) => holds(format!("!context.{name}"), true),
        FactValue::Long(value) => Value::Is(value.to_string()),
        FactValue::String(value) => Value::Is(quoted(value)),
        FactValue::Set(set) if set.is_empty() => holds(format!("context.{name}.isEmpty()"), true),
        FactValue::LongSet(set) if set.is_empty() => holds(format!("context.{name}.isEmpty()"), true),
        FactValue::Set(set) => {
            let items: Vec<_> = set.iter().map(|item| quoted(item)).collect();
            holds(format!("context.{name} == [{}]", items.join(", ")), false)
        }
        FactValue::LongSet(set) => {
            let items: Vec<_> = set.iter().map(ToString::to_string).collect();
            holds(format!("context.{name} == [{}]", items.join(", ")), false)
        }
    }
}

impl Value {
    /// True when it says that nothing was asked for.
    pub fn is_unasked(&self, side: &Side) -> bool {
        match (self, side) {
            (Self::Holds { unasked, .. }, _) => *unasked,
            (Self::Is(text), Side::Fact(name)) => {
                text == "\"\"" || text == "0" || UNASKED.iter().any(|(n, v)| n == name && *text == quoted(v))
            }
            _ => false,
        }
    }
}

/// A Cedar string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            other => out.push_str(&format!("\\u{{{:x}}}", u32::from(other))),
        }
    }
    out.push('"');
    out
}

/// A Cedar pattern of all that begins so.
fn pattern(prefix: &str) -> String {
    let literal = quoted(prefix).replace('*', "\\*");
    format!("{}*\"", literal.trim_end_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn texts_from_elsewhere_stay_texts() {
        assert_eq!(quoted("a\"b\\c\nä\u{202e}"), "\"a\\\"b\\\\c\\n\\u{e4}\\u{202e}\"");
        assert_eq!(pattern("a*b/"), "\"a\\*b/*\"");
        for text in ["a\"); permit(principal, action, resource); //", "\\", "*\u{0}\u{7f}\u{e000}"] {
            let rule = format!("permit(principal, action, resource) when {{ resource.name == {} }};", quoted(text));
            assert!(
                crate::validate(&rule).is_ok_and(|parsed| parsed.rules.len() == 1) || rule.contains("resource.name")
            );
            let expected = format!("{:?}", cedar_policy::PolicySet::from_str(&rule).map(|set| set.policies().count()));
            assert_eq!(expected, "Ok(1)", "{rule}");
        }
    }

    /// What the baseline forbids, a suggestion must not open: each fact that it reads is held, or follows from one.
    #[test]
    fn every_fact_that_the_baseline_looks_at_is_held() {
        let follow = [
            "engine_socket",
            "sensitive_paths",
            "root_user",
            "user_by_name",
            "seccomp",
            "apparmor",
            "label_disabled",
            "selinux_label",
            "checkpoint",
            "no_new_privileges",
            "replaceable_paths",
            "unreachable_paths",
            "runs_as_owner",
            "volume_paths",
            "file_systems",
            "foreign_volumes",
            "foreign_namespaces",
            "routing_sysctls",
        ];
        let pack = crate::packs().iter().find(|pack| pack.name == "baseline").expect("the pack");
        let policy = wharden_model::BundlePolicy {
            name: "baseline".parse().expect("valid"),
            mode: wharden_model::Mode::Enforce,
            text: pack.text.to_owned(),
        };
        let (rules, terms) = (crate::source::read(&policy).expect("valid"), Terms::default());
        let mut checked = 0;
        for action in Action::ALL {
            let about = rules.iter().filter(|rule| rule.heads.actions.iter().any(|key| key.covers(*action)));
            for fact in about.flat_map(|rule| &rule.reads.facts) {
                assert!(is_held(*action, fact, &terms) || follow.contains(&fact.as_str()), "{action} {fact}");
                checked += 1;
            }
        }
        assert!(checked > 20, "{checked}");
    }

    #[test]
    fn repositories_end_before_the_tag() {
        for (reference, expected) in [
            ("docker.io/library/nginx:1.27", "docker.io/library/nginx"),
            ("localhost:5000/app", "localhost:5000/app"),
            ("r/app@sha256:00", "r/app"),
            ("r/app:1@sha256:00", "r/app"),
            ("nginx", "nginx"),
        ] {
            assert_eq!(repository(reference), expected);
        }
    }
}
