//! The keys of the one tree. Entries sort by their index, since it is big-endian.

use std::fmt::Write;

/// There from the first moment of a log on: a log without it has lost everything.
pub(crate) const MADE: &[u8] = b"made";
pub(crate) const VOTE: &[u8] = b"vote";
pub(crate) const PURGED: &[u8] = b"purged";
pub(crate) const COMMITTED: &[u8] = b"committed";
const ENTRY: &[u8] = b"log/";
/// First key after all entries: `/` and one more.
pub(crate) const ENTRIES_END: &[u8] = b"log0";

/// The key of an entry.
pub(crate) fn entry(index: u64) -> Vec<u8> {
    let mut key = ENTRY.to_vec();
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// The index in the key of an entry.
pub(crate) fn index(key: &[u8]) -> Option<u64> {
    key.strip_prefix(ENTRY)?.try_into().ok().map(u64::from_be_bytes)
}

/// A key as people read it.
pub(crate) fn display(key: &[u8]) -> String {
    match index(key) {
        Some(index) => format!("log/{index}"),
        None => key.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{}", byte.escape_ascii());
            text
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_sort_by_index_and_keys_read_well() {
        let mut keys: Vec<_> = [256, 1, u64::MAX, 255].into_iter().map(entry).collect();
        keys.sort();
        assert_eq!(keys.iter().map(|k| index(k).expect("entry")).collect::<Vec<_>>(), [1, 255, 256, u64::MAX]);
        assert!(
            keys.iter().all(|key| key.as_slice() < ENTRIES_END && [VOTE, PURGED].iter().all(|k| key < &k.to_vec()))
        );
        assert_eq!(display(&entry(7)), "log/7");
        assert_eq!(display(b"log/\x01"), "log/\\x01");
        assert_eq!(display(VOTE), "vote");
    }
}
