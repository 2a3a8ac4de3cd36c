//! The hash chain of the audit: how one record follows from the one before it, and what a checkpoint signs. Here, so that
//! an export can be verified by whoever has only the export.

use crate::{id::ClusterId, time::Timestamp};
use sha2::{Digest, Sha256};

/// Bytes of a hash.
pub const HASH_LEN: usize = 32;

/// Everything of a record that its hash covers.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    pub seq: u64,
    pub at: Timestamp,
    pub actor: &'a str,
    pub action: &'a str,
    pub resource: &'a str,
    pub outcome: &'a str,
    pub detail: &'a str,
    pub request_id: &'a str,
    /// Address; empty in records of before it was kept.
    pub source: &'a str,
    /// Factors; empty likewise.
    pub factors: &'a str,
    /// What was before the change; empty likewise.
    pub before: &'a str,
}

impl Link<'_> {
    /// The hash of this record after that one. Every field is written with its length before it, so that no two records
    /// hash alike. Records without the later fields hash as they did when those did not exist.
    pub fn hash(&self, previous: &[u8]) -> [u8; HASH_LEN] {
        let later = [self.source, self.factors, self.before];
        let is_first_form = later.iter().all(|text| text.is_empty());
        let mut hash = Sha256::new();
        hash.update(if is_first_form { b"wharden audit 1" } else { b"wharden audit 2" });
        hash.update(previous);
        hash.update(self.seq.to_be_bytes());
        hash.update(self.at.0.to_be_bytes());
        let first = [self.actor, self.action, self.resource, self.outcome, self.detail, self.request_id];
        for text in first.into_iter().chain(later.into_iter().filter(|_| !is_first_form)) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }
}

/// What records of earlier versions call an action that was allowed. Refused ones always had the action's own name.
pub fn former_names(action: &str) -> &'static [&'static str] {
    match action {
        "policy.create" => &["policy.put"],
        "policy.update" => &["policy.put", "policy.rollback"],
        "host.label" | "host.posture" => &["host.update"],
        "user.invite" => &["user.reset"],
        "capacity.update" => {
            &["capacity.thresholds.put", "capacity.thresholds.delete", "capacity.accept", "capacity.snooze"]
        }
        _ => &[],
    }
}

/// What a checkpoint signs: a fixed text, the cluster, how many records there are, the hash of the last one, and when.
pub fn checkpoint_statement(cluster: &ClusterId, seq: u64, head: &[u8], at: Timestamp) -> Vec<u8> {
    let mut statement = b"wharden audit checkpoint 1\n".to_vec();
    statement.extend_from_slice(cluster.as_str().as_bytes());
    statement.extend_from_slice(&seq.to_be_bytes());
    statement.extend_from_slice(&at.0.to_be_bytes());
    statement.extend_from_slice(head);
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link<'static> {
        Link {
            seq: 7,
            at: Timestamp(5),
            actor: "user a",
            action: "policy.put",
            resource: "policy p",
            outcome: "applied",
            detail: "2 rules",
            request_id: "00000000000000000000000000000001",
            source: "",
            factors: "",
            before: "",
        }
    }

    #[test]
    fn every_field_counts_and_none_can_lend_to_its_neighbour() {
        let base = link().hash(&[0; 32]);
        assert_ne!(link().hash(&[1; 32]), base);
        let changed = [
            Link { seq: 8, ..link() },
            Link { at: Timestamp(6), ..link() },
            Link { actor: "user ap", action: "olicy.put", ..link() },
            Link { outcome: "refused", ..link() },
            Link { source: "192.0.2.1", ..link() },
            Link { factors: "192.0.2.1", ..link() },
            Link { before: "192.0.2.1", ..link() },
        ];
        let mut hashes: Vec<_> = changed.iter().map(|link| link.hash(&[0; 32])).collect();
        hashes.push(base);
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), changed.len() + 1);
    }
}
