//! The audit: a hash chain of everything that was attempted.

use crate::{hex::Hex, limits, shared::Shared};
use imbl::Vector;
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use wharden_model::{RequestId, Timestamp, audit::Link};

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
    /// Address that the request came from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Factors that were shown: of the session, and with this one request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub factors: String,
    /// What was there before the change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// SHA-256 over the previous hash and all of the above.
    pub hash: Hex,
}

/// The chain, as much of it as the state keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLog {
    /// Hash of the newest record that left; 32 zero bytes while none has.
    base: Hex,
    records: Vector<Shared<AuditRecord>>,
}

impl Default for AuditLog {
    fn default() -> Self {
        Self { base: Hex(vec![0; 32]), records: Vector::new() }
    }
}

impl AuditLog {
    pub(crate) fn append(&mut self, mut record: AuditRecord) {
        for text in [&mut record.resource, &mut record.outcome, &mut record.detail, &mut record.before] {
            cut(text);
        }
        record.seq = self.last_seq() + 1;
        record.hash = link(self.head(), &record);
        self.records.push_back(record.into());
        while self.records.len() > limits::AUDIT_MAX {
            if let Some(gone) = self.records.pop_front() {
                self.base = gone.hash.clone();
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

    /// Hash of the record before the one of this number.
    pub fn base_of(&self, seq: u64) -> &Hex {
        let first = self.records.front().map_or(1, |record| record.seq);
        let before = seq.checked_sub(first + 1).and_then(|at| self.records.get(usize::try_from(at).ok()?));
        before.map_or(&self.base, |record| &record.hash)
    }

    /// Records kept, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &AuditRecord> + ExactSizeIterator {
        self.records.iter().map(Deref::deref)
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

fn link(previous: &Hex, record: &AuditRecord) -> Hex {
    let link = Link {
        seq: record.seq,
        at: record.at,
        actor: &record.actor,
        action: &record.action,
        resource: &record.resource,
        outcome: &record.outcome,
        detail: &record.detail,
        request_id: record.request_id.as_str(),
        source: &record.source,
        factors: &record.factors,
        before: &record.before,
    };
    Hex(link.hash(&previous.0).to_vec())
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
            source: "192.0.2.1".into(),
            factors: "password, totp".into(),
            before: String::new(),
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
