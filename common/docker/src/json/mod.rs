//! JSON bodies: read strictly, checked against what the Engine knows, written again in one canonical way. And the
//! Engine's own JSON, walked over as it comes.

mod check;
mod parse;
mod scan;
mod shape;

use crate::limits::VALUE_BYTES;
pub use check::{canonical, fold};
pub use parse::{Node, parse};
pub use scan::{Scan, Token};
pub use shape::{EMPTY, Field, Shape, TEXT_MAP, TEXTS};

/// At most so many bytes of memory are needed for a document once it is read: for its text, and for its values, of which each
/// comes after a comma or a bracket.
pub fn weight(document: &[u8]) -> usize {
    let values = document.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    document.len() + VALUE_BYTES * values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_weigh_more_than_their_text() {
        assert_eq!(weight(br#"{"a":"xx"}"#), 10 + VALUE_BYTES);
        assert_eq!(weight(b"[[],0,0]"), 8 + 4 * VALUE_BYTES);
    }
}
