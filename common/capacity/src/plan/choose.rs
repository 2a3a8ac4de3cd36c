//! Which containers leave a host: as few as possible, and of those as small as possible.
//!
//! A covering problem: take containers until every excess is covered. First the number: `k` of them can only do when, for
//! every resource, the `k` that use most of it cover its excess. Then, for the least such `k`, a depth-first search for the
//! cheapest set of `k`, cut off where what is left cannot cover or cannot be cheaper (branch and bound; A. Land and A. Doig,
//! 1960). The search is bounded; where its bound is reached, the best set so far is taken, or a greedy one without
//! superfluous members.

use crate::limits::CHOICE_STEPS;

/// One resource each, as [`wharden_model::capacity::Resource::ALL`].
pub(crate) type Vector = [u64; 5];

/// What a container brings when it leaves, and what that costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub relief: Vector,
    pub bytes: u64,
}

/// The part of `excess` that `relief` covers, in millionths, summed over the resources.
fn coverage(relief: &Vector, excess: &Vector) -> u64 {
    let part = |(have, want): (&u64, &u64)| {
        u128::from(*have.min(want)).saturating_mul(1_000_000).checked_div(u128::from(*want)).unwrap_or(0) as u64
    };
    relief.iter().zip(excess).map(part).sum()
}

fn less(excess: &Vector, relief: &Vector) -> Vector {
    std::array::from_fn(|r| excess[r].saturating_sub(relief[r]))
}

fn is_covered(excess: &Vector) -> bool {
    excess.iter().all(|e| *e == 0)
}

/// Indices of the candidates to take, ascending; `None` when all of them together do not cover `excess`.
pub(crate) fn choose(candidates: &[Candidate], excess: &Vector) -> Option<Vec<usize>> {
    if is_covered(excess) {
        return Some(Vec::new());
    }
    let mut order: Vec<(u64, usize)> =
        (0..candidates.len()).map(|i| (coverage(&candidates[i].relief, excess), i)).filter(|(c, _)| *c > 0).collect();
    // Of equal ones the least busy first: what is found first stays.
    order.sort_by_key(|(c, i)| (std::cmp::Reverse(*c), candidates[*i].bytes, candidates[*i].relief, *i));
    let order: Vec<usize> = order.into_iter().map(|(_, i)| i).collect();
    let fewest = fewest(candidates, &order, excess)?;
    let mut search = Search::new(candidates, &order);
    for count in fewest..=order.len() {
        search.descend(0, count, *excess, 0);
        if search.best.is_some() || search.steps_left == 0 {
            break;
        }
    }
    let mut chosen = match search.best {
        Some((_, set)) => set,
        None => greedy(candidates, &order, excess)?,
    };
    chosen.sort_unstable();
    Some(chosen)
}

/// The least number that could do: for every resource, so many of the greatest cover it.
fn fewest(candidates: &[Candidate], order: &[usize], excess: &Vector) -> Option<usize> {
    let mut fewest = 1;
    for (r, want) in excess.iter().enumerate() {
        let mut have: Vec<u64> = order.iter().map(|i| candidates[*i].relief[r]).collect();
        have.sort_unstable_by(|a, b| b.cmp(a));
        let mut sum = 0_u64;
        let mut needed = 0;
        while sum < *want {
            sum = sum.saturating_add(*have.get(needed)?);
            needed += 1;
        }
        fewest = fewest.max(needed);
    }
    Some(fewest)
}

struct Search<'a> {
    candidates: &'a [Candidate],
    order: &'a [usize],
    /// The greatest relief, and the least bytes, of `order[i..]`.
    greatest: Vec<Vector>,
    cheapest: Vec<u64>,
    picked: Vec<usize>,
    best: Option<(u64, Vec<usize>)>,
    steps_left: u32,
}

impl<'a> Search<'a> {
    fn new(candidates: &'a [Candidate], order: &'a [usize]) -> Self {
        let mut greatest = vec![[0; 5]; order.len() + 1];
        let mut cheapest = vec![u64::MAX; order.len() + 1];
        for (at, i) in order.iter().enumerate().rev() {
            greatest[at] = std::array::from_fn(|r| greatest[at + 1][r].max(candidates[*i].relief[r]));
            cheapest[at] = cheapest[at + 1].min(candidates[*i].bytes);
        }
        Self { candidates, order, greatest, cheapest, picked: Vec::new(), best: None, steps_left: CHOICE_STEPS }
    }

    /// Tries all sets that add at most `left` of `order[from..]`.
    fn descend(&mut self, from: usize, left: usize, excess: Vector, bytes: u64) {
        if is_covered(&excess) {
            if self.best.as_ref().is_none_or(|(best, _)| bytes < *best) {
                self.best = Some((bytes, self.picked.clone()));
            }
            return;
        }
        for at in from..self.order.len() {
            let reach = |r: usize| self.greatest[at][r].saturating_mul(left as u64);
            let dearer = |best: &(u64, _)| bytes.saturating_add(self.cheapest[at]) >= best.0;
            let hopeless = left == 0 || (0..5).any(|r| reach(r) < excess[r]) || self.best.as_ref().is_some_and(dearer);
            if hopeless || self.steps_left == 0 {
                return;
            }
            self.steps_left -= 1;
            let index = self.order[at];
            let candidate = self.candidates[index];
            self.picked.push(index);
            let bytes = bytes.saturating_add(candidate.bytes);
            self.descend(at + 1, left - 1, less(&excess, &candidate.relief), bytes);
            self.picked.pop();
        }
    }
}

