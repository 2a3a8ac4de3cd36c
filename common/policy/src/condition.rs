//! What the facts of a request and the memberships of its principal say about a rule's condition, without Cedar.
//!
//! This is part of the index, not a second evaluator: it answers only where the answer is certain and Cedar would
//! come to it without an error. Everything else is left to Cedar. The comparison with the unindexed authorizer in
//! `tests/oracle.rs` holds it to that.

use crate::{
    fact::{FactId, FactView},
    head::{PrincipalHead, PrincipalKind},
};
use std::collections::BTreeSet;
use wharden_model::FactValue;

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
    /// The fact is there.
    Has(FactId),
    /// What the fact must be like.
    Fact(FactId, Test),
}

/// A test of one fact.
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
    /// A text matches a pattern; `None` is the wildcard.
    Like(Vec<Option<char>>),
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
            Self::Has(id) => certain(known.facts.get(*id).is_some()),
            Self::Fact(id, test) => {
                known.facts.get(*id).and_then(|value| test.holds(value)).map_or(Verdict::Unsafe, certain)
            }
        }
    }
}

impl Known<'_> {
    pub fn is(&self, head: &PrincipalHead) -> bool {
        match head {
            PrincipalHead::Any => true,
            PrincipalHead::Kind(kind) => *kind == self.kind,
            PrincipalHead::Named(kind, name) => *kind == self.kind && name == self.name,
            PrincipalHead::Member(group) => self.groups.iter().any(|g| g == group),
            PrincipalHead::Never => false,
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
            (Self::OneOf(Values::Strings(values)), FactValue::String(value)) => values.contains(value),
            (Self::Less(bound), FactValue::Long(value)) => value < bound,
            (Self::LessEq(bound), FactValue::Long(value)) => value <= bound,
            (Self::Greater(bound), FactValue::Long(value)) => value > bound,
            (Self::GreaterEq(bound), FactValue::Long(value)) => value >= bound,
            (Self::Like(pattern), FactValue::String(value)) => like(pattern, value),
            (Self::Empty, FactValue::Set(set)) => set.is_empty(),
            (Self::Empty, FactValue::LongSet(set)) => set.is_empty(),
            (Self::ContainsAny(values), set) => sets(set, values, |a, b| !a.is_disjoint(b), |a, b| !a.is_disjoint(b))?,
            (Self::ContainsAll(values), set) => sets(set, values, BTreeSet::is_superset, BTreeSet::is_superset)?,
            (Self::Within(values), set) => sets(set, values, BTreeSet::is_subset, BTreeSet::is_subset)?,
            _ => return None,
        })
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

/// Cedar's `like`: a wildcard stands for any characters, also none. Linear but for the last wildcard.
fn like(pattern: &[Option<char>], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(None) => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(Some(c)) if *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p.min(pattern.len())..].iter().all(Option::is_none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_as_in_cedar() {
        let pattern = |s: &str| s.chars().map(|c| (c != '*').then_some(c)).collect::<Vec<_>>();
        for (p, text, expected) in [
            ("docker.io/*", "docker.io/library/nginx", true),
            ("docker.io/*", "quay.io/x", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*.*", "a", false),
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
