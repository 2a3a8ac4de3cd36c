//! A bundle as the difference from another one: what is copied from the old bytes, and what is new in between.
//!
//! Both are cut where rules and objects end, so that a changed rule costs about its own length however many others there
//! are. Whoever applies a difference compares the digest of the result, as of a bundle that came whole: nothing depends on
//! how it was made.

use crate::{
    MESSAGE_MAX,
    v1::{BundleDifference, DifferenceStep},
};
use prost::Message;
use std::collections::HashMap;

/// Shortest piece that is looked for in the old bytes, in bytes: shorter ones cost about as much to copy as to send.
const PIECE_MIN: usize = 24;

/// Why a difference cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DifferenceError {
    #[error("the difference cannot be read")]
    Malformed,
    #[error("the difference copies what the old bundle does not have")]
    OutOfRange,
    #[error("the difference makes a bundle of more than {MESSAGE_MAX} bytes")]
    TooLong,
}

/// What makes `new` out of `old`.
pub fn between(old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut at = 0;
    for piece in pieces(old) {
        places.entry(piece).or_insert(at);
        at += piece.len();
    }
    let mut steps: Vec<Step> = vec![Step::default()];
    for piece in pieces(new) {
        // The last step is always there.
        let Some(last) = steps.last_mut() else { break };
        let next = last.from + last.length;
        if last.insert.is_empty() && old.get(next..next + piece.len()) == Some(piece) {
            last.length += piece.len();
            continue;
        }
        if let Some(from) = places.get(piece) {
            steps.push(Step { from: *from, length: piece.len(), insert: Vec::new() });
        } else {
            // What a changed piece has in common with the old one at this place is not sent.
            let same = if last.insert.is_empty() { common(old.get(next..).unwrap_or_default(), piece) } else { 0 };
            last.length += same;
            last.insert.extend_from_slice(&piece[same..]);
        }
    }
    let steps = steps
        .into_iter()
        .filter(|step| step.length > 0 || !step.insert.is_empty())
        .map(|step| DifferenceStep { from: step.from as u64, length: step.length as u64, insert: step.insert.into() });
    BundleDifference { steps: steps.collect() }.encode_to_vec()
}

/// The bundle that a difference makes out of `old`.
///
/// # Errors
/// [`DifferenceError`].
pub fn apply(old: &[u8], difference: &[u8]) -> Result<Vec<u8>, DifferenceError> {
    let BundleDifference { steps } = BundleDifference::decode(difference).map_err(|_| DifferenceError::Malformed)?;
    let mut new = Vec::with_capacity(old.len().min(MESSAGE_MAX));
    for DifferenceStep { from, length, insert } in steps {
        let range = usize::try_from(from).ok().zip(usize::try_from(length).ok());
        let range = range.and_then(|(from, length)| Some(from..from.checked_add(length)?));
        let copied = range.and_then(|range| old.get(range)).ok_or(DifferenceError::OutOfRange)?;
        if new.len() + copied.len() + insert.len() > MESSAGE_MAX {
            return Err(DifferenceError::TooLong);
        }
        new.extend_from_slice(copied);
        new.extend_from_slice(&insert);
    }
    Ok(new)
}

#[derive(Default)]
struct Step {
    from: usize,
    length: usize,
    insert: Vec<u8>,
}

/// Cuts after the ends of rules and objects.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends = rest.iter().skip(PIECE_MIN - 1).position(|byte| matches!(byte, b';' | b'}'));
        let (piece, after) = rest.split_at(ends.map_or(rest.len(), |end| end + PIECE_MIN));
        rest = after;
        Some(piece)
    })
}

fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bundle(rules: impl Iterator<Item = String>) -> Vec<u8> {
        let policies: Vec<String> = rules.map(|rule| format!("{{\"name\":\"p\",\"text\":\"{rule}\"}}")).collect();
        format!("{{\"format\":1,\"policies\":[{}]}}", policies.join(",")).into_bytes()
    }

    fn rule(n: usize) -> String {
        format!("@id(rule-{n})\\npermit (principal, action == read, resource) when {{ context.port == {n} }};")
    }

    #[test]
    fn one_changed_rule_among_a_thousand_is_a_few_bytes() {
        let old = bundle((0..1000).map(rule));
        let new = bundle((0..1000).map(|n| rule(if n == 500 { 77_777 } else { n })));
        let difference = between(&old, &new);
        assert_eq!(apply(&old, &difference).as_deref(), Ok(&*new));
        assert!(difference.len() < 200, "{} bytes of {}", difference.len(), new.len());
        let (less, more) = (bundle((1..1000).map(rule)), bundle((0..1001).map(rule)));
        for (from, to) in [(&old, &less), (&less, &more), (&more, &old)] {
            let difference = between(from, to);
            assert_eq!(apply(from, &difference).as_deref(), Ok(&**to));
            assert!(difference.len() < 400, "{} bytes", difference.len());
        }
    }

    #[test]
    fn a_difference_cannot_reach_outside_nor_grow_without_bound() {
        let step = |from, length| DifferenceStep { from, length, insert: bytes::Bytes::new() };
        let encode = |steps: Vec<DifferenceStep>| BundleDifference { steps }.encode_to_vec();
        for (from, length) in [(0, 5), (4, 1), (u64::MAX, 1), (1, u64::MAX)] {
            assert_eq!(apply(b"abcd", &encode(vec![step(from, length)])), Err(DifferenceError::OutOfRange));
        }
        let long = vec![7; 1024 * 1024];
        assert_eq!(apply(&long, &encode(vec![step(0, 1024 * 1024); 17])), Err(DifferenceError::TooLong));
        assert_eq!(apply(b"abcd", b"\xff\xff"), Err(DifferenceError::Malformed));
    }

    proptest! {
        #[test]
        fn whatever_the_two_are_the_difference_makes_one_out_of_the_other(
            old in "[ab;}]{0,300}",
            new in "[ab;}]{0,300}",
            cut in 0_usize..300,
        ) {
            let mixed: String = old.chars().take(cut).chain(new.chars()).collect();
            for new in [&new, &mixed] {
                let difference = between(old.as_bytes(), new.as_bytes());
                let made = apply(old.as_bytes(), &difference);
                prop_assert_eq!(made.as_deref(), Ok(new.as_bytes()));
            }
        }
    }
}