/// The most relieving one again and again, then without those that turned out superfluous, the dearest first.
fn greedy(candidates: &[Candidate], order: &[usize], excess: &Vector) -> Option<Vec<usize>> {
    let (mut left, mut rest, mut chosen) = (*excess, order.to_vec(), Vec::new());
    while !is_covered(&left) {
        let key = |(at, i): (usize, &usize)| {
            (coverage(&candidates[*i].relief, &left), std::cmp::Reverse(candidates[*i].bytes), std::cmp::Reverse(at))
        };
        let at = rest.iter().enumerate().max_by_key(|(at, i)| key((*at, i)))?.0;
        let index = rest.remove(at);
        left = less(&left, &candidates[index].relief);
        chosen.push(index);
    }
    let mut dearest = chosen.clone();
    dearest.sort_by_key(|i| (std::cmp::Reverse(candidates[*i].bytes), *i));
    for index in dearest {
        let without = chosen.iter().filter(|i| **i != index).fold(*excess, |e, i| less(&e, &candidates[*i].relief));
        if is_covered(&without) {
            chosen.retain(|i| *i != index);
        }
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn memory(relief: u64, bytes: u64) -> Candidate {
        Candidate { relief: [0, relief, 0, 0, 0], bytes }
    }

    #[test]
    fn one_that_does_is_better_than_two_and_the_smallest_that_does_is_best() {
        let candidates = [memory(10, 10), memory(90, 90), memory(60, 60), memory(45, 45), memory(5, 5)];
        assert_eq!(choose(&candidates, &[0, 50, 0, 0, 0]), Some(vec![2]));
        assert_eq!(choose(&candidates, &[0, 95, 0, 0, 0]), Some(vec![1, 4]));
        assert_eq!(choose(&candidates, &[0, 0, 0, 0, 0]), Some(vec![]));
        assert_eq!(choose(&candidates, &[0, 211, 0, 0, 0]), None);
    }

    #[test]
    fn several_resources_are_covered_at_once() {
        let candidates = [
            Candidate { relief: [50, 0, 0, 0, 1], bytes: 1 },
            Candidate { relief: [0, 50, 0, 0, 1], bytes: 1 },
            Candidate { relief: [40, 40, 0, 0, 1], bytes: 1000 },
        ];
        assert_eq!(choose(&candidates, &[40, 40, 0, 0, 0]), Some(vec![2]));
        assert_eq!(choose(&candidates, &[45, 45, 0, 0, 0]), Some(vec![0, 1]));
    }

    proptest! {
        /// Against all subsets: a set is found exactly when there is one, it covers, and none is smaller, or as small and
        /// cheaper.
        #[test]
        fn nothing_is_better_than_what_is_chosen(
            items in prop::collection::vec(((0..100_u64, 0..100_u64), 1..1000_u64), 0..11),
            cpu in 0..200_u64,
            mem in 0..200_u64,
        ) {
            let candidates: Vec<_> =
                items.iter().map(|((c, m), bytes)| Candidate { relief: [*c, *m, 0, 0, 1], bytes: *bytes }).collect();
            let excess = [cpu, mem, 0, 0, 0];
            let of = |set: u32| (0..items.len()).filter(move |i| (set >> i) & 1 == 1);
            let covers = |set: &u32| is_covered(&of(*set).fold(excess, |e, i| less(&e, &candidates[i].relief)));
            let cost = |set: u32| (set.count_ones(), of(set).map(|i| candidates[i].bytes).sum::<u64>());
            let best = (0..1_u32 << items.len()).filter(covers).map(cost).min();
            let chosen = choose(&candidates, &excess).map(|set| set.iter().fold(0, |s, i| s | (1 << i)));
            prop_assert!(chosen.is_none_or(|set| covers(&set)));
            prop_assert_eq!(chosen.map(cost), best);
        }

        #[test]
        fn the_greedy_set_covers_and_has_nobody_superfluous(
            items in prop::collection::vec((1..100_u64, 1..100_u64), 1..40), share in 1..100_u64,
        ) {
            let candidates: Vec<_> =
                items.iter().map(|(c, m)| Candidate { relief: [*c, *m, 0, 0, 0], bytes: c * m }).collect();
            let total = candidates.iter().fold([0; 5], |t: Vector, c| std::array::from_fn(|r| t[r] + c.relief[r]));
            let excess = total.map(|t| t * share / 100);
            let order: Vec<_> = (0..candidates.len()).collect();
            let set = greedy(&candidates, &order, &excess).expect("all together cover it");
            let covers = |set: &mut dyn Iterator<Item = usize>| is_covered(&set.fold(excess, |e, i| less(&e, &candidates[i].relief)));
            prop_assert!(covers(&mut set.iter().copied()));
            for out in &set {
                prop_assert!(!covers(&mut set.iter().copied().filter(|i| i != out)), "{out} is superfluous");
            }
        }
    }
}
