//! How Go's `encoding/json` reads a document into a type.

use serde_json::{Map, Value, json};

/// A Go type.
#[derive(Clone, Copy)]
pub enum Type {
    Bool,
    /// Signed, of so many bits.
    Int(u32),
    /// Unsigned, of so many bits.
    Uint(u32),
    Text,
    /// `strslice.StrSlice`: a list of texts, or one text.
    Words,
    Slice(&'static Type),
    Array(usize, &'static Type),
    Map(&'static Type),
    Struct(&'static [(&'static str, Type)]),
    Pointer(&'static Type),
}

/// What comes of reading.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The value, as `json.Marshal` writes it when nothing is left out.
    Value(Value),
    /// An error: the Engine answers 400.
    Error,
    /// A member is there twice: what comes of it depends on Go's version, and on what else is in memory.
    Twice,
}

/// Reads the first document in `bytes`; what follows it is not looked at.
pub fn decode(bytes: &[u8], of: &Type) -> Outcome {
    match (Scanner { bytes, at: 0 }).value(0) {
        None => Outcome::Error,
        Some(node) => match read(&node, of) {
            Ok(value) => Outcome::Value(value),
            Err(outcome) => outcome,
        },
    }
}

enum Node {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

fn zero(of: &Type) -> Value {
    match of {
        Type::Bool => json!(false),
        Type::Int(_) | Type::Uint(_) => json!(0),
        Type::Text => json!(""),
        Type::Words | Type::Slice(_) | Type::Map(_) | Type::Pointer(_) => Value::Null,
        Type::Array(length, item) => Value::Array(vec![zero(item); *length]),
        Type::Struct(fields) => Value::Object(fields.iter().map(|(name, of)| ((*name).to_owned(), zero(of))).collect()),
    }
}

fn read(node: &Node, of: &Type) -> Result<Value, Outcome> {
    match (of, node) {
        (Type::Pointer(_), Node::Null) | (_, Node::Null) => Ok(zero(of)),
        (Type::Pointer(inner), node) => read(node, inner),
        (Type::Bool, Node::Bool(truth)) => Ok(json!(truth)),
        (Type::Int(bits), Node::Number(text)) => {
            let number: i64 = text.parse().map_err(|_| Outcome::Error)?;
            let shift = 64 - bits;
            if number << shift >> shift == number { Ok(json!(number)) } else { Err(Outcome::Error) }
        }
        (Type::Uint(bits), Node::Number(text)) => {
            let number: u64 = text.parse().map_err(|_| Outcome::Error)?;
            if *bits == 64 || number >> bits == 0 { Ok(json!(number)) } else { Err(Outcome::Error) }
        }
        (Type::Text, Node::Text(text)) => Ok(json!(text)),
        (Type::Words, Node::Text(text)) => Ok(json!([text])),
        (Type::Words, Node::List(items)) => all(items, &Type::Text),
        (Type::Slice(item), Node::List(items)) => all(items, item),
        (Type::Array(length, item), Node::List(items)) => {
            let Value::Array(mut out) = all(&items[..items.len().min(*length)], item)? else {
                return Err(Outcome::Error);
            };
            out.resize(*length, zero(item));
            Ok(Value::Array(out))
        }
        (Type::Map(item), Node::Object(members)) => {
            let mut out = Map::new();
            for (key, node) in members {
                if out.insert(key.clone(), read(node, item)?).is_some() {
                    return Err(Outcome::Twice);
                }
            }
            Ok(Value::Object(out))
        }
        (Type::Struct(fields), Node::Object(members)) => members_of(members, fields),
        _ => Err(Outcome::Error),
    }
}

fn all(items: &[Node], of: &Type) -> Result<Value, Outcome> {
    items.iter().map(|item| read(item, of)).collect::<Result<_, _>>().map(Value::Array)
}

fn members_of(members: &[(String, Node)], fields: &'static [(&'static str, Type)]) -> Result<Value, Outcome> {
    let Value::Object(mut out) = zero(&Type::Struct(fields)) else { return Err(Outcome::Error) };
    let (mut seen, mut twice, mut error) = (Vec::new(), false, false);
    for (key, node) in members {
        let exact = fields.iter().find(|(name, _)| name == key);
        let Some((name, of)) = exact.or_else(|| fields.iter().find(|(name, _)| folds_to(key, name))) else { continue };
        twice |= seen.contains(name);
        seen.push(*name);
        match read(node, of) {
            Ok(value) => {
                out.insert((*name).to_owned(), value);
            }
            Err(Outcome::Twice) => twice = true,
            Err(_) => error = true,
        }
    }
    match (twice, error) {
        (true, _) => Err(Outcome::Twice),
        (_, true) => Err(Outcome::Error),
        _ => Ok(Value::Object(out)),
    }
}

