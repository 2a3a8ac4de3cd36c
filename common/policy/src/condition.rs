//! What the facts of a request, the labels and owner of its resource and the memberships of its principal say about a
//! rule's condition, without Cedar.
//!
//! This is part of the index, not a second evaluator: it answers only where the answer is certain and Cedar would
//! come to it without an error. Everything else is left to Cedar. The comparison with the unindexed authorizer in
//! `tests/oracle.rs` holds it to that.

use crate::{
    fact::{FactId, FactView},
    head::{self, ActionKey, PrincipalHead, PrincipalKind},
    lever::Literals,
    number::{Number, Order},
};
use std::collections::BTreeSet;
use wharden_model::{Action, FactValue, Resource};

/// What is known of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Yes,
    No,
    /// Cedar will say yes or no, and not fail.
    Open,
    /// Cedar may say yes or no, or fail.
    Unsafe,
}

/// A condition as far as it can be answered here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Const(bool),
    /// Not to be answered here; `true` when it can not fail either.
    Opaque(bool),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    If(Box<Condition>, Box<Condition>, Box<Condition>),
    /// The principal is one of these.
    Principal(Vec<PrincipalHead>),
    /// The principal is a user, and disabled.
    Disabled,
    /// The host is this one.
    Host(String),
    /// The action is one of these.
    Action(Vec<ActionKey>),
    /// The fact is there.
    Has(FactId),
    /// The resource has the label.
    HasLabel(String),
    /// The resource has an owner.
    HasOwner,
    /// The owner of the resource is one of these.
    Owner(Vec<PrincipalHead>),
    /// The owner of the resource is the principal, `resource.owner == principal`: only users are owners.
    Owned,
    /// The same, or the owner stands for the principal, a service account: `principal in resource.owner`.
    Made,
    /// What something must be like.
    Test(Subject, Test),
    /// How two numbers must stand to each other.
    Compare(Number, Order, Number),
}

/// What is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Fact(FactId),
    /// The name of the resource.
    Name,
    /// The image of the resource.
    Image,
    /// A label of the resource.
    Label(String),
}

/// A test of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// A yes-or-no fact is yes.
    True,
    /// A number or text is one of these.
    OneOf(Values),
    Less(i64),
    LessEq(i64),
    Greater(i64),
    GreaterEq(i64),
    /// A text is these parts with anything between them.
    Like(Vec<String>),
    /// A set is empty.
    Empty,
    /// A set has one of these in it.
    ContainsAny(Values),
    /// A set has all of these in it.
    ContainsAll(Values),
    /// A set has nothing else in it.
    Within(Values),
}

/// Values of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    Longs(BTreeSet<i64>),
    Strings(BTreeSet<String>),
}

/// What conditions may look at.
pub(crate) struct Known<'a> {
    pub facts: &'a FactView<'a>,
    pub kind: PrincipalKind,
    pub name: &'a str,
    pub groups: &'a [String],
    pub disabled: bool,
    pub host: &'a str,
    pub action: Action,
    pub resource: &'a Resource,
    /// Of the resource's owner.
    pub owner_groups: &'a dyn Fn() -> &'a [String],
}

impl Condition {
    pub fn verdict(&self, known: &Known<'_>) -> Verdict {
        match self {
            Self::Const(value) => certain(*value),
            Self::Opaque(true) => Verdict::Open,
            Self::Opaque(false) => Verdict::Unsafe,
            Self::Not(inner) => inner.verdict(known).not(),
            Self::And(left, right) => left.verdict(known).and(|| right.verdict(known)),
            Self::Or(left, right) => left.verdict(known).not().and(|| right.verdict(known).not()).not(),
            Self::If(test, then, other) => match test.verdict(known) {
                Verdict::Yes => then.verdict(known),
                Verdict::No => other.verdict(known),
                Verdict::Open => then.verdict(known).either(other.verdict(known)),
                Verdict::Unsafe => Verdict::Unsafe,
            },
            Self::Principal(heads) => certain(heads.iter().any(|head| known.is(head))),
            Self::Disabled if known.kind == PrincipalKind::User => certain(known.disabled),
            Self::Disabled => Verdict::Unsafe,
            Self::Host(id) => certain(known.host == id),
            Self::Action(keys) => certain(keys.iter().any(|key| key.covers(known.action))),
            Self::Has(id) => certain(known.facts.get(*id).is_some()),
            Self::HasLabel(key) => certain(known.resource.labels.contains_key(key)),
            Self::HasOwner => certain(!known.resource.owner.is_empty()),
            // To read an owner that is not there fails.
            Self::Owner(_) | Self::Owned | Self::Made if known.resource.owner.is_empty() => Verdict::Unsafe,
            Self::Owner(heads) => certain(heads.iter().any(|head| known.owner_is(head))),
            Self::Owned => certain(known.kind == PrincipalKind::User && known.name == known.resource.owner),
            Self::Made => certain(known.made()),
            Self::Test(subject, test) => known.test(subject, test).map_or(Verdict::Unsafe, certain),
            Self::Compare(left, order, right) => match (left.value(known.facts), right.value(known.facts)) {
                (Some(left), Some(right)) => certain(order.holds(left, right)),
                _ => Verdict::Unsafe,
            },
        }
    }
}

