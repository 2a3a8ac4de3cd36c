//! How a decision and what could be done about it look, for `policy test` and `event explain`.

use crate::output::{Cell, Tone};
use std::collections::BTreeSet;
use wharden_model::{
    Decision, Effect, FactValue, Facts, PartialFacts,
    api::{Advice, Remedy},
    decision::Rule,
};

/// Fields of a card.
pub type Fields<'a> = Vec<(&'a str, Cell)>;

/// The answer of the policies in one word.
pub fn effect(effect: Effect) -> Cell {
    match effect {
        Effect::Allow => Cell::toned("allow", Tone::Good),
        Effect::Deny => Cell::toned("deny", Tone::Bad),
    }
}

/// What made a decision.
pub fn reasons(decision: &Decision, fields: &mut Fields<'_>) {
    rules("Rule", &decision.rules, fields);
    if decision.rules.is_empty() {
        let text = match decision.effect {
            Effect::Allow => "none".to_owned(),
            Effect::Deny => decision.why(),
        };
        fields.push(("Rule", Cell::toned(text, Tone::Dim)));
    }
    rules("Monitor", &decision.monitor, fields);
    fields.extend(decision.errors.iter().map(|error| ("Error", Cell::toned(error, Tone::Bad))));
}

fn rules<'a>(title: &'a str, rules: &[Rule], fields: &mut Fields<'a>) {
    fields.extend(rules.iter().map(|rule| (title, Cell::new(rule_text(rule)))));
}

/// One rule with what it says of itself.
pub fn rule_text(rule: &Rule) -> String {
    let mut text = rule.id.clone();
    for part in [&rule.severity, &rule.reason] {
        if !part.is_empty() {
            text.push_str(&format!(": {part}"));
        }
    }
    if !rule.cis.is_empty() {
        text.push_str(&format!(" (CIS {})", rule.cis));
    }
    text
}

/// What could be done about a decision.
pub fn advice(advice: &Advice, decision: &Decision, fields: &mut Fields<'_>) {
    match &advice.remedy {
        Remedy::NotNeeded | Remedy::Unknown => {}
        Remedy::Change { changes, smallest } => {
            fields.extend(changes.iter().map(|change| ("Would do", Cell::toned(&change.how, Tone::Good))));
            if !smallest {
                fields.push(("", Cell::toned("perhaps fewer changes would do; there were too many to try", Tone::Dim)));
            }
        }
        Remedy::None { exhaustive } => {
            let text = match (*exhaustive, decision.rules.is_empty()) {
                (true, true) => "no change of the request alone",
                (true, false) => "no change of the request alone: what is above forbids it, whatever permits it",
                (false, _) => "no change of the request was found; there were too many to try",
            };
            fields.push(("Would do", Cell::toned(text, Tone::Careful)));
        }
    }
    for near in &advice.near {
        fields.push(("Near", Cell::new(format!("rule {} permits this, but:", near.rule.id))));
        for miss in &near.misses {
            let why = if miss.error.is_empty() { String::new() } else { format!(" ({})", miss.error) };
            let verb = match miss.part {
                wharden_model::api::MissPart::Unless => "excludes",
                _ => "wants",
            };
            fields.push(("", Cell::new(format!("  {} {verb} {}{why}", miss.part.as_str(), miss.text))));
        }
    }
}

/// Facts that are not as if nothing had been asked for, one a line.
pub fn facts(facts: &Facts, fields: &mut Fields<'_>) {
    for (nth, (name, value)) in facts.sparse().0.iter().enumerate() {
        let title = if nth == 0 { "Facts" } else { "" };
        fields.push((title, Cell::new(format!("{name} = {}", value_text(value)))));
    }
}

/// The same of facts of which some were too long to keep; those are named.
pub fn partial_facts(partial: &PartialFacts, fields: &mut Fields<'_>) {
    let before = fields.len();
    facts(&partial.facts, fields);
    for name in &partial.missing {
        let title = if fields.len() == before { "Facts" } else { "" };
        fields.push((title, Cell::toned(format!("{name}: not kept, too long"), Tone::Dim)));
    }
}

fn value_text(value: &FactValue) -> String {
    match value {
        FactValue::Bool(value) => value.to_string(),
        FactValue::Long(value) => value.to_string(),
        FactValue::String(value) => format!("{value:?}"),
        FactValue::Set(set) => list(set),
        FactValue::LongSet(set) => list(set),
    }
}

fn list<T: std::fmt::Debug>(items: &BTreeSet<T>) -> String {
    format!("{:?}", items.iter().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_told_as_policies_write_them() {
        let mut asked = Facts::zero(wharden_model::Action::ContainerCreate);
        asked.set("privileged", true);
        asked.set("cap_add", BTreeSet::from(["A".to_owned(), "B".to_owned()]));
        asked.set("devices", BTreeSet::from(["\u{1b}[0m{a}".to_owned()]));
        asked.set("host_ports", BTreeSet::from([80_i64, 443]));
        let mut fields = Vec::new();
        facts(&asked, &mut fields);
        let told: Vec<_> = fields.iter().map(|(title, cell)| (*title, cell.text.as_str())).collect();
        let expected = [
            ("Facts", "cap_add = [\"A\", \"B\"]"),
            ("", "devices = [\"\\u{1b}[0m{a}\"]"),
            ("", "host_ports = [80, 443]"),
            ("", "privileged = true"),
        ];
        assert_eq!(told, expected);

        let mut partial = PartialFacts { missing: BTreeSet::from(["labels".to_owned()]), ..PartialFacts::default() };
        let told = |partial: &PartialFacts| {
            let mut fields = Vec::new();
            partial_facts(partial, &mut fields);
            fields.iter().map(|(title, cell)| format!("{title}|{}", cell.text)).collect::<Vec<_>>()
        };
        assert_eq!(told(&partial), ["Facts|labels: not kept, too long"]);
        partial.facts.set("user", "root");
        assert_eq!(told(&partial), ["Facts|user = \"root\"", "|labels: not kept, too long"]);
    }
}
