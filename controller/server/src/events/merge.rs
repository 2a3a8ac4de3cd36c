//! One page out of what several stores have for it. Pure.
//!
//! Every acknowledged event is in two stores. It stands at the same place in both, so that putting the parts into one order
//! brings the copies together. A page ends where the first of the stores does not know further: what comes before is all
//! there is.

use super::{
    order::Place,
    scan::{Part, Placed},
};
use std::collections::{BTreeMap, BTreeSet};

/// What the stores have together, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    pub events: Vec<Placed>,
    /// To go on from; nothing is missing up to here.
    pub reached: Place,
    /// There is more in the direction of the question.
    pub more: bool,
}

/// The first `limit` events after the place that was asked for.
pub fn following(parts: Vec<Part>, limit: usize) -> Merged {
    let bound = parts.iter().map(|part| part.reached).min().unwrap_or(Place::before(0));
    let goes_on = parts.iter().any(|part| part.more && part.reached == bound);
    let mut events = together(parts);
    events.retain(|(place, _)| *place <= bound);
    if events.len() > limit {
        events.truncate(limit);
        let reached = events.last().map_or(bound, |(place, _)| *place);
        return Merged { events, reached, more: true };
    }
    Merged { events, reached: bound, more: goes_on }
}

/// The newest `limit` events.
pub fn newest(parts: Vec<Part>, limit: usize) -> Merged {
    let bound = parts.iter().map(|part| part.reached).min().unwrap_or(Place::before(0));
    // Where a store has older ones that it did not tell, the page cannot begin earlier.
    let begin = parts.iter().filter(|part| part.more).filter_map(|part| part.events.first()).map(|(place, _)| *place);
    let begin = begin.max();
    let mut more = begin.is_some();
    let mut events = together(parts);
    events.retain(|(place, _)| *place < bound && begin.is_none_or(|begin| *place >= begin));
    if events.len() > limit {
        more = true;
        events.drain(..events.len() - limit);
    }
    Merged { events, reached: bound, more }
}

/// All parts in one order, each event once.
fn together(parts: Vec<Part>) -> Vec<Placed> {
    let all: BTreeMap<Place, _> = parts.into_iter().flat_map(|part| part.events).collect();
    // Two stamps of one event take two failures at the wrong moments; the first one counts.
    let mut seen = BTreeSet::new();
    all.into_iter().filter(|(place, _)| seen.insert((place.host, place.boot, place.seq))).collect()
}
