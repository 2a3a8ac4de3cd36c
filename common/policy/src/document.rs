//! One text, read: its rules as Cedar policies beside what they say of themselves.

use crate::{
    limits::{ANNOTATION_MAX, RULE_ID_MAX},
    nearest::nearest,
    rule::RuleInfo,
    text::{self, position},
    uid::types,
};
use cedar_policy::{Policy, PolicyId, PolicySet};
use miette::Diagnostic;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wharden_model::{Effect, api::ValidationIssue, limits::POLICY_TEXT_MAX};

/// The annotations that mean something here. Others are kept in the text and ignored.
const KNOWN_ANNOTATIONS: [&str; 6] = ["id", "reason", "severity", "cis", "hide", "mend"];
/// What a guard can add to a request.
const MENDS: [&str; 1] = [wharden_model::decision::NO_NEW_PRIVILEGES];

/// What `@severity` may say, from the least to the worst.
pub(crate) const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// A text that could be read, its rules in the order of the text.
pub(crate) struct Document {
    pub rules: Vec<(RuleInfo, Policy)>,
}

impl Document {
    /// Reads a text without looking at the schema.
    pub fn read(text: &str) -> Result<Self, Vec<ValidationIssue>> {
        if text.len() > POLICY_TEXT_MAX {
            let message = format!("the text has {} bytes, more than {POLICY_TEXT_MAX}", text.len());
            return Err(vec![issue(text, 0, "", message, "split it into several documents")]);
        }
        let spans = text::rules(text).map_err(|(at, e)| vec![issue(text, at, "", e.to_string(), "")])?;
        let set: PolicySet = text.parse().map_err(|e| parse_issues(text, &e))?;
        let mut issues = Vec::new();
        let mut rules = Vec::new();
        for (number, span) in spans.into_iter().enumerate() {
            // Cedar names the rules of a text by their order.
            let id = PolicyId::new(format!("policy{number}"));
            match set.policy(&id) {
                Some(policy) => {
                    let info = info(text, number, span, policy, &mut issues);
                    rules.push((info, policy.clone()));
                }
                None => issues.push(issue(
                    text,
                    span.start,
                    &(number + 1).to_string(),
                    "a rule with a slot (?principal, ?resource) is a template, and templates are not supported".into(),
                    "name the principal and the resource, or use a group",
                )),
            }
        }
        let unread = set.num_of_policies() + set.num_of_templates() != rules.len();
        if unread && issues.is_empty() {
            issues.push(issue(text, 0, "", "the rules of the text could not be told apart".into(), ""));
        }
        duplicates(text, &rules, &mut issues);
        if issues.is_empty() { Ok(Self { rules }) } else { Err(issues) }
    }
}

fn groups(policy: &Policy) -> BTreeSet<String> {
    let named = policy.entity_literals().into_iter().filter(|uid| *uid.type_name() == types().group);
    named.map(|uid| uid.id().unescaped().to_owned()).collect()
}

fn info(text: &str, number: usize, span: Range<usize>, policy: &Policy, issues: &mut Vec<ValidationIssue>) -> RuleInfo {
    let get = |key: &str| policy.annotation(key).unwrap_or("").to_owned();
    let id = if policy.annotation("id").is_some() { get("id") } else { (number + 1).to_string() };
    let mut fault = |message: String, help: &str| issues.push(issue(text, span.start, &id, message, help));
    if !is_rule_id(&id) {
        fault(format!("@id({id:?}) is not 1 to {RULE_ID_MAX} of A-Z a-z 0-9 _ . -"), "");
    }
    for key in ["reason", "severity", "cis"] {
        let value = get(key);
        if value.len() > ANNOTATION_MAX {
            fault(format!("@{key} has {} bytes, more than {ANNOTATION_MAX}", value.len()), "");
        }
        if value.chars().any(char::is_control) {
            fault(format!("@{key} contains control characters"), "write it on one line");
        }
    }
    let severity = get("severity");
    if !severity.is_empty() && !SEVERITIES.contains(&severity.as_str()) {
        fault(format!("@severity({severity:?}) is not one of {}", SEVERITIES.join(", ")), "");
    }
    if policy.annotation("hide").is_some() && policy.effect() == cedar_policy::Effect::Permit {
        fault("@hide on a permit".to_owned(), "only a forbid hides: take @hide away, or write forbid");
    }
    if let Some(mend) = policy.annotation("mend") {
        if policy.effect() == cedar_policy::Effect::Permit {
            fault("@mend on a permit".to_owned(), "only a forbid is mended: take @mend away, or write forbid");
        }
        if !MENDS.contains(&mend) {
            fault(format!("@mend({mend:?}) is not one of {}", MENDS.join(", ")), "");
        }
    }
    for (key, _) in policy.annotations() {
        if let Some(meant) = nearest(key, KNOWN_ANNOTATIONS).filter(|meant| *meant != key) {
            fault(format!("the annotation @{key} is not known"), &format!("did you mean @{meant}?"));
        }
    }
    RuleInfo {
        groups: groups(policy),
        id: id.clone(),
        named: policy.annotation("id").is_some(),
        effect: match policy.effect() {
            cedar_policy::Effect::Permit => Effect::Allow,
            cedar_policy::Effect::Forbid => Effect::Deny,
        },
        reason: get("reason"),
        severity,
        cis: get("cis"),
        hides: policy.annotation("hide").is_some(),
        mends: get("mend"),
        span,
    }
}

fn is_rule_id(id: &str) -> bool {
    (1..=RULE_ID_MAX).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Two rules of one name could not be told apart in a decision.
fn duplicates(text: &str, rules: &[(RuleInfo, Policy)], issues: &mut Vec<ValidationIssue>) {
    let mut seen = BTreeMap::new();
    for (info, _) in rules {
        if let Some(line) = seen.insert(info.id.as_str(), position(text, info.span.start).0) {
            let message = format!("the id {:?} is also that of the rule in line {line}", info.id);
            issues.push(issue(text, info.span.start, &info.id, message, "give each rule its own @id"));
        }
    }
}

/// The faults that kept Cedar from reading a text.
fn parse_issues(text: &str, errors: &cedar_policy::ParseErrors) -> Vec<ValidationIssue> {
    errors
        .iter()
        .map(|error| {
            let (at, label) = place(error).unwrap_or((0, String::new()));
            let help = error.help().map(|help| help.to_string()).unwrap_or(label);
            issue(text, at, "", error.to_string(), &help)
        })
        .collect()
}

/// Where a diagnostic points to, and what it says there.
pub(crate) fn place(diagnostic: &dyn Diagnostic) -> Option<(usize, String)> {
    let label = diagnostic.labels()?.next()?;
    Some((label.offset(), label.label().unwrap_or("").to_owned()))
}

/// One issue at a byte of the text.
pub(crate) fn issue(text: &str, at: usize, rule: &str, message: String, help: &str) -> ValidationIssue {
    let (line, column) = position(text, at);
    ValidationIssue { line, column, rule: rule.to_owned(), message, help: help.to_owned() }
}
