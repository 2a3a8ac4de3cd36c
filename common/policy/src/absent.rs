//! Groups that a text names and that are not there. A rule may be written before its group is made, so that this is no fault; but
//! a slip in the name of one would keep a rule from ever saying anything.

use crate::{document::issue, limits::ISSUES_MAX, nearest::nearest, rule::RuleInfo};
use std::collections::BTreeSet;
use wharden_model::api::ValidationIssue;

/// A warning for each group of `absent`, at its first place in a valid text, 50 at most. What may have been meant is one of `groups`.
pub fn absent(text: &str, rules: &[RuleInfo], absent: &BTreeSet<&str>, groups: &[&str]) -> Vec<ValidationIssue> {
    let mut told = BTreeSet::new();
    let named = rules.iter().flat_map(|rule| rule.groups.iter().map(move |name| (rule, name.as_str())));
    let absent = named.filter(|(_, name)| absent.contains(name) && told.insert(*name));
    let warning = |(rule, name): (&RuleInfo, &str)| {
        let literal = format!("Group::{name:?}");
        let is_whole = |text: &str, at: usize| !text.get(..at).unwrap_or_default().ends_with("Host");
        let rule_text = text.get(rule.span.clone()).unwrap_or_default();
        let written = rule_text.match_indices(&literal).map(|(at, _)| at).find(|at| is_whole(rule_text, *at));
        let help = match nearest(name, groups.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("until it is made (wharden group create {name}), nobody is in it"),
        };
        issue(text, rule.span.start + written.unwrap_or_default(), &rule.id, format!("there is no group {name}"), &help)
    };
    absent.take(ISSUES_MAX).map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate;

    #[test]
    fn each_group_that_is_not_there_is_told_once_where_it_stands() {
        let text = "@id(\"a\")\npermit(principal in Group::\"opss\", action, resource in HostGroup::\"env=opss\");\n\
                    @id(\"b\")\nforbid(principal, action, resource)\n  when { principal in Group::\"opss\" || principal in Group::\"build\" }\n  \
                    unless { principal in Group::\"web\" };";
        let parsed = validate(text).unwrap_or_else(|issues| panic!("{issues:?}"));
        let warnings = absent(text, &parsed.rules, &BTreeSet::from(["opss", "build"]), &["ops", "web"]);
        let shown: Vec<_> =
            warnings.iter().map(|w| (w.line, w.column, &*w.rule, &*w.message, w.help.contains("mean ops?"))).collect();
        assert_eq!(
            shown,
            [(2, 21, "a", "there is no group opss", true), (5, 53, "b", "there is no group build", false)]
        );
        assert!(absent(text, &parsed.rules, &BTreeSet::new(), &[]).is_empty());
        let again = validate(text).unwrap_or_else(|issues| panic!("{issues:?}"));
        assert_eq!(again.rules, parsed.rules, "of a text that is remembered too");
    }
}
