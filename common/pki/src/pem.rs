//! PEM (RFC 7468), in the strict form that this and every other tool writes.

use data_encoding::BASE64;

/// Label of certificates.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// Label of PKCS#8 keys.
pub const PRIVATE_KEY: &str = "PRIVATE KEY";
/// Label of PKCS#10 requests.
pub const REQUEST: &str = "CERTIFICATE REQUEST";

const LINE: usize = 64;

/// Writes blocks with one label, one after another.
pub fn encode<'a>(label: &str, blocks: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for block in blocks {
        text.push_str(&format!("-----BEGIN {label}-----\n"));
        let body = BASE64.encode(block);
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(LINE));
            text.push_str(line);
            text.push('\n');
            rest = tail;
        }
        text.push_str(&format!("-----END {label}-----\n"));
    }
    text
}

/// Reads all blocks with this label; `None` when the text is anything else.
pub fn decode(label: &str, text: &str) -> Option<Vec<Vec<u8>>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line != begin {
            return None;
        }
        let body: String = lines.by_ref().take_while(|line| *line != end).collect();
        blocks.push(BASE64.decode(body.as_bytes()).ok()?);
    }
    (!blocks.is_empty() && text.trim_end().ends_with(&end)).then_some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_round_trip_and_cut_texts_are_nothing() {
        let blocks = [vec![7; 100], vec![1]];
        let text = encode("CERTIFICATE", blocks.iter().map(Vec::as_slice));
        assert_eq!(decode("CERTIFICATE", &text).as_deref(), Some(&blocks[..]));
        assert_eq!(decode("PRIVATE KEY", &text), None);
        assert_eq!(decode("CERTIFICATE", &text[..text.len() - 10]), None);
        assert_eq!(decode("CERTIFICATE", ""), None);
    }
}
