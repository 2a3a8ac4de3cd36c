//! The audit: a hash chain of everything that was attempted.

use crate::{hex::Hex, limits};
use imbl::Vector;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wharden_model::{RequestId, Timestamp};

/// One link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// From 1, without a gap.
    pub seq: u64,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub resource: String,
    /// `applied`, or `refused: ` and why.
    pub outcome: String,
    pub detail: String,
    pub request_id: RequestId,
    /// SHA-256 over the previous hash and all of the above.
    pub hash: Hex,
}

/// The chain, as much of it as the state keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLog {
    /// Hash of the newest record that left; 32 zero bytes while none has.
    base: Hex,
    records: Vector<AuditRecord>,
}

impl Default for AuditLog {
    fn default() -> Self {
        Self { base: Hex(vec![0; 32]), records: Vector::new() }
    }
}

impl AuditLog {
    pub(crate) fn append(&mut self, mut record: AuditRecord) {
        for text in [&mut record.resource, &mut record.outcome, &mut record.detail] {
            cut(text);
        }
        record.seq = self.last_seq() + 1;
        record.hash = link(self.head(), &record);
        self.records.push_back(record);
        while self.records.len() > limits::AUDIT_MAX {
            if let Some(gone) = self.records.pop_front() {
                self.base = gone.hash;
            }
        }
    }

    /// Number of the newest record; 0 when there is none.
    pub fn last_seq(&self) -> u64 {
        self.records.last().map_or(0, |r| r.seq)
    }

    /// Hash of the newest record.
    pub fn head(&self) -> &Hex {
        self.records.last().map_or(&self.base, |r| &r.hash)
    }

    /// Records kept, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &AuditRecord> + ExactSizeIterator {
        self.records.iter()
    }

    /// Recomputes the chain.
    ///
    /// # Errors
    /// The number of the first record that does not fit.
    pub fn verify(&self) -> Result<u64, u64> {
        let mut previous = &self.base;
        let first = self.records.front().map_or(0, |r| r.seq);
        for (seq, record) in (first..).zip(&self.records) {
            if record.seq != seq || record.hash != link(previous, record) {
                return Err(record.seq);
            }
            previous = &record.hash;
        }
        Ok(self.records.len() as u64)
    }
}

/// Every field is written with its length before it, so that no two records hash alike.
fn link(previous: &Hex, record: &AuditRecord) -> Hex {
    let mut hash = Sha256::new();
    hash.update(b"wharden audit 1");
    hash.update(&previous.0);
    hash.update(record.seq.to_be_bytes());
    hash.update(record.at.0.to_be_bytes());
    for text in [
        record.actor.as_str(),
        &record.action,
        &record.resource,
        &record.outcome,
        &record.detail,
        record.request_id.as_str(),
    ] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    Hex(hash.finalize().to_vec())
}

fn cut(text: &mut String) {
    if text.len() > limits::AUDIT_TEXT_MAX {
        let end = text.floor_char_boundary(limits::AUDIT_TEXT_MAX);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(detail: &str) -> AuditRecord {
        AuditRecord {
            seq: 0,
            at: Timestamp(5),
            actor: "user a".into(),
            action: "policy.put".into(),
            resource: "policy p".into(),
            outcome: "applied".into(),
            detail: detail.into(),
            request_id: RequestId::new("0".repeat(32)).expect("valid"),
            hash: Hex(Vec::new()),
        }
    }

    #[test]
    fn a_changed_or_missing_record_breaks_the_chain() {
        let mut log = AuditLog::default();
        for i in 0..5 {
            log.append(record(&i.to_string()));
        }
        assert_eq!(log.verify(), Ok(5));
        let mut changed = log.clone();
        changed.records[2].detail = "x".into();
        assert_eq!(changed.verify(), Err(3));
        let mut missing = log.clone();
        missing.records.remove(1);
        assert_eq!(missing.verify(), Err(3));
    }

    #[test]
    fn long_texts_are_cut_on_a_character() {
        let mut text = "ä".repeat(400);
        cut(&mut text);
        assert!(text.len() <= limits::AUDIT_TEXT_MAX + 3 && text.ends_with('…'));
    }
}
