//! Checks a document against a shape and gives the value that is judged and sent on. After this, what the Engine
//! decodes is what was judged: every key is known, exact and there once, every value has the one type that it is
//! decoded into, and `null`, which Go's decoder takes to mean "leave as it was", is gone wherever it means that.

use super::{
    parse::Node,
    shape::{Field, Shape},
};
use crate::refusal::{Refusal, shorten};
use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;

/// The canonical value of a document.
///
/// # Errors
/// 400 naming the field.
pub fn canonical(node: Node, shape: &Shape) -> Result<Value, Refusal> {
    // The docker CLI sends `null` for an empty body (commit, plugin install), and the Engine reads it as one.
    let node = match (node, shape) {
        (Node::Null, Shape::Object(_)) => Node::Object(Vec::new()),
        (Node::Null, Shape::List(_)) => Node::List(Vec::new()),
        (node, _) => node,
    };
    value(node, shape, &mut Path::default())
}

/// Where in the document we are, for messages.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn error(&self, what: impl std::fmt::Display) -> Refusal {
        Refusal::bad(format!("field {}: {what}", self.shown()))
    }

    fn shown(&self) -> String {
        if self.0.is_empty() { "(the whole body)".to_owned() } else { self.0.join(".") }
    }

    fn within<T>(&mut self, part: String, f: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<T, Refusal> {
        self.0.push(part);
        let result = f(self);
        self.0.pop();
        result
    }
}

fn value(node: Node, shape: &Shape, path: &mut Path) -> Result<Value, Refusal> {
    match (shape, node) {
        (Shape::Bool, Node::Bool(b)) => Ok(Value::Bool(b)),
        (Shape::Int, Node::Number(n)) => match n.parse::<i64>() {
            Ok(int) => Ok(Value::from(int)),
            Err(_) => Err(path.error(format!("{} is not a whole number of 64 bits", shorten(&n)))),
        },
        (Shape::Uint, Node::Number(n)) => match n.parse::<u64>() {
            Ok(int) => Ok(Value::from(int)),
            Err(_) => Err(path.error(format!("{} is not a whole number from 0 of 64 bits", shorten(&n)))),
        },
        (Shape::Float, Node::Number(n)) => match n.parse::<f64>().ok().and_then(Number::from_f64) {
            Some(float) => Ok(Value::Number(float)),
            None => Err(path.error(format!("{} is too large", shorten(&n)))),
        },
        (Shape::Text, Node::Text(s)) => Ok(Value::String(s)),
        (Shape::Words, Node::Text(s)) => Ok(Value::Array(vec![Value::String(s)])),
        (Shape::Words, Node::List(items)) => list(items, &Shape::Text, path),
        (Shape::List(item), Node::List(items)) => list(items, item, path),
        (Shape::Map(item), Node::Object(members)) => map(members, item, path),
        (Shape::Object(fields), Node::Object(members)) => object(members, fields, path),
        (_, Node::Null) => Err(path.error("must not be null")),
        (shape, _) => Err(path.error(format!("must be {}", describe(shape)))),
    }
}

const fn describe(shape: &Shape) -> &'static str {
    match shape {
        Shape::Bool => "true or false",
        Shape::Int | Shape::Uint => "a whole number",
        Shape::Float => "a number",
        Shape::Text => "a text",
        Shape::Words => "a list of texts",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Object(_) => "an object",
        Shape::Ignored | Shape::Legacy => "left out",
    }
}

fn list(items: Vec<Node>, shape: &Shape, path: &mut Path) -> Result<Value, Refusal> {
    let items = items.into_iter().enumerate().map(|(i, item)| path.within(format!("[{i}]"), |p| value(item, shape, p)));
    items.collect::<Result<_, _>>().map(Value::Array)
}

fn map(members: Vec<(String, Node)>, shape: &Shape, path: &mut Path) -> Result<Value, Refusal> {
    let mut out = Map::new();
    for (key, node) in members {
        path.within(shorten(&key).to_string(), |path| {
            let item = match (shape, node) {
                (Shape::Text, Node::Null) => Value::String(String::new()),
                (Shape::Object(_) | Shape::List(_), Node::Null) => Value::Null,
                (_, node) => value(node, shape, path)?,
            };
            if out.insert(key, item).is_some() { Err(path.error("is there twice: send it once")) } else { Ok(()) }
        })?;
    }
    Ok(Value::Object(out))
}

fn object(members: Vec<(String, Node)>, fields: &'static [Field], path: &mut Path) -> Result<Value, Refusal> {
    let mut out = Map::new();
    let mut seen = BTreeSet::new();
    for (key, node) in members {
        path.within(shorten(&key).to_string(), |path| {
            if !seen.insert(fold(&key)) {
                return Err(path.error("is there twice, perhaps in other letters: send it once"));
            }
            let Some((name, shape)) = find(fields, &key) else {
                // Nothing decodes it, and null says nothing.
                return if node == Node::Null { Ok(()) } else { Err(unknown(fields, &key, path)) };
            };
            if !key.is_ascii() {
                return Err(path.error(format!("looks like {name} and is not: write {name}")));
            }
            match (shape, node) {
                (_, Node::Null) | (Shape::Ignored, _) => Ok(()),
                (Shape::Legacy, node) if is_empty(&node) => Ok(()),
                (Shape::Legacy, _) => Err(path.error("is not read at this place: move it into HostConfig")),
                (shape, node) => {
                    out.insert((*name).to_owned(), value(node, shape, path)?);
                    Ok(())
                }
            }
        })?;
    }
    Ok(Value::Object(out))
}

