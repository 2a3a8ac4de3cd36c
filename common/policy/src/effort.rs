//! What it takes to validate a text. Cedar checks each rule against each kind of request that there can be (who, which action,
//! on what), some hundreds for a rule about any action, and each time looks at the whole rule.

use crate::{
    document::{Document, issue},
    limits::EFFORT_MAX,
    rule::RuleInfo,
    schema::{requests, requests_without_actions},
    text::words,
};
use cedar_policy::{ActionConstraint, EntityUid, Policy};
use wharden_model::{Action, AdminAction, api::ValidationIssue};

/// True when a rule is about any action and looks neither at which it is nor at its context, so that one action shows as much
/// as all of them.
pub(crate) fn is_blind_to_actions(text: &str, rule: &RuleInfo, policy: &Policy) -> bool {
    let own = text.get(rule.span.clone()).unwrap_or("");
    // Its head has the word once.
    matches!(policy.action_constraint(), ActionConstraint::Any)
        && words(own).all(|word| !matches!(word, "context" | "Action"))
        && words(own).filter(|word| *word == "action").count() == 1
}

/// The work of a text, in units of [`EFFORT_MAX`].
pub(crate) fn of(text: &str, document: &Document) -> usize {
    document.rules.iter().map(|(rule, policy)| of_rule(text, rule, policy)).sum()
}

fn of_rule(text: &str, rule: &RuleInfo, policy: &Policy) -> usize {
    let checks = match policy.action_constraint() {
        ActionConstraint::Any if is_blind_to_actions(text, rule, policy) => requests_without_actions(),
        ActionConstraint::Any => requests(Action::ALL, AdminAction::ALL),
        ActionConstraint::Eq(uid) => requests_of(&uid),
        ActionConstraint::In(uids) => uids.iter().map(requests_of).sum(),
    };
    words(text.get(rule.span.clone()).unwrap_or("")).count() * checks
}

/// Kinds of request about one action, or about those of a group.
fn requests_of(uid: &EntityUid) -> usize {
    let name = uid.id().unescaped();
    let in_group = |group: Option<&str>| group == Some(name);
    let docker = Action::ALL.iter().filter(|action| action.name() == name || in_group(action.group().name()));
    let admin = AdminAction::ALL.iter().filter(|action| action.name() == name || in_group(Some(action.group().name())));
    match uid.type_name().namespace().as_str() {
        "Docker" => requests(docker, []),
        _ => requests([], admin),
    }
}

/// What is wrong with a text that would take too much work to validate.
pub(crate) fn fault(text: &str, document: &Document, work: usize) -> Option<ValidationIssue> {
    if work <= EFFORT_MAX {
        return None;
    }
    let (rule, _) = document.rules.iter().max_by_key(|(rule, policy)| of_rule(text, rule, policy))?;
    let message = format!(
        "to check the rules takes {} times the work that one document may take; this rule takes most",
        work.div_ceil(EFFORT_MAX)
    );
    let help = "name actions in the heads of long rules, use lists and groups in place of `||`, or split the document";
    Some(issue(text, rule.span.start, &rule.id, message, help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::RULES_MAX;

    fn work(text: &str) -> usize {
        of(text, &Document::read(text).unwrap_or_else(|issues| panic!("{issues:?}")))
    }

    #[test]
    fn a_rule_counts_by_its_length_and_by_what_it_is_about() {
        let rule = |action: &str| format!("permit (principal, {action}, resource) when {{ context has privileged }};");
        let one = work(&rule("action == Docker::Action::\"container.create\""));
        assert_eq!(one, 3 * words(&rule("action == Docker::Action::\"container.create\"")).count());
        assert!(work(&rule("action in Docker::Action::\"run\"")) > 3 * one);
        assert!(work(&rule("action in [Docker::Action::\"run\", Wharden::Action::\"read\"]")) > 4 * one);
        let (blind, seeing) = ("permit (principal, action, resource);", rule("action"));
        assert!(work(&seeing) > 10 * work(blind));
    }

    #[test]
    fn packs_and_long_documents_have_room_and_the_dearest_have_none() {
        for pack in crate::packs() {
            assert!(work(pack.text) * 4 < EFFORT_MAX, "{}: {}", pack.name, work(pack.text));
        }
        let plain = "@id(\"r\") permit (principal in Group::\"g\", action in [Docker::Action::\"container.create\", \
                     Docker::Action::\"container.start\"], resource in HostGroup::\"env=prod\") when { !context.nothing };";
        let each = words(plain).count() * 6;
        assert!(each * RULES_MAX < EFFORT_MAX, "{each}");
        let dear = "forbid (principal, action, resource) unless { context has privileged && true };\n".repeat(50);
        assert!(fault(&dear, &Document::read(&dear).expect("read"), work(&dear)).is_none());
        let names = "principal == User::\"a\" || ".repeat(40);
        let dear =
            format!("forbid (principal, action, resource) unless {{ {names} context has privileged }};\n").repeat(40);
        let found = fault(&dear, &Document::read(&dear).expect("read"), work(&dear)).expect("too much");
        assert!(found.message.contains("times the work") && found.help.contains("split"), "{found:?}");
        assert!(crate::validate(&dear).is_err_and(|issues| issues == [found]));
    }
}
