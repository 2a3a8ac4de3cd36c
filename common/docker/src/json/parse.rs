//! A JSON reader that keeps what others lose: repeated keys, and numbers as they were written.

use crate::{
    limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX},
    refusal::Refusal,
};

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Null,
    Bool(bool),
    /// The literal, a valid JSON number.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// Members in the order written; keys may repeat.
    Object(Vec<(String, Node)>),
}

/// Reads one document and nothing after it.
///
/// # Errors
/// 400 with the byte offset for what is not JSON (RFC 8259), is nested too deep or has too many values.
pub fn parse(bytes: &[u8]) -> Result<Node, Refusal> {
    let text =
        std::str::from_utf8(bytes).map_err(|e| Refusal::bad(format!("body: not UTF-8 at byte {}", e.valid_up_to())))?;
    let mut reader = Reader { text, at: 0, values: 0 };
    let node = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error("something follows the JSON document"));
    }
    Ok(node)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl Reader<'_> {
    fn error(&self, what: &str) -> Refusal {
        Refusal::bad(format!("body: {what}, at byte {}", self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, literal: &str) -> bool {
        let there = self.text.as_bytes()[self.at..].starts_with(literal.as_bytes());
        if there {
            self.at += literal.len();
        }
        there
    }

    fn value(&mut self, depth: usize) -> Result<Node, Refusal> {
        if depth > JSON_DEPTH_MAX {
            return Err(self.error(&format!("nested deeper than {JSON_DEPTH_MAX}")));
        }
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            return Err(self.error(&format!("more than {JSON_VALUES_MAX} values")));
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Node::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("null") => Ok(Node::Null),
            _ if self.take("true") => Ok(Node::Bool(true)),
            _ if self.take("false") => Ok(Node::Bool(false)),
            None => Err(self.error("it ends where a value should be")),
            Some(_) => Err(self.error("not a JSON value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node, Refusal> {
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.take("}") {
            return Ok(Node::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in quotes is missing"));
            }
            let key = self.string()?;
            self.space();
            if !self.take(":") {
                return Err(self.error("a colon is missing after a key"));
            }
            members.push((key, self.value(depth + 1)?));
            self.space();
            if self.take("}") {
                return Ok(Node::Object(members));
            }
            if !self.take(",") {
                return Err(self.error("a comma or } is missing"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node, Refusal> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take("]") {
            return Ok(Node::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take("]") {
                return Ok(Node::List(items));
            }
            if !self.take(",") {
                return Err(self.error("a comma or ] is missing"));
            }
        }
    }

    fn digits(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a digit is missing in a number")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Node, Refusal> {
        let start = self.at;
        self.take("-");
        if !self.take("0") {
            self.digits()?;
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            if !self.take("+") {
                self.take("-");
            }
            self.digits()?;
        }
        Ok(Node::Number(self.text[start..self.at].to_owned()))
    }

    fn string(&mut self) -> Result<String, Refusal> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err(self.error("a control character in a string: escape it")),
                None => return Err(self.error("a string does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let Some(byte) = self.peek() else { return Err(self.error("a string does not end")) };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    if !self.take("\\u") {
                        return Err(self.error("half a surrogate pair in a string"));
                    }
                    let second = self.unit()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(self.error("half a surrogate pair in a string"));
                    }
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.error("half a surrogate pair in a string"))?
            }
            _ => return Err(self.error("an unknown escape in a string")),
        })
    }

    fn unit(&mut self) -> Result<u32, Refusal> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.filter(|d| d.iter().all(u8::is_ascii_hexdigit)).and_then(|d| std::str::from_utf8(d).ok());
        let unit = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let Some(unit) = unit else { return Err(self.error("\\u needs four hex digits")) };
        self.at += 4;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_one_json_document_is_refused() {
        for bad in [
            "",
            "{",
            "{}{}",
            "{} x",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            "NaN",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\\x41\"",
            "\"a\nb\"",
            "tru",
            "'a'",
            "\u{feff}{}",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        let many = format!("[{}0]", "0,".repeat(JSON_VALUES_MAX));
        assert!(parse(many.as_bytes()).expect_err("too many").message.contains("values"));
    }

    #[test]
    fn repeated_keys_and_escapes_are_kept() {
        let node = parse(br#"{"a":1,"\u0061":"\ud83d\ude00"}"#).expect("valid");
        let Node::Object(members) = node else { panic!("an object") };
        assert_eq!(members[0], ("a".into(), Node::Number("1".into())));
        assert_eq!(members[1], ("a".into(), Node::Text("\u{1f600}".into())));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn it_reads_what_serde_json_reads(text in "[\\[\\]{}:,\"a0-2.eE\\\\u \\-]{0,24}") {
            if serde_json::from_str::<serde_json::Value>(&text).is_err() {
                prop_assert!(parse(text.as_bytes()).is_err());
            }
        }
    }
}