fn is_empty(node: &Node) -> bool {
    match node {
        Node::Null | Node::Bool(false) => true,
        Node::Bool(true) => false,
        Node::Number(n) => n == "0",
        Node::Text(s) => s.is_empty(),
        Node::List(items) => items.is_empty(),
        Node::Object(members) => members.is_empty(),
    }
}

fn find<'a>(fields: &'a [Field], key: &str) -> Option<&'a Field> {
    fields.iter().find(|(name, _)| *name == key).or_else(|| {
        let folded = fold(key);
        fields.iter().find(|(name, _)| fold(name) == folded)
    })
}

/// Folds a key the way Go's encoding/json does: simple case folding, in which U+017F (ſ) is an s and U+212A (K) a k.
pub fn fold(key: &str) -> String {
    key.chars()
        .map(|c| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

fn unknown(fields: &[Field], key: &str, path: &Path) -> Refusal {
    let folded = fold(key);
    let near = fields
        .iter()
        .map(|(name, _)| (distance(&folded, &fold(name)), name))
        .filter(|(d, _)| *d <= 2)
        .min()
        .map(|(_, name)| format!("; did you mean {name}?"));
    path.error(format!("is not known here{}", near.unwrap_or_else(|| ": leave it out".to_owned())))
}

/// Edit distance, given up (as a large number) for long or very different words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().take(40).collect());
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;
    use proptest::prelude::*;

    const SHAPE: Shape = Shape::Object(&[
        ("Privileged", Shape::Bool),
        ("Memory", Shape::Int),
        ("Cmd", Shape::Words),
        ("Binds", Shape::List(&Shape::Text)),
        ("Labels", Shape::Map(&Shape::Text)),
        ("Nets", Shape::Map(&Shape::Object(&[("Ip", Shape::Text)]))),
        ("Task", Shape::Object(&[("Disks", Shape::Uint), ("Ratio", Shape::Float)])),
        ("name", Shape::Ignored),
        ("Old", Shape::Legacy),
    ]);

    fn read(text: &str) -> Result<String, String> {
        let value = canonical(parse(text.as_bytes()).map_err(|e| e.message)?, &SHAPE).map_err(|e| e.message)?;
        Ok(value.to_string())
    }

    /// As values: the order of keys depends on what else is built into the program.
    fn read_as(text: &str, wanted: &str) {
        let read: Value = serde_json::from_str(&read(text).expect("valid")).expect("JSON");
        assert_eq!(read, serde_json::from_str::<Value>(wanted).expect("JSON"), "{text}");
    }

    #[test]
    fn keys_are_given_their_exact_spelling() {
        read_as(r#"{"PRIVILEGED":true,"\u0063md":"x"}"#, r#"{"Cmd":["x"],"Privileged":true}"#);
        read_as(r#"{"labels":{"a":"1","A":null}}"#, r#"{"Labels":{"A":"","a":"1"}}"#);
        read_as(r#"{"name":"x","Old":null,"Nets":{"a":null}}"#, r#"{"Nets":{"a":null}}"#);
    }

    #[test]
    fn ambiguity_names_the_field() {
        for (text, field) in [
            (r#"{"Privileged":true,"Privileged":false}"#, "Privileged"),
            (r#"{"Privileged":true,"privileged":false}"#, "privileged"),
            (r#"{"Privileged":null,"privileged":true}"#, "privileged"),
            ("{\"Bind\u{17f}\":[]}", "Bind\\u{17f}"),
            ("{\"Task\":{\"Di\u{17f}\u{212a}s\":1}}", "Task.Di"),
            (r#"{"Labels":{"a":"1","a":"2"}}"#, "Labels.a"),
            (r#"{"Privilegedd":true}"#, "did you mean Privileged"),
            (r#"{"X":1e99999}"#, "X"),
            (r#"{"Memory":1.0}"#, "Memory"),
            (r#"{"Memory":1e3}"#, "Memory"),
            (r#"{"Memory":9223372036854775808}"#, "Memory"),
            (r#"{"Binds":"/:/a"}"#, "Binds"),
            (r#"{"Binds":[null]}"#, "Binds.[0]"),
            (r#"{"Old":true}"#, "HostConfig"),
            (r#"[]"#, "whole body"),
            (r#"{"Labels":[]}"#, "Labels"),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.contains(field), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_a_fixpoint(privileged: bool, memory: i64, words in proptest::collection::vec(".{0,6}", 0..3),
                                            labels in proptest::collection::btree_map(".{0,4}", ".{0,4}", 0..4), ratio in -1e9f64..1e9) {
            let body = serde_json::json!({"privileged": privileged, "MEMORY": memory, "Cmd": words, "Labels": labels,
                                          "task": {"ratio": ratio}});
            let once = read(&body.to_string()).expect("valid");
            prop_assert_eq!(read(&once).expect("canonical"), once);
        }

        #[test]
        fn every_spelling_of_a_key_is_found_or_refused(upper in proptest::collection::vec(any::<bool>(), 10)) {
            let key: String = "privileged".chars().zip(upper).map(|(c, u)| if u { c.to_ascii_uppercase() } else { c }).collect();
            let text = format!("{{\"{key}\":true}}");
            prop_assert_eq!(read(&text).expect("one spelling"), r#"{"Privileged":true}"#);
            let twice = format!("{{\"{key}\":true,\"Privileged\":false}}");
            prop_assert!(read(&twice).is_err());
        }
    }
}
