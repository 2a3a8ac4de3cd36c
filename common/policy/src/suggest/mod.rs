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

use crate::limits::POLICY_TEXT_ROOM;
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
        "what was done needs {rules} rules, more than one policy may hold: ask for a wildcard ({}), one host, or a shorter time",
        Wildcard::ALL.map(Wildcard::as_str).join(", ")
    )]
    TooMuch {
        /// Rules that it would be.
        rules: usize,
    },
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
    let mut seen: BTreeMap<Shape, Seen> = BTreeMap::new();
    let mut scripts = Scripts::default();
    for event in events.into_iter().filter(|event| !is_open(event.action)) {
        let Some(shape) = Shape::of(event, terms).filter(|shape| scripts.are_plain(shape)) else { continue };
        for (shape, times) in Shape::listed(event, terms).into_iter().map(|shape| (shape, 0)).chain([(shape, 1)]) {
            let entry = seen.entry(shape).or_default();
            entry.times += times;
            entry.last = entry.last.max(event.at);
        }
    }
    let shapes = seen.keys().cloned().collect();
    let merged = merge::merge(seen);
    let rules = merged.len();
    let text = write::document(&merged);
    if rules > crate::limits::RULES_MAX || text.len() > POLICY_TEXT_ROOM {
        return Err(SuggestError::TooMuch { rules });
    }
    Ok(Suggested { text, rules, terms: terms.clone(), shapes })
}

impl Suggested {
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
