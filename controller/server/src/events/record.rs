//! The form of one event on disk: a header, then the event as JSON.
//!
//! The header alone answers most of a query and all of the de-duplication, so that neither parses JSON:
//!
//! ```text
//! 0 length of the JSON u32 │ 4 CRC-32 of all that follows u32 │ 8 at u64 │ 16 host u64 │ 24 run u64 │ 32 seq u64
//! 40 CRC-32 of the name of who asked u32 │ 44 of the action u32 │ 48 of its noun u32 │ 52 outcome u8
//! 53 form u8: 0 │ 54 zero │ 56 JSON                               as the first version wrote it: its stamp is its time
//! 53 form u8: 1 │ 54 zero │ 56 stamp u64 │ 64 JSON
//! ```
//! Numbers are little-endian. Hosts and runs are 64-bit ids in hex everywhere else. The same bytes go to other controllers.

use super::{limits::EVENT_MAX, order::Place, runs::RunKey};
use std::ops::Range;
use wharden_model::{Action, BootId, DecisionEvent, HostId, Outcome, Principal};

/// Size of the header, in bytes.
const HEADER: usize = 64;
/// Its size in the first form, which is also what both forms have in common.
const COMMON: usize = 56;
/// Where the form is told.
const FORM: usize = 53;

/// What a query and the de-duplication need of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub at: u64,
    pub host: u64,
    pub boot: u64,
    pub seq: u64,
    pub who: u32,
    pub action: u32,
    pub noun: u32,
    pub outcome: u8,
    /// When it was taken, by the controllers' clocks; the same in every copy.
    pub stamp: u64,
}

impl Header {
    /// Not stamped yet.
    pub fn of(event: &DecisionEvent) -> Self {
        Self {
            at: event.at.0,
            host: host_key(&event.host_id),
            boot: boot_key(&event.boot_id),
            seq: event.seq,
            who: name_key(asker(&event.principal)),
            action: name_key(event.action.name()),
            noun: name_key(noun(event.action)),
            outcome: outcome_key(event.outcome),
            stamp: 0,
        }
    }

    pub fn run(&self) -> RunKey {
        (self.host, self.boot)
    }

    /// Where it stands among all events.
    pub fn place(&self) -> Place {
        Place { stamp: self.stamp, host: self.host, boot: self.boot, seq: self.seq }
    }

    /// Header and JSON as they go to disk.
    pub fn encode(&self, json: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + json.len());
        out.extend_from_slice(&u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for number in [self.at, self.host, self.boot, self.seq] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for key in [self.who, self.action, self.noun] {
            out.extend_from_slice(&key.to_le_bytes());
        }
        out.extend_from_slice(&[self.outcome, 1, 0, 0]);
        out.extend_from_slice(&self.stamp.to_le_bytes());
        out.extend_from_slice(json);
        let crc = crc32fast::hash(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; COMMON], stamp: Option<u64>) -> Self {
        let u64_at = |at: usize| u64::from_le_bytes(array(&bytes[at..at + 8]));
        let u32_at = |at: usize| u32::from_le_bytes(array(&bytes[at..at + 4]));
        Self {
            at: u64_at(8),
            host: u64_at(16),
            boot: u64_at(24),
            seq: u64_at(32),
            who: u32_at(40),
            action: u32_at(44),
            noun: u32_at(48),
            outcome: bytes[52],
            stamp: stamp.unwrap_or_else(|| u64_at(8)),
        }
    }
}

fn array<const N: usize>(slice: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(slice);
    out
}

/// Walks the records of a segment; stops at the first that is not whole and true.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next record begins, or what follows the last one that is good.
    pub fn offset(&self) -> usize {
        self.at
    }
}

