//! The ids in the engine's list of images, without the rest of it: labels may have any size.

use crate::limits::IMAGES_MAX;

/// Longest text that can be an id or the key of one, in bytes.
const TEXT_MAX: usize = 128;

/// A list of objects, `[{"Id": "...", ...}, ...]`, that comes in parts.
#[derive(Debug, Default)]
pub struct ListedIds {
    ids: Vec<String>,
    depth: usize,
    /// The text that is being read, as it is written, or its beginning.
    text: Option<Vec<u8>>,
    escaped: bool,
    /// In an object of the list: a value comes next, of this key.
    of_id: Option<bool>,
    /// The last text of an object of the list.
    key: Vec<u8>,
    begun: bool,
    wrong: bool,
}

impl ListedIds {
    /// Reads on.
    pub fn take(&mut self, part: &[u8]) {
        for byte in part {
            match &mut self.text {
                Some(text) => match byte {
                    b'"' if !self.escaped => self.text_ends(),
                    _ => {
                        self.escaped = *byte == b'\\' && !self.escaped;
                        if text.len() < TEXT_MAX {
                            text.push(*byte);
                        }
                    }
                },
                None => self.outside(*byte),
            }
        }
    }

    /// All ids; `None` when the list was not whole, or longer than [`IMAGES_MAX`].
    pub fn end(self) -> Option<Vec<String>> {
        let whole = self.begun && self.depth == 0 && self.text.is_none();
        (whole && !self.wrong && self.ids.len() <= IMAGES_MAX).then_some(self.ids)
    }

    fn outside(&mut self, byte: u8) {
        // An engine without images may answer `null`.
        self.wrong |= !self.begun && !matches!(byte, b'[' | b'n' | b' ' | b'\n' | b'\r' | b'\t');
        self.begun |= matches!(byte, b'[' | b'n');
        match byte {
            b'"' => self.text = Some(Vec::new()),
            b'[' | b'{' => {
                self.depth += 1;
                self.of_id = None;
            }
            b']' | b'}' => {
                self.wrong |= self.depth == 0;
                self.depth = self.depth.saturating_sub(1);
                self.of_id = None;
            }
            b':' if self.depth == 2 => self.of_id = Some(self.key == b"Id"),
            b',' => self.of_id = None,
            _ => {}
        }
    }

    fn text_ends(&mut self) {
        let text = self.text.take().unwrap_or_default();
        match self.of_id {
            _ if self.depth != 2 => {}
            None => self.key = text,
            Some(true) if self.ids.len() <= IMAGES_MAX => match String::from_utf8(text) {
                Ok(id) => self.ids.push(id),
                Err(_) => self.wrong = true,
            },
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &str) -> Option<Vec<String>> {
        let read = |step| {
            let mut ids = ListedIds::default();
            list.as_bytes().chunks(step).for_each(|part| ids.take(part));
            ids.end()
        };
        let whole = read(usize::MAX);
        assert_eq!(read(1), whole, "{list}");
        assert_eq!(read(7), whole, "{list}");
        whole
    }

    #[test]
    fn only_the_ids_of_the_images_are_taken() {
        let evil = format!(r#"{{"a\\\"":"\"Id\":\"x\"","Id":"inner","b":["Id"],"long":"{}"}}"#, "y".repeat(100_000));
        let list = format!(
            r#"[{{"Containers":-1,"Id":"sha256:1","Labels":{evil},"RepoTags":["Id","Id"]}}, {{"Labels":null,"Id" : "sha256:2"}}]"#
        );
        assert_eq!(ids(&list), Some(vec!["sha256:1".to_owned(), "sha256:2".to_owned()]));
        assert_eq!(ids("[]\n"), Some(vec![]));
        assert_eq!(ids("null"), Some(vec![]));
        for cut in [&list[..list.len() - 1], &list[..40], "", "{}", "[]]", r#"{"message":"Id"}"#] {
            assert_eq!(ids(cut), None, "{cut}");
        }
        let many = |count| format!("[{}]", vec![r#"{"Id":"i"}"#; count].join(","));
        assert_eq!(ids(&many(IMAGES_MAX)).map(|ids| ids.len()), Some(IMAGES_MAX));
        assert_eq!(ids(&many(IMAGES_MAX + 1)), None);
    }
}
