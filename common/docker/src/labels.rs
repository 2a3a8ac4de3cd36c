//! Labels, of whatever has some.

use std::collections::BTreeMap;

/// Bytes of their text.
pub fn bytes(labels: &BTreeMap<String, String>) -> usize {
    labels.iter().map(|(name, value)| name.len() + value.len()).sum()
}
