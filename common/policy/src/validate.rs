//! Strict validation of a text: a typo is an issue with line and column, never a rule that silently does nothing.

use crate::{
    document::{Document, issue, place},
    effort,
    limits::ISSUES_MAX,
    nearest::nearest,
    rule::{Parsed, RuleInfo},
    schema::{validator, validator_without_actions},
    source,
};
use cedar_policy::{Policy, PolicySet, ValidationError, ValidationMode, Validator};
use miette::Diagnostic;
use std::collections::BTreeSet;
use wharden_model::{Action, ActionGroup, AdminAction, action::AdminGroup, api::ValidationIssue};

/// Checks a text that somebody writes: its limits, syntax, ids, and every name and type in it against the schema. A valid
/// one is remembered, so that who compiles it next does not check it again.
///
/// # Errors
/// The faults that were found, in the order of the text, 50 at most.
pub fn validate(text: &str) -> Result<Parsed, Vec<ValidationIssue>> {
    if let Some(known) = source::known(text) {
        return Ok(Parsed { rules: known.iter().map(|rule| rule.info.clone()).collect(), effort: 0 });
    }
    let document = Document::read(text).map_err(tidy)?;
    // Only here: what is stored was within the limit of the build that took it.
    let effort = effort::of(text, &document);
    if let Some(fault) = effort::fault(text, &document, effort) {
        return Err(vec![fault]);
    }
    let document = checked(text, document)?;
    let rules = document.rules.iter().map(|(info, _)| info.clone()).collect();
    source::remember(text, document);
    Ok(Parsed { rules, effort })
}

/// Checks a text that is stored, and keeps the rules.
pub(crate) fn read(text: &str) -> Result<Document, Vec<ValidationIssue>> {
    checked(text, Document::read(text).map_err(tidy)?)
}

fn checked(text: &str, document: Document) -> Result<Document, Vec<ValidationIssue>> {
    let issues = check(text, &document);
    if issues.is_empty() { Ok(document) } else { Err(tidy(issues)) }
}

/// In the order of the text, each once, not too many.
fn tidy(mut issues: Vec<ValidationIssue>) -> Vec<ValidationIssue> {
    issues.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    issues.dedup();
    let mut issues: Vec<_> = issues.chunk_by(says_the_same).map(merged).collect();
    issues.truncate(ISSUES_MAX);
    issues
}

/// What a fault says is missing, and where: each action that a rule may be about is tried by itself.
fn missing(issue: &ValidationIssue) -> Option<(&str, &str)> {
    let said = issue.message.strip_prefix("attribute ")?.strip_suffix(" not found")?;
    let (attribute, action) = said.split_once(" in context for ")?;
    Some((attribute, action))
}

fn says_the_same(a: &ValidationIssue, b: &ValidationIssue) -> bool {
    let place = |issue: &ValidationIssue| (issue.line, issue.column);
    let attribute = |issue| missing(issue).map(|(attribute, _)| attribute);
    place(a) == place(b) && attribute(a).is_some() && attribute(a) == attribute(b)
}

/// One fault for what is missing in several actions.
fn merged(same: &[ValidationIssue]) -> ValidationIssue {
    const NAMED: usize = 3;
    let mut one = same.first().cloned().unwrap_or_default();
    if let (Some((attribute, _)), 2..) = (missing(&one), same.len()) {
        let actions: Vec<_> = same.iter().filter_map(missing).map(|(_, action)| action).collect();
        let named = actions.get(..NAMED.min(actions.len())).unwrap_or_default().join(", ");
        let more = match actions.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("attribute {attribute} is not in the context of {named}{more}");
        if one.help.is_empty() || same.iter().any(|other| other.help != one.help) {
            "name in the head of the rule the actions that it is about, e.g. action == Docker::Action::\"container.create\""
                .clone_into(&mut one.help);
        }
        one.message = message;
    }
    one
}

fn check(text: &str, document: &Document) -> Vec<ValidationIssue> {
    let (blind, seeing): (Vec<_>, Vec<_>) =
        document.rules.iter().partition(|(rule, policy)| effort::is_blind_to_actions(text, rule, policy));
    let mut issues = with(validator_without_actions(), text, document, blind);
    issues.extend(with(validator(), text, document, seeing));
    issues
}

fn with(
    validator: &Validator,
    text: &str,
    document: &Document,
    rules: Vec<&(RuleInfo, Policy)>,
) -> Vec<ValidationIssue> {
    let set = match PolicySet::from_policies(rules.into_iter().map(|(_, policy)| policy.clone())) {
        Ok(set) => set,
        Err(error) => return vec![issue(text, 0, "", error.to_string(), "")],
    };
    let result = validator.validate(&set, ValidationMode::Strict);
    let mut faulty = BTreeSet::new();
    let mut issues = Vec::new();
    for error in result.validation_errors() {
        let (index, rule) = rule_of(document, error.policy_id().as_ref());
        faulty.insert(index);
        let help = suggestion(error).or_else(|| error.help().map(|help| help.to_string())).unwrap_or_default();
        issues.push(at_rule(text, rule, error, &help));
    }
    for warning in result.validation_warnings() {
        let (index, rule) = rule_of(document, warning.policy_id().as_ref());
        // After an error in the same rule, "impossible" only says that again.
        if !faulty.contains(&index) {
            let help = warning.help().map(|help| help.to_string()).unwrap_or_default();
            issues.push(at_rule(text, rule, warning, &help));
        }
    }
    issues
}

