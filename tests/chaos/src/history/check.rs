//! Looks for an order that explains a history: linearizability (Herlihy and Wing 1990), by the search of Wing and Gong with
//! Lowe's memory of where it has been.

use super::{model::Held, record::Operation};
use std::{collections::HashSet, fmt};

/// No order explains what was heard.
#[derive(Debug)]
pub struct Unexplained {
    /// All that happened with the thing, in the order in which it was asked.
    pub operations: Vec<Operation>,
    /// The answer that does not fit to anything before it.
    pub first: Operation,
}

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no order explains: {}", self.first)?;
        self.operations.iter().try_for_each(|operation| writeln!(f, "    {operation}"))
    }
}

/// A question or its answer in the order in which they happened.
#[derive(Clone, Copy)]
enum Event {
    Asked(usize),
    Heard(usize),
}

/// Checks the history of one thing that began as `begin`.
///
/// # Errors
/// [`Unexplained`].
pub fn check(operations: &[Operation], begin: Held) -> Result<(), Box<Unexplained>> {
    let mut search = Search::new(operations);
    let mut held = begin;
    let mut been = HashSet::new();
    let mut taken: Vec<u64> = vec![0; operations.len().div_ceil(64)];
    let mut steps: Vec<(usize, usize, Held)> = Vec::new();
    let mut at = search.first();
    // The farthest answer that could not be explained.
    let mut stuck: Option<usize> = None;
    loop {
        // Nothing is left but what nobody ever heard of.
        let Some(place) = at else { return Ok(()) };
        match search.events[place] {
            Event::Asked(number) => {
                let (next, outcome) = held.then(operations[number].call);
                let fits = operations[number].heard.is_none_or(|(_, heard)| heard == outcome);
                flip(&mut taken, number);
                if fits && been.insert((taken.clone(), next)) {
                    steps.push((place, number, held));
                    held = next;
                    search.lift(place, number);
                    at = search.first();
                } else {
                    flip(&mut taken, number);
                    at = search.after(place);
                }
            }
            Event::Heard(number) => {
                stuck = stuck.max(Some(place));
                let Some((place, last, before)) = steps.pop() else {
                    let first = stuck.map_or(number, |place| search.events[place].number());
                    let (first, operations) = (operations[first].clone(), operations.to_vec());
                    return Err(Box::new(Unexplained { operations, first }));
                };
                held = before;
                flip(&mut taken, last);
                search.put_back(place, last);
                at = search.after(place);
            }
        }
    }
}

fn flip(bits: &mut [u64], at: usize) {
    bits[at / 64] ^= 1 << (at % 64);
}

impl Event {
    fn number(self) -> usize {
        match self {
            Self::Asked(number) | Self::Heard(number) => number,
        }
    }
}

/// The events that are left, as a list of places with an end before the first.
struct Search {
    events: Vec<Event>,
    /// Where the answer of each operation is; `None` when there is none.
    answers: Vec<Option<usize>>,
    /// One longer than the events: the last is the end.
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl Search {
    fn new(operations: &[Operation]) -> Self {
        let mut moments: Vec<(u64, Event)> = Vec::new();
        for (number, operation) in operations.iter().enumerate() {
            moments.push((operation.asked, Event::Asked(number)));
            if let Some((moment, _)) = operation.heard {
                moments.push((moment, Event::Heard(number)));
            }
        }
        moments.sort_by_key(|(moment, _)| *moment);
        let events: Vec<_> = moments.into_iter().map(|(_, event)| event).collect();
        let mut answers = vec![None; operations.len()];
        for (place, event) in events.iter().enumerate() {
            if let Event::Heard(number) = event {
                answers[*number] = Some(place);
            }
        }
        let ring = events.len() + 1;
        let next = (0..ring).map(|place| (place + 1) % ring).collect();
        let previous = (0..ring).map(|place| (place + ring - 1) % ring).collect();
        Self { events, answers, next, previous }
    }

    fn first(&self) -> Option<usize> {
        self.after(self.events.len())
    }

    /// The next event. None when no answer is left that must be explained: what was never heard of may never have happened.
    fn after(&self, place: usize) -> Option<usize> {
        let next = self.next[place];
        (next != self.events.len()).then_some(next)
    }

    fn lift(&mut self, place: usize, number: usize) {
        for place in [Some(place), self.answers[number]].into_iter().flatten() {
            let (before, after) = (self.previous[place], self.next[place]);
            self.next[before] = after;
            self.previous[after] = before;
        }
    }

    /// The reverse of [`Search::lift`], in the reverse order.
    fn put_back(&mut self, place: usize, number: usize) {
        for place in [self.answers[number], Some(place)].into_iter().flatten() {
            let (before, after) = (self.previous[place], self.next[place]);
            self.next[before] = place;
            self.previous[after] = place;
        }
    }
}

#[cfg(test)]
mod tests;