impl Iterator for Walk<'_> {
    /// The header, and where the JSON is.
    type Item = (Header, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.at..];
        let common: &[u8; COMMON] = rest.first_chunk()?;
        let len = u32::from_le_bytes(array(&common[..4])) as usize;
        let size = match common[FORM] {
            0 => COMMON,
            1 => HEADER,
            _ => return None,
        };
        if len == 0 || len > EVENT_MAX || rest.len() < size + len {
            return None;
        }
        if crc32fast::hash(&rest[8..size + len]) != u32::from_le_bytes(array(&common[4..8])) {
            return None;
        }
        let stamp = (size == HEADER).then(|| u64::from_le_bytes(array(&rest[COMMON..HEADER])));
        let json = self.at + size..self.at + size + len;
        self.at = json.end;
        Some((Header::decode(common, stamp), json))
    }
}

/// The name that `user=` of a query means.
pub(super) fn asker(principal: &Principal) -> &str {
    match principal {
        Principal::User { name } | Principal::ServiceAccount { name } | Principal::Workload { name, .. } => name,
    }
}

/// `container` of `container.create`.
pub(super) fn noun(action: Action) -> &'static str {
    action.name().split('.').next().unwrap_or_default()
}

/// Names are compared by their CRC first and by themselves only when that fits.
pub(super) fn name_key(name: &str) -> u32 {
    crc32fast::hash(name.as_bytes())
}

pub(super) fn outcome_key(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Allowed => 1,
        Outcome::Denied => 2,
        Outcome::WouldDeny => 3,
        Outcome::Invalid => 4,
    }
}

pub(super) fn host_key(id: &HostId) -> u64 {
    hex_key(id.as_str().trim_start_matches("h-"))
}

pub(super) fn boot_key(id: &BootId) -> u64 {
    hex_key(id.as_str())
}

/// Ids are 16 hex digits by their types, so nothing is lost.
fn hex_key(digits: &str) -> u64 {
    u64::from_str_radix(digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(seq: u64) -> Header {
        Header { at: 1, host: 0x0123, boot: 9, seq, who: 5, action: 6, noun: 7, outcome: 2, stamp: 0x0304 }
    }

    /// A record of the first form, which has no stamp.
    fn of_the_first_form() -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0xd8, 0x94, 0x85, 0x57];
        bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0x23, 1, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0]);
        bytes.extend_from_slice(b"{}");
        bytes
    }

    #[test]
    fn the_form_on_disk_is_frozen() {
        let bytes = header(0x0102).encode(b"{}");
        let first = of_the_first_form();
        assert_eq!((&bytes[..4], &bytes[8..52]), (&first[..4], &first[8..52]));
        assert_eq!(&bytes[52..], [2, 1, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, b'{', b'}']);
        assert_eq!(&bytes[4..8], crc32fast::hash(&bytes[8..]).to_le_bytes());
        assert_eq!(Walk::new(&bytes).next(), Some((header(0x0102), 64..66)));
    }

    #[test]
    fn records_of_both_forms_are_read_one_after_the_other() {
        let mut bytes = of_the_first_form();
        bytes.extend_from_slice(&header(3).encode(b"{}"));
        let read: Vec<_> = Walk::new(&bytes).collect();
        assert_eq!(read, [(Header { stamp: 1, ..header(0x0102) }, 56..58), (header(3), 122..124)]);
    }

    #[test]
    fn a_walk_ends_at_the_first_byte_that_is_wrong() {
        let mut bytes = header(1).encode(b"{\"a\":1}");
        let first = bytes.len();
        bytes.extend_from_slice(&header(2).encode(b"{}"));
        let mut walk = Walk::new(&bytes);
        assert_eq!(walk.by_ref().map(|(h, _)| h.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(walk.offset(), bytes.len());
        for len in first..bytes.len() {
            assert_eq!(Walk::new(&bytes[..len]).count(), 1, "cut at {len}");
        }
        for at in first..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            let mut walk = Walk::new(&bad);
            assert_eq!(walk.by_ref().count(), 1, "changed at {at}");
            assert_eq!(walk.offset(), first);
        }
        assert_eq!(Walk::new(&[0; 4096]).count(), 0, "a file that was made longer by a crash");
    }
}
