use super::QueryError;

/// A place between two events of one store, as text `<id of the store>-<index>`, both hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub store: u32,
    /// Index of the next event.
    pub index: u64,
}

impl Cursor {
    pub fn text(self) -> String {
        format!("{:08x}-{:x}", self.store, self.index)
    }

    /// Reads a cursor that this store gave.
    ///
    /// # Errors
    /// [`QueryError::Cursor`] when it is damaged, of another store, or after `end`.
    pub fn parse(text: &str, store: u32, end: u64) -> Result<Self, QueryError> {
        let read = || {
            let (id, index) = text.split_once('-')?;
            let cursor = Self { store: u32::from_str_radix(id, 16).ok()?, index: u64::from_str_radix(index, 16).ok()? };
            (cursor.text() == text && cursor.store == store && cursor.index <= end).then_some(cursor)
        };
        read().ok_or_else(|| QueryError::Cursor(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_cursors_are_taken() {
        let cursor = Cursor { store: 0xab, index: 300 };
        assert_eq!(cursor.text(), "000000ab-12c");
        assert_eq!(Cursor::parse("000000ab-12c", 0xab, 300), Ok(cursor));
        for bad in ["", "-", "12c", "ab-12c", "000000ab-012c", "000000ac-12c", "000000ab-+1", "000000ab-12d"] {
            assert_eq!(Cursor::parse(bad, 0xab, 300), Err(QueryError::Cursor(bad.to_owned())), "{bad}");
        }
    }
}
