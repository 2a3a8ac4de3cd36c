//! The one order of all events of a cluster, and the cursor that is a place in it.
//!
//! An event is stamped by the controller that takes it from its agent; every copy has the same stamp, so that it stands at
//! the same place in every store. A cursor says up to where everything was seen, and is good at every controller, whichever
//! of them hold the events.

use super::QueryError;
use serde::{Deserialize, Serialize};

/// Where an event stands. Ordered by time of being taken, then by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub stamp: u64,
    pub host: u64,
    pub boot: u64,
    pub seq: u64,
}

impl Place {
    /// Before all events with this stamp, and after all with a lower one.
    pub fn before(stamp: u64) -> Self {
        Self { stamp, host: 0, boot: 0, seq: 0 }
    }

    /// As people get it.
    pub fn text(self) -> String {
        format!("{:x}-{:x}-{:x}-{:x}", self.stamp, self.host, self.boot, self.seq)
    }

    /// Reads what [`Place::text`] wrote; nothing is the place before the first event.
    ///
    /// # Errors
    /// [`QueryError::Cursor`].
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.is_empty() {
            return Ok(Self::before(0));
        }
        let read = || {
            let mut parts = text.split('-').map(|part| u64::from_str_radix(part, 16).ok());
            let mut next = || parts.next().flatten();
            let place = Self { stamp: next()?, host: next()?, boot: next()?, seq: next()? };
            (place.text() == text).then_some(place)
        };
        read().ok_or_else(|| QueryError::Cursor(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_in_no_other_way() {
        let place = Place { stamp: 0x12c, host: 0xab, boot: 9, seq: 3 };
        assert_eq!((place.text().as_str(), Place::parse("12c-ab-9-3")), ("12c-ab-9-3", Ok(place)));
        assert_eq!(Place::parse(""), Ok(Place::before(0)));
        for bad in ["-", "12c", "12c-ab-9", "12c-ab-9-3-1", "12c-ab-9-03", "12c-ab-9-+3", "000000ab-12c", "1-2-3-x"] {
            assert_eq!(Place::parse(bad), Err(QueryError::Cursor(bad.to_owned())), "{bad}");
        }
        assert!(Place::before(5) < Place { stamp: 5, host: 1, boot: 0, seq: 1 } && place < Place::before(0x12d));
    }
}