impl Condition {
    /// What it says of whom, which action and which host, where nothing is known of the thing or of the facts. `or_fails`: what may
    /// fail is told from what may not.
    pub fn of_whom(&self, or_fails: bool) -> Self {
        let part = |inner: &Self| Box::new(inner.of_whom(or_fails));
        match self {
            Self::Not(inner) => Self::Not(part(inner)),
            Self::And(left, right) => Self::And(part(left), part(right)),
            Self::Or(left, right) => Self::Or(part(left), part(right)),
            Self::If(test, then, other) => Self::If(part(test), part(then), part(other)),
            Self::Const(_) | Self::Principal(_) | Self::Disabled | Self::Host(_) | Self::Action(_) => self.clone(),
            Self::Opaque(false) | Self::Compare(..) => Self::Opaque(!or_fails),
            // A valid text reads nothing of these before it has asked whether it is there.
            Self::Opaque(true)
            | Self::Has(_)
            | Self::HasLabel(_)
            | Self::HasOwner
            | Self::Owner(_)
            | Self::Owned
            | Self::Made
            | Self::Test(..) => Self::Opaque(true),
        }
    }
}

impl Condition {
    /// Adds the values that a fact is compared with.
    pub fn literals(&self, fact: FactId, found: &mut Literals) {
        match self {
            Self::Not(inner) => inner.literals(fact, found),
            Self::And(left, right) | Self::Or(left, right) => {
                left.literals(fact, found);
                right.literals(fact, found);
            }
            Self::If(test, then, other) => [test, then, other].into_iter().for_each(|c| c.literals(fact, found)),
            Self::Test(Subject::Fact(id), test) if *id == fact => match test {
                Test::Less(v) | Test::LessEq(v) | Test::Greater(v) | Test::GreaterEq(v) => drop(found.longs.insert(*v)),
                Test::OneOf(v) | Test::ContainsAny(v) | Test::ContainsAll(v) | Test::Within(v) => match v {
                    Values::Longs(longs) => found.longs.extend(longs),
                    Values::Strings(strings) => found.strings.extend(strings.iter().cloned()),
                },
                Test::True | Test::Like(_) | Test::Empty => {}
            },
            _ => {}
        }
    }
}

impl Known<'_> {
    fn is(&self, head: &PrincipalHead) -> bool {
        head.covers(self.kind, self.name, || self.groups)
    }

    fn made(&self) -> bool {
        match self.kind {
            PrincipalKind::User => self.name == self.resource.owner,
            PrincipalKind::ServiceAccount => head::service_account(&self.resource.owner) == Some(self.name),
            PrincipalKind::Workload => false,
        }
    }

    fn owner_is(&self, head: &PrincipalHead) -> bool {
        head.covers(PrincipalKind::User, &self.resource.owner, self.owner_groups)
    }

    /// `None` when the subject is not there or not of the type that the test is for.
    fn test(&self, subject: &Subject, test: &Test) -> Option<bool> {
        match subject {
            Subject::Fact(id) => test.holds(self.facts.get(*id)?),
            Subject::Name => test.holds_text(&self.resource.name),
            Subject::Image => test.holds_text(&self.resource.image),
            Subject::Label(key) => test.holds_text(self.resource.labels.get(key)?),
        }
    }
}

const fn certain(value: bool) -> Verdict {
    if value { Verdict::Yes } else { Verdict::No }
}

