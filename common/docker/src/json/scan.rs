//! Walks over JSON that comes in pieces, and keeps of it only which brackets are open and what may come next: so it says of
//! a document of any size where its parts begin and end. Numbers, words and escapes it does not look into.

use crate::{limits::JSON_DEPTH_MAX, listing::UnknownForm};

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Space,
    Open,
    Close,
    Comma,
    Colon,
    /// A piece of a member's name, its quotes among it.
    Key,
    /// A piece of a text, its quotes among it, of a number, or of `null` and its like.
    Scalar,
}

/// See the module.
#[derive(Debug)]
pub struct Scan {
    /// The brackets that are to come.
    open: Vec<u8>,
    next: Next,
    escaped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Value,
    FirstItem,
    FirstKey,
    Key,
    Colon,
    /// After a value: a comma, a bracket, or nothing more.
    End,
    InKey,
    InText,
    InWord,
}

impl Default for Scan {
    fn default() -> Self {
        Self { open: Vec::new(), next: Next::Value, escaped: false }
    }
}

impl Scan {
    /// How many brackets are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// True at the end of a document.
    pub fn is_whole(&self) -> bool {
        self.open.is_empty() && matches!(self.next, Next::End | Next::InWord)
    }

    /// What comes first of these bytes, of which there is one at least, and how long it is.
    ///
    /// # Errors
    /// [`UnknownForm`] for what is no JSON, or nested deeper than [`JSON_DEPTH_MAX`].
    pub fn next(&mut self, bytes: &[u8]) -> Result<(usize, Token), UnknownForm> {
        match self.next {
            Next::InKey => return Ok((self.text(bytes, Next::Colon), Token::Key)),
            Next::InText => return Ok((self.text(bytes, Next::End), Token::Scalar)),
            Next::InWord => match run(bytes, is_of_word) {
                0 => self.next = Next::End,
                length => return Ok((length, Token::Scalar)),
            },
            _ => {}
        }
        let spaces = run(bytes, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        if spaces > 0 {
            return Ok((spaces, Token::Space));
        }
        let (next, token) = match (self.next, bytes.first().copied().ok_or(UnknownForm)?) {
            (Next::Value | Next::FirstItem, b'"') => (Next::InText, Token::Scalar),
            (Next::Value | Next::FirstItem, b'[') => (self.open(b']', Next::FirstItem)?, Token::Open),
            (Next::Value | Next::FirstItem, b'{') => (self.open(b'}', Next::FirstKey)?, Token::Open),
            (Next::Value | Next::FirstItem, byte) if is_of_word(byte) => (Next::InWord, Token::Scalar),
            (Next::FirstKey | Next::Key, b'"') => (Next::InKey, Token::Key),
            (Next::Colon, b':') => (Next::Value, Token::Colon),
            (Next::End, b',') => match self.open.last() {
                Some(b'}') => (Next::Key, Token::Comma),
                Some(_) => (Next::Value, Token::Comma),
                None => return Err(UnknownForm),
            },
            (Next::FirstItem | Next::FirstKey | Next::End, byte) if self.open.last() == Some(&byte) => {
                self.open.pop();
                (Next::End, Token::Close)
            }
            _ => return Err(UnknownForm),
        };
        self.next = next;
        Ok((1, token))
    }

    fn open(&mut self, close: u8, next: Next) -> Result<Next, UnknownForm> {
        if self.open.len() == JSON_DEPTH_MAX {
            return Err(UnknownForm);
        }
        self.open.push(close);
        Ok(next)
    }

    /// The length of a piece of a text, up to its end if that is there.
    fn text(&mut self, bytes: &[u8], after: Next) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.next = after;
                    return at + 1;
                }
                _ => {}
            }
        }
        bytes.len()
    }
}

fn run(bytes: &[u8], of: fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| of(**byte)).count()
}

/// Of a number, or of `null`, `true` and `false`.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Where each token ends, for pieces of this size.
    fn tokens(text: &[u8], size: usize) -> Option<Vec<(usize, Token)>> {
        let (mut scan, mut found, mut at) = (Scan::default(), Vec::<(usize, Token)>::new(), 0);
        for mut piece in text.chunks(size) {
            while !piece.is_empty() {
                let (length, token) = scan.next(piece).ok()?;
                (at, piece) = (at + length, &piece[length..]);
                match found.last_mut() {
                    Some((end, last)) if *last == token && !matches!(token, Token::Open | Token::Close) => *end = at,
                    _ => found.push((at, token)),
                }
            }
        }
        scan.is_whole().then_some(found)
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..5).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_json_is_walked_over_however_it_is_cut(value in json(), pretty: bool, size in 1..20_usize) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.expect("JSON");
            let whole = tokens(&text, usize::MAX);
            prop_assert!(whole.is_some());
            prop_assert_eq!(tokens(&text, size), whole);
            let lists = text.len() - 1;
            if matches!(value, Value::Array(_) | Value::Object(_)) {
                prop_assert_eq!(tokens(&text[..lists], size), None, "its end is missing");
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in "[\\[\\]{}:,\"\\\\ a0-]{0,30}", size in 1..5_usize) {
            let cut = tokens(text.as_bytes(), size);
            prop_assert_eq!(&cut, &tokens(text.as_bytes(), usize::MAX));
            if serde_json::from_str::<Value>(&text).is_ok() {
                prop_assert!(cut.is_some());
            }
        }
    }

    #[test]
    fn what_is_no_json_or_nested_too_deep_is_refused() {
        for text in
            ["", " ", "[", "]", "[}", "{]", "[,]", "[1,]", "[1 2]", "{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}"]
        {
            assert_eq!(tokens(text.as_bytes(), 1), None, "{text}");
        }
        let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(tokens(nested(JSON_DEPTH_MAX).as_bytes(), 7).is_some());
        assert_eq!(tokens(nested(JSON_DEPTH_MAX + 1).as_bytes(), 7), None);
    }
}