/// Unicode's simple folding, of which only two characters outside ASCII matter to names in ASCII.
fn folds_to(key: &str, name: &str) -> bool {
    let plain = key.replace('\u{17f}', "s").replace('\u{212a}', "k");
    plain.eq_ignore_ascii_case(name)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn space(&mut self) -> Option<u8> {
        while matches!(self.bytes.get(self.at)?, b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let found = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        // Go takes 10,000; deeper than anything that it reads into a type is only skipped.
        if depth > 500 {
            return None;
        }
        match self.space()? {
            b'n' => self.word("null").map(|()| Node::Null),
            b't' => self.word("true").map(|()| Node::Bool(true)),
            b'f' => self.word("false").map(|()| Node::Bool(false)),
            b'"' => self.text().map(Node::Text),
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                if self.space()? == b']' {
                    self.at += 1;
                    return Some(Node::List(items));
                }
                loop {
                    items.push(self.value(depth + 1)?);
                    self.space()?;
                    match self.next()? {
                        b',' => {}
                        b']' => return Some(Node::List(items)),
                        _ => return None,
                    }
                }
            }
            b'{' => {
                self.at += 1;
                let mut members = Vec::new();
                if self.space()? == b'}' {
                    self.at += 1;
                    return Some(Node::Object(members));
                }
                loop {
                    if self.space()? != b'"' {
                        return None;
                    }
                    let key = self.text()?;
                    self.space()?;
                    if self.next()? != b':' {
                        return None;
                    }
                    members.push((key, self.value(depth + 1)?));
                    self.space()?;
                    match self.next()? {
                        b',' => {}
                        b'}' => return Some(Node::Object(members)),
                        _ => return None,
                    }
                }
            }
            _ => self.number().map(Node::Number),
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<String> {
        let start = self.at;
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.bytes.get(self.at)? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        String::from_utf8(self.bytes[start..self.at].to_vec()).ok()
    }

    /// What is not UTF-8, and halves of pairs, become the replacement character.
    fn text(&mut self) -> Option<String> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Some(replaced(&out)),
                b'\\' => {
                    let plain = match self.next()? {
                        c @ (b'"' | b'\\' | b'/') => c,
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'u' => {
                            let unit = self.unit()?;
                            out.extend(self.character(unit).to_string().bytes());
                            continue;
                        }
                        _ => return None,
                    };
                    out.push(plain);
                }
                0..=0x1f => return None,
                other => out.push(other),
            }
        }
    }

    fn character(&mut self, unit: u32) -> char {
        if (0xd800..0xdc00).contains(&unit) && self.bytes[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            if let Some(low @ 0xdc00..0xe000) = self.unit() {
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.at = back;
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn unit(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |sum, _| Some(sum * 16 + char::from(self.next()?).to_digit(16)?))
    }
}

/// Go replaces each byte that is not UTF-8, Rust each run of those that could have begun a character.
fn replaced(mut bytes: &[u8]) -> String {
    let mut out = String::new();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(rest) => return out + rest,
            Err(error) => {
                let (good, bad) = bytes.split_at(error.valid_up_to());
                out.push_str(&String::from_utf8_lossy(good));
                out.push(char::REPLACEMENT_CHARACTER);
                bytes = &bad[1..];
            }
        }
    }
}
