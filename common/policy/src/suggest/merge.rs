//! From shapes to rules: two become one where they differ on one side only, so that their union is exactly both.

use super::{
    Seen,
    shape::{Shape, Side, Value},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most conditions that are alternatives of each other in one rule; literals in a list are not counted.
const ALTERNATIVES: usize = 6;

/// The permitted values of each side.
pub(super) type Sides = BTreeMap<Side, Values>;
type Values = BTreeSet<Value>;

/// A rule to be: on each side, the values that are permitted.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub sides: Sides,
    pub seen: Seen,
}

/// Sides on which there is something to merge, in the order in which they are tried. Different people, kinds and owners
/// are different rules.
fn sides(blocks: &[Block]) -> Vec<Side> {
    let mut values: BTreeMap<&Side, BTreeSet<&Values>> = BTreeMap::new();
    for (side, of) in blocks.iter().flat_map(|block| &block.sides) {
        values.entry(side).or_default().insert(of);
    }
    let differ = |side: &Side| values.get(side).is_some_and(|values| values.len() > 1);
    let first = [Side::Name, Side::Image, Side::Action, Side::Host];
    let facts = values.keys().copied().filter(|side| matches!(side, Side::Fact(_))).cloned();
    first.into_iter().chain(facts).filter(differ).collect()
}

pub(super) fn merge(seen: BTreeMap<Shape, Seen>) -> Vec<Block> {
    let mut blocks: Vec<Block> = seen
        .into_iter()
        .map(|(shape, seen)| {
            let sides = shape.0.into_iter().map(|(side, value)| (side, BTreeSet::from([value])));
            Block { sides: sides.collect(), seen }
        })
        .collect();
    let order = sides(&blocks);
    loop {
        let before = blocks.len();
        for side in &order {
            blocks = merged_on(side, blocks);
        }
        if blocks.len() == before {
            return blocks;
        }
    }
}

fn merged_on(side: &Side, blocks: Vec<Block>) -> Vec<Block> {
    let mut groups: BTreeMap<Sides, Vec<(Option<Values>, Seen)>> = BTreeMap::new();
    for mut block in blocks {
        let values = block.sides.remove(side);
        groups.entry(block.sides).or_default().push((values, block.seen));
    }
    let mut out = Vec::new();
    for (sides, members) in groups {
        let mut open: Option<Block> = None;
        for (values, seen) in members {
            let Some(values) = values else {
                out.push(Block { sides: sides.clone(), seen });
                continue;
            };
            match &mut open {
                Some(block) if joins(block.sides.get(side), &values) => {
                    block.sides.entry(side.clone()).or_default().extend(values);
                    block.seen.times += seen.times;
                    block.seen.last = block.seen.last.max(seen.last);
                }
                _ => {
                    out.extend(open.take());
                    let mut sides = sides.clone();
                    sides.insert(side.clone(), values);
                    open = Some(Block { sides, seen });
                }
            }
        }
        out.extend(open);
    }
    out
}

/// Literals make a list; conditions make alternatives, which must stay few to be read.
fn joins(held: Option<&Values>, more: &Values) -> bool {
    let conditions = held.into_iter().flatten().chain(more).filter(|value| matches!(value, Value::Holds { .. }));
    conditions.count() <= ALTERNATIVES
}