impl Verdict {
    const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            other => other,
        }
    }

    /// Cedar evaluates from the left and stops at the first `false`.
    fn and(self, right: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => right(),
            Self::Open => match right() {
                Self::No => Self::No,
                Self::Unsafe => Self::Unsafe,
                Self::Yes | Self::Open => Self::Open,
            },
            Self::No | Self::Unsafe => self,
        }
    }

    /// One of two, not known which.
    fn either(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unsafe, _) | (_, Self::Unsafe) => Self::Unsafe,
            (a, b) if a == b => a,
            _ => Self::Open,
        }
    }
}

impl Test {
    /// `None` when the value is not of the type that the test is for.
    fn holds(&self, value: &FactValue) -> Option<bool> {
        Some(match (self, value) {
            (Self::True, FactValue::Bool(value)) => *value,
            (Self::OneOf(Values::Longs(values)), FactValue::Long(value)) => values.contains(value),
            (Self::Less(bound), FactValue::Long(value)) => value < bound,
            (Self::LessEq(bound), FactValue::Long(value)) => value <= bound,
            (Self::Greater(bound), FactValue::Long(value)) => value > bound,
            (Self::GreaterEq(bound), FactValue::Long(value)) => value >= bound,
            (_, FactValue::String(value)) => self.holds_text(value)?,
            (Self::Empty, FactValue::Set(set)) => set.is_empty(),
            (Self::Empty, FactValue::LongSet(set)) => set.is_empty(),
            (Self::ContainsAny(values), set) => sets(set, values, |a, b| !a.is_disjoint(b), |a, b| !a.is_disjoint(b))?,
            (Self::ContainsAll(values), set) => sets(set, values, BTreeSet::is_superset, BTreeSet::is_superset)?,
            (Self::Within(values), set) => sets(set, values, BTreeSet::is_subset, BTreeSet::is_subset)?,
            _ => return None,
        })
    }
}

impl Test {
    fn holds_text(&self, value: &str) -> Option<bool> {
        match self {
            Self::OneOf(Values::Strings(values)) => Some(values.contains(value)),
            Self::Like(parts) => Some(like(parts, value)),
            _ => None,
        }
    }
}

fn sets(
    set: &FactValue,
    values: &Values,
    longs: impl FnOnce(&BTreeSet<i64>, &BTreeSet<i64>) -> bool,
    strings: impl FnOnce(&BTreeSet<String>, &BTreeSet<String>) -> bool,
) -> Option<bool> {
    match (set, values) {
        (FactValue::LongSet(set), Values::Longs(values)) => Some(longs(set, values)),
        (FactValue::Set(set), Values::Strings(values)) => Some(strings(set, values)),
        // An empty set has no type; one read from JSON may be of the other.
        (FactValue::LongSet(set), Values::Strings(values)) if set.is_empty() => Some(strings(&BTreeSet::new(), values)),
        (FactValue::Set(set), Values::Longs(values)) if set.is_empty() => Some(longs(&BTreeSet::new(), values)),
        _ => None,
    }
}

/// Cedar's `like`: between the parts of the pattern may be any characters, also none.
fn like(parts: &[String], text: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    let Some((last, middle)) = rest.split_last() else { return text == first };
    let Some(mut text) = text.strip_prefix(first.as_str()).and_then(|text| text.strip_suffix(last.as_str())) else {
        return false;
    };
    for part in middle {
        match text.find(part.as_str()) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_as_in_cedar() {
        let pattern = |s: &str| s.split('*').map(str::to_owned).collect::<Vec<_>>();
        for (p, text, expected) in [
            ("docker.io/*", "docker.io/library/nginx", true),
            ("docker.io/*", "quay.io/x", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*.*", "a", false),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("*a*a*", "a", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(like(&pattern(p), text), expected, "{p} {text}");
        }
    }

    #[test]
    fn unknown_parts_never_hide_an_error() {
        use Verdict::{No, Open, Unsafe, Yes};
        assert_eq!(Yes.and(|| Open), Open);
        assert_eq!(No.and(|| Unsafe), No);
        assert_eq!(Open.and(|| No), No);
        assert_eq!(Open.and(|| Unsafe), Unsafe);
        assert_eq!(Unsafe.and(|| No), Unsafe);
        assert_eq!(Open.either(Unsafe), Unsafe);
        assert_eq!(Yes.either(No), Open);
    }
}