/// Cedar names the rules of a text `policy0`, `policy1` and so on.
fn rule_of<'a>(document: &'a Document, id: &str) -> (usize, Option<&'a RuleInfo>) {
    let index = id.strip_prefix("policy").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    (index, document.rules.get(index).map(|(info, _)| info))
}

fn at_rule(text: &str, rule: Option<&RuleInfo>, diagnostic: &dyn Diagnostic, help: &str) -> ValidationIssue {
    let start = rule.map_or(0, |rule| rule.span.start);
    let (at, _) = place(diagnostic).unwrap_or((start, String::new()));
    let id = rule.map_or("", |rule| rule.id.as_str());
    issue(text, at, id, plain(&diagnostic.to_string()), &plain(help))
}

/// Without Cedar's own numbering of rules, which nobody wrote.
fn plain(message: &str) -> String {
    let rest = message.strip_prefix("for policy `policy").and_then(|rest| rest.split_once("`, "));
    match rest {
        Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => rest.to_owned(),
        _ => message.to_owned(),
    }
}

/// For actions Cedar compares whole names, in which the namespace outweighs the verb.
fn suggestion(error: &ValidationError) -> Option<String> {
    let ValidationError::UnrecognizedActionId(_) = error else { return None };
    let message = error.to_string();
    let (namespace, rest) = message.split_once("unrecognized action `")?.1.split_once("::Action::\"")?;
    let name = rest.strip_suffix("\"`")?;
    let docker = || Action::ALL.iter().map(|a| a.name()).chain(ActionGroup::NAMED.iter().filter_map(|g| g.name()));
    let wharden = || AdminAction::ALL.iter().map(|a| a.name()).chain(AdminGroup::ALL.iter().map(|g| g.name()));
    let (own, other, other_name): (Vec<_>, Vec<_>, _) = match namespace {
        "Wharden" => (wharden().collect(), docker().collect(), "Docker"),
        _ => (docker().collect(), wharden().collect(), "Wharden"),
    };
    if other.contains(&name) {
        return Some(format!("did you mean `{other_name}::Action::\"{name}\"`?"));
    }
    nearest(name, own).map(|meant| format!("did you mean `{namespace}::Action::\"{meant}\"`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issues(text: &str) -> Vec<ValidationIssue> {
        validate(text).expect_err("invalid")
    }

    #[test]
    fn a_valid_text_gives_its_rules() {
        let text = "// who\n@id(\"a\") @reason(\"because\") @severity(\"high\") @cis(\"5.5\")\n\
                    forbid(principal, action, resource);\npermit(principal is User, action, resource);";
        let rules = validate(text).expect("valid").rules;
        assert_eq!((rules[0].id.as_str(), rules[1].id.as_str()), ("a", "2"));
        assert_eq!((rules[0].reason.as_str(), rules[0].cis.as_str()), ("because", "5.5"));
        assert!(text[rules[1].span.clone()].starts_with("permit("));
    }

    /// What one action for all says of a rule that looks at none is what all of them say.
    #[test]
    fn rules_that_look_at_no_action_are_judged_as_against_every_action() {
        let mut texts: Vec<String> = [
            "principal, action, resource",
            "principal == User::\"a\", action, resource in HostGroup::\"env=prod\"",
            "principal in Group::\"g\", action, resource is Docker::Container",
            "principal == Group::\"g\", action, resource",
            "principal is Workload, action, resource is Wharden::Policy",
            "principal is ServiceAccount, action, resource is User",
            "principal, action, resource is Host",
            "principal, action, resource == Wharden::Cluster::\"c\"",
            "principal == Usr::\"a\", action, resource",
        ]
        .into_iter()
        .flat_map(|head| {
            [
                "true",
                "resource.name == \"x\"",
                "resource.nam == \"x\"",
                "principal.disabled",
                "principal has disabled && principal.disabled",
                "resource has owner && resource.owner == principal",
                "resource.owner == principal",
                "resource.hasTag(\"a\")",
                "principal in [Group::\"a\", Group::\"b\"] || resource is Docker::Image",
                "principal.name + 1 == 2",
                "Group::\"a\" == principal",
            ]
            .map(|condition| format!("@id(\"r\") forbid ({head}) when {{ {condition} }};"))
        })
        .collect();
        texts.extend(crate::packs().iter().map(|pack| pack.text.to_owned()));
        let mut faulty = 0;
        for text in &texts {
            let document = Document::read(text).unwrap_or_else(|issues| panic!("{text}: {issues:?}"));
            let blind: Vec<_> = document
                .rules
                .iter()
                .filter(|(rule, policy)| effort::is_blind_to_actions(text, rule, policy))
                .collect();
            let thin = tidy(with(validator_without_actions(), text, &document, blind.clone()));
            assert_eq!(thin, tidy(with(validator(), text, &document, blind)), "{text}");
            faulty += usize::from(!thin.is_empty());
        }
        assert!(faulty > 20 && faulty < texts.len() - 10, "{faulty} of {}", texts.len());
    }

    #[test]
    fn faults_have_line_column_rule_and_help() {
        let text = "@id(\"ok\")\npermit(principal, action, resource);\n\n@id(\"täg\")\nforbid(principal, \
                    action == Docker::Action::\"container.creat\", resource);\n";
        assert!(issues(text)[0].message.contains("@id"), "{:?}", issues(text));
        let text = text.replace("täg", "tag").replace("principal, action ==", "/* */ principal, action ==");
        let text = text.replace("/* */ ", "");
        let found = issues(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].line, found[0].column, found[0].rule.as_str()), (5, 29, "tag"));
        assert_eq!(found[0].help, "did you mean `Docker::Action::\"container.create\"`?");
    }

    #[test]
    fn what_many_actions_lack_is_said_once() {
        let found = issues("permit(principal, action, resource)\nwhen { context.privileged || context.nothing };");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].message.starts_with("attribute `privileged` is not in the context of Docker::Action::"));
        assert!(found[0].message.ends_with(" more") && found[0].message.len() < 250, "{}", found[0].message);
        assert!(found[0].help.contains("container.create"), "{}", found[0].help);
        assert!(found[1].message.starts_with("attribute `nothing`"), "{}", found[1].message);
        let two = "permit(principal, action in [Docker::Action::\"container.start\", Docker::Action::\"image.tag\"], resource)\n\
                   when { context.privilegd };";
        let found = issues(two);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].message.contains("\"container.start\", Docker::Action::\"image.tag\""),
            "{}",
            found[0].message
        );
    }

    #[test]
    fn columns_count_characters() {
        let text = "permit(principal, action == Docker::Action::\"container.create\", resource)\n\
                    when { context.name == \"äöü\" && context.privilegd };";
        let found = issues(text);
        assert_eq!((found[0].line, found[0].column, found[0].rule.as_str()), (2, 33, "1"));
        assert_eq!(found[0].help, "did you mean `privileged`?");
        assert!(found[0].message.starts_with("attribute `privilegd`"), "{}", found[0].message);
    }

    #[test]
    fn what_can_never_apply_is_a_fault() {
        let found = issues("permit(principal == Group::\"x\", action, resource);");
        assert!(found.iter().any(|issue| issue.message.contains("impossible")), "{found:?}");
        let found = issues("permit(principal, action == Docker::Action::\"policy.update\", resource);");
        assert_eq!(found[0].help, "did you mean `Wharden::Action::\"policy.update\"`?");
    }

    #[test]
    fn the_ways_to_write_nonsense_are_refused() {
        for (text, part) in [
            ("permit(principal == ?principal, action, resource);", "template"),
            (
                "@id(\"a\") permit(principal, action, resource); @id(\"a\") forbid(principal, action, resource);",
                "line 1",
            ),
            ("@id(\"2\") permit(principal, action, resource); forbid(principal, action, resource);", "line 1"),
            ("@id(\"a/b\") permit(principal, action, resource);", "1 to 64"),
            ("@raeson(\"a\") permit(principal, action, resource);", "@raeson"),
            ("@severity(\"bad\") permit(principal, action, resource);", "low, medium"),
            ("permit(principal, action, resource)", ""),
            ("permit(principal, action, resource) when { 1 };", ""),
            ("permit(principal, action, resource) when { resource.owner == principal };", "owner"),
            ("permit(principal, action, resource) when { context.nothing };", "nothing"),
            ("pemit(principal, action, resource);", "pemit"),
        ] {
            let found = issues(text);
            let all: Vec<_> = found.iter().map(|i| format!("{} {}", i.message, i.help)).collect();
            assert!(all.iter().any(|message| message.contains(part)), "{text}: {all:?}");
        }
        assert!(validate("").is_ok(), "an empty document has no rules and no faults");
    }

    #[test]
    fn texts_over_the_limits_are_refused() {
        assert!(issues(&"/".repeat(wharden_model::limits::POLICY_TEXT_MAX + 1))[0].message.contains("bytes"));
        let deep = format!("permit(principal, action, resource) when {{ {}true }};", "(".repeat(20_000));
        assert!(issues(&deep)[0].message.contains("nest"), "{:?}", issues(&deep));
    }
}
