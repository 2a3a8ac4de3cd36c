//! Rules as text that a person reads and changes.

use super::{
    merge::Block,
    shape::{Side, Value},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most conditions in one `when`: well below what one expression may have.
const CONDITIONS: usize = 16;

/// Columns of a line that is filled.
const COLUMNS: usize = 110;

pub(super) fn document(blocks: &[Block]) -> String {
    let mut blocks: Vec<&Block> = blocks.iter().collect();
    blocks.sort_by_key(|block| block.sides.get(&Side::Action));
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut text = String::new();
    for block in blocks {
        let action = action_name(block);
        let number = numbers.entry(action.clone()).or_default();
        *number += 1;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&rule(block, &format!("{action}-{number}")));
    }
    text
}

/// The first action, as the rule's name.
fn action_name(block: &Block) -> String {
    match block.sides.get(&Side::Action).and_then(BTreeSet::first) {
        Some(Value::Is(text)) => text.split('"').nth(1).unwrap_or("rule").to_owned(),
        _ => "rule".to_owned(),
    }
}

fn rule(block: &Block, id: &str) -> String {
    let (times, last) = (block.seen.times, block.seen.last.to_string());
    let day = last.split('T').next().unwrap_or("");
    let often = match times {
        0 => "listed".to_owned(),
        1 => "done once".to_owned(),
        times => format!("done {times} times"),
    };
    let host = block.sides.get(&Side::Host).map(literals).unwrap_or_default();
    let kind = block.sides.get(&Side::Kind).map(literals).unwrap_or_default();
    let place = match (host.as_slice(), kind.as_slice()) {
        ([host], [kind]) => format!("resource is {kind} in {host}"),
        (_, [kind]) => format!("resource is {kind}"),
        _ => "resource".to_owned(),
    };
    let principal = block.sides.get(&Side::Principal).map(literals).unwrap_or_default().join(", ");
    let mut text = format!("@id(\"{id}\")\n@reason(\"{often}, last on {day}\")\npermit (\n");
    text.push_str(&format!("  principal == {principal},\n  {},\n  {place}\n)", actions(block)));
    let (mut what, mut asked, mut unasked) = (Vec::new(), Vec::new(), Vec::new());
    if host.len() > 1 {
        what.push(format!("resource in [{}]", host.join(", ")));
    }
    for (side, values) in &block.sides {
        let list = match side {
            Side::Principal | Side::Action | Side::Host | Side::Kind => continue,
            Side::Owner | Side::Name | Side::Image => &mut what,
            Side::Fact(_) if values.iter().all(|value| value.is_unasked(side)) => &mut unasked,
            Side::Fact(_) => &mut asked,
        };
        list.extend(condition(side, values));
    }
    for list in [what, asked] {
        for part in list.chunks(CONDITIONS) {
            text.push_str(&format!("\nwhen {{\n  {}\n}}", part.join(" &&\n  ")));
        }
    }
    for (nth, part) in unasked.chunks(CONDITIONS).enumerate() {
        let comment = if nth == 0 { "\n// nothing else was asked for" } else { "" };
        text.push_str(&format!("{comment}\nwhen {{\n{}}}", wrapped(part)));
    }
    text.push_str(";\n");
    text
}

/// Conditions in lines that are as full as they may be.
fn wrapped(conditions: &[String]) -> String {
    let (mut text, mut line) = (String::new(), String::new());
    for (nth, condition) in conditions.iter().enumerate() {
        let end = if nth + 1 == conditions.len() { "" } else { " &&" };
        if !line.is_empty() && line.len() + condition.len() + end.len() > COLUMNS {
            text.push_str(&format!("{}\n", line.trim_end()));
            line.clear();
        }
        if line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(&format!("{condition}{end} "));
    }
    format!("{text}{}\n", line.trim_end())
}

fn literals(values: &BTreeSet<Value>) -> Vec<&str> {
    values
        .iter()
        .filter_map(|value| match value {
            Value::Is(text) => Some(text.as_str()),
            Value::Holds { .. } => None,
        })
        .collect()
}

fn actions(block: &Block) -> String {
    let all = block.sides.get(&Side::Action).map(literals).unwrap_or_default();
    match all.as_slice() {
        [one] => format!("action == {one}"),
        many => format!("action in [\n    {}\n  ]", many.join(",\n    ")),
    }
}

/// One side as a condition; `None` when any value is permitted.
fn condition(side: &Side, values: &BTreeSet<Value>) -> Option<String> {
    let subject = match side {
        Side::Name => "resource.name".to_owned(),
        Side::Image => "resource.image".to_owned(),
        Side::Fact(name) => format!("context.{name}"),
        Side::Principal | Side::Action | Side::Host | Side::Kind | Side::Owner => String::new(),
    };
    let is = literals(values);
    let mut parts: Vec<String> = match is.as_slice() {
        [] => Vec::new(),
        [one] => vec![format!("{subject} == {one}")],
        many => vec![format!("[{}].contains({subject})", many.join(", "))],
    };
    let holds = values.iter().filter_map(|value| match value {
        Value::Holds { text, .. } => Some(text.clone()),
        Value::Is(_) => None,
    });
    parts.extend(holds);
    // Seen both ways: nothing to hold.
    if parts.len() == 2 && (parts[0] == format!("!{}", parts[1]) || parts[1] == format!("!{}", parts[0])) {
        return None;
    }
    match parts.as_slice() {
        [one] if !one.contains(" || ") => Some(one.clone()),
        many => Some(format!("({})", many.iter().map(|part| bracketed(part)).collect::<Vec<_>>().join(" || "))),
    }
}

fn bracketed(part: &str) -> String {
    if part.contains(" && ") { format!("({part})") } else { part.to_owned() }
}
