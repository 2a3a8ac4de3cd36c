//! The least set of rules that allows what was done, and not more.
//!
//! Every event has a shape: the values of all that distinguishes it (host, action, thing, owner, the facts that give
//! power). The rules permit exactly the shapes that were seen: two become one rule only when they differ in one value,
//! so that nothing comes in between. What an admin asks to be left open, a wildcard, is left out of the shape, and
//! nothing else is.

mod free;
mod merge;
mod neighbour;
mod script;
mod shape;
mod write;

use crate::limits::{POLICY_TEXT_ROOM, RULES_MAX};
pub use neighbour::Neighbour;
use script::Scripts;
pub(crate) use shape::Shape;
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{Action, DecisionEvent, Timestamp, api::Wildcard};

/// What the rules may leave open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The things that are left open.
    pub wildcards: BTreeSet<Wildcard>,
    /// The host group, `key=value`, on which rules hold in place of every host.
    pub group: Option<String>,
}

/// A text, and what it was made from.
#[derive(Debug)]
pub struct Suggested {
    /// Cedar text; empty when there was nothing to permit.
    pub text: String,
    /// Rules in it.
    pub rules: usize,
    terms: Terms,
    shapes: BTreeSet<Shape>,
}

/// Why there is no suggestion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuggestError {
    /// What was done does not fit into one document.
    #[error(
        "what was done needs {rules} rules of {bytes} bytes together, and one policy holds {RULES_MAX} of {POLICY_TEXT_ROOM} bytes: {}",
        ways(others)
    )]
    TooMuch {
        /// Rules that it would be.
        rules: usize,
        /// Bytes of their text.
        bytes: usize,
        /// What would fit: one wildcard more or less, and the rules that it would be.
        others: Vec<(Change, usize)>,
    },
}

/// One wildcard more than was asked for, or one less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    With(Wildcard),
    Without(Wildcard),
}

fn ways(others: &[(Change, usize)]) -> String {
    let way = |(change, rules): &(Change, usize)| {
        let (word, wildcard) = match change {
            Change::With(wildcard) => ("with", wildcard),
            Change::Without(wildcard) => ("without", wildcard),
        };
        format!("{word} the wildcard {} it is {rules}", wildcard.as_str())
    };
    match others {
        [] => "no other wildcard alone makes it fit; take one host, a shorter time, or several wildcards".to_owned(),
        others => {
            format!("{}; or take one host, or a shorter time", others.iter().map(way).collect::<Vec<_>>().join(", "))
        }
    }
}

/// How often and when something was last done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    times: u64,
    last: Timestamp,
}

/// True for what everybody may do without a rule.
#[must_use]
pub fn is_open(action: Action) -> bool {
    matches!(action, Action::SystemPing | Action::SystemVersion)
}

/// Rules for these events. Left out are those without all of their facts, those that need no rule, and those in which is a text that no
/// policy may hold, because it mixes scripts or turns the direction of writing around; [`Suggested::covers`] tells.
///
/// # Errors
/// [`SuggestError`].
pub fn suggest<'a>(
    events: impl IntoIterator<Item = &'a DecisionEvent>,
    terms: &Terms,
) -> Result<Suggested, SuggestError> {
    let events: Vec<_> = events.into_iter().collect();
    let made = written(&events, terms);
    if made.fits() {
        return Ok(made);
    }
    let others = Wildcard::ALL.into_iter().filter_map(|wildcard| {
        let mut other = terms.clone();
        let change = if other.wildcards.remove(&wildcard) {
            Change::Without(wildcard)
        } else {
            other.wildcards.insert(wildcard);
            Change::With(wildcard)
        };
        let made = written(&events, &other);
        made.fits().then_some((change, made.rules))
    });
    Err(SuggestError::TooMuch { rules: made.rules, bytes: made.text.len(), others: others.collect() })
}

fn written(events: &[&DecisionEvent], terms: &Terms) -> Suggested {
    let mut seen: BTreeMap<Shape, Seen> = BTreeMap::new();
    let mut scripts = Scripts::default();
    for event in events.iter().filter(|event| !is_open(event.action)) {
        let Some(shape) = Shape::of(event, terms).filter(|shape| scripts.are_plain(shape)) else { continue };
        for (shape, times) in Shape::listed(event, terms).into_iter().map(|shape| (shape, 0)).chain([(shape, 1)]) {
            let entry = seen.entry(shape).or_default();
            entry.times += times;
            entry.last = entry.last.max(event.at);
        }
    }
    let shapes = seen.keys().cloned().collect();
    let merged = merge::merge(seen);
    Suggested { text: write::document(&merged), rules: merged.len(), terms: terms.clone(), shapes }
}

impl Suggested {
    fn fits(&self) -> bool {
        self.rules <= RULES_MAX && self.text.len() <= POLICY_TEXT_ROOM
    }

    /// True when the rules were made from this event among others.
    pub fn covers(&self, event: &DecisionEvent) -> bool {
        Shape::of(event, &self.terms).is_some_and(|shape| self.shapes.contains(&shape))
    }

    /// Requests that differ from this event in one thing, and that were not seen: the rules must refuse each.
    pub fn neighbours(&self, event: &DecisionEvent) -> Vec<Neighbour> {
        let mut all = neighbour::neighbours(event, &self.terms);
        all.retain(|near| {
            let shape = Shape::of(&near.event, &self.terms);
            near.elsewhere || shape.is_some_and(|shape| !self.shapes.contains(&shape))
        });
        all
    }
}
