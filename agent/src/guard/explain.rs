use std::fmt::Write;
use wharden_model::{Action, Decision, Principal, Resource, ResourceKind};

/// Longest name shown in a refusal, in characters.
const SHOWN: usize = 128;

/// What a refused person reads: what was refused, by which rule, why, and what to do. Those who may do this
/// to no thing get the request back as they made it.
pub fn refusal(
    principal: &Principal,
    action: Action,
    on: Result<&Resource, &str>,
    decision: &Decision,
    host: &str,
    contact: &str,
) -> String {
    let on = match on {
        Ok(resource) => format!("on {}", thing(resource)),
        Err(request) => format!("({})", show(request)),
    };
    let mut text = format!("Wharden refused {action} {on} for {principal}: {}", decision.why());
    if let Some(cis) = decision.rules.first().map(|rule| &rule.cis).filter(|cis| !cis.is_empty()) {
        let _ = write!(text, " (CIS {cis})");
    }
    for also in decision.rules.iter().skip(1).take(4) {
        let reason = if also.reason.is_empty() { String::new() } else { format!(": {}", also.reason) };
        let _ = write!(text, "; also {}{reason}", also.id);
    }
    let what = match (&decision.errors[..], &decision.rules[..]) {
        ([], []) => format!("ask {contact} for a policy that permits {action} here"),
        ([], _) => format!("change the request so that the rule no longer applies, or ask {contact} for an exemption"),
        _ => format!("ask {contact}"),
    };
    let _ = write!(text, ". What to do: {what} (host {host}, policy revision {}).", decision.revision);
    text
}

fn thing(resource: &Resource) -> String {
    let kind = resource.kind.name().to_lowercase();
    match (resource.kind, resource.name.as_str(), resource.id.as_str()) {
        (ResourceKind::Engine, ..) => "the engine".to_owned(),
        (_, "", "new") if !resource.image.is_empty() => format!("a new {kind} of {}", show(&resource.image)),
        (_, "", "new") => format!("a new {kind}"),
        (_, "", id) => format!("{kind} {}", show(id)),
        (_, name, _) => format!("{kind} {}", show(name)),
    }
}

fn show(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::{Effect, decision::Rule};

    #[test]
    fn a_refusal_names_rule_reason_and_what_to_do() {
        let resource = Resource {
            kind: ResourceKind::Container,
            id: "new".into(),
            name: "web".into(),
            image: String::new(),
            owner: String::new(),
            labels: Default::default(),
        };
        let rule = Rule {
            id: "baseline/no-privileged".into(),
            reason: "privileged containers own the host".into(),
            severity: "high".into(),
            cis: "5.5".into(),
            ..Rule::default()
        };
        let mut decision =
            Decision { effect: Effect::Deny, rules: vec![rule], monitor: vec![], errors: vec![], revision: 7 };
        let bob = Principal::User { name: "bob".into() };
        assert_eq!(
            refusal(&bob, Action::ContainerCreate, Ok(&resource), &decision, "web-1", "sec@corp"),
            "Wharden refused container.create on container web for user bob: rule baseline/no-privileged forbids it: \
             privileged containers own the host (CIS 5.5). What to do: change the request so that the rule no longer \
             applies, or ask sec@corp for an exemption (host web-1, policy revision 7)."
        );
        let also = Rule { id: "site/no-web".into(), reason: "not here".into(), ..Rule::default() };
        decision.rules.extend([also, Rule { id: "site/2".into(), ..Rule::default() }]);
        let told = refusal(&bob, Action::ContainerCreate, Ok(&resource), &decision, "web-1", "sec@corp");
        assert!(told.contains("(CIS 5.5); also site/no-web: not here; also site/2. What to do"), "{told}");
        decision.rules.clear();
        assert_eq!(
            refusal(&bob, Action::ContainerCreate, Ok(&resource), &decision, "web-1", "sec@corp"),
            "Wharden refused container.create on container web for user bob: no policy permits it. What to do: ask \
             sec@corp for a policy that permits container.create here (host web-1, policy revision 7)."
        );
    }
}
