//! The chain of an export and its checkpoints, recomputed here. Nobody is asked and nobody is believed.

use super::export::{FORMAT, Line};
use crate::error::CliError;
use serde::Serialize;
use wharden_model::{
    api::{AuditCheckpoint, AuditRecord},
    audit::{HASH_LEN, checkpoint_statement},
};

/// An Ed25519 public key.
pub type Key = [u8; 32];

/// What was found. `first_seq` is the number after `last_seq` when there are no records.
#[derive(Debug, Serialize)]
pub struct Found {
    pub intact: bool,
    /// The first record is number 1, so that nothing can be missing before it.
    pub from_start: bool,
    pub records: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Hash of the record before the first one.
    pub base: String,
    pub head: String,
    pub signed_by: String,
    /// Number of the record that the kept checkpoint is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_seq: Option<u64>,
}

/// An export that is read line by line.
pub struct Check {
    key: Option<Key>,
    kept: Option<AuditCheckpoint>,
    chain: Option<Chain>,
    end: Option<AuditCheckpoint>,
}

/// The chain so far.
struct Chain {
    base: Vec<u8>,
    previous: Vec<u8>,
    first_seq: u64,
    last_seq: u64,
    records: u64,
    /// What the kept checkpoint is of was met, and is the same.
    met: bool,
}

impl Check {
    /// A check against a key, and against a checkpoint that was kept. A kept one says which key counts.
    ///
    /// # Errors
    /// [`CliError::Verdict`] when the kept checkpoint itself does not hold.
    pub fn new(key: Option<Key>, kept: Option<AuditCheckpoint>) -> Result<Self, CliError> {
        let key = match &kept {
            Some(kept) => Some(signed(kept, key, "the kept checkpoint")?),
            None => key,
        };
        Ok(Self { key, kept, chain: None, end: None })
    }

    /// Takes the next line. `None` when it does not belong where it is.
    ///
    /// # Errors
    /// [`CliError::Verdict`] naming the first record that does not fit.
    pub fn take(&mut self, line: Line) -> Result<Option<()>, CliError> {
        let kept = self.kept.as_ref();
        match (line, &mut self.chain, &self.end) {
            (Line::Begin { wharden_audit: FORMAT, base }, None, None) => {
                let Some(base) = unhex(&base).filter(|base| base.len() == HASH_LEN) else { return Ok(None) };
                let previous = base.clone();
                self.chain = Some(Chain { base, previous, first_seq: 0, last_seq: 0, records: 0, met: false });
            }
            (Line::Record(record), Some(chain), None) => chain.add(&record, kept)?,
            (Line::End { checkpoint }, Some(_), None) => self.end = Some(checkpoint),
            _ => return Ok(None),
        }
        Ok(Some(()))
    }

    /// What came of it.
    ///
    /// # Errors
    /// [`CliError::Verdict`] when the chain, its checkpoint and the kept one are not of one piece.
    pub fn close(self) -> Result<Found, CliError> {
        let (Some(mut chain), Some(checkpoint)) = (self.chain, self.end) else {
            return Err(broken("the export has no beginning or no checkpoint at its end: it was cut short"));
        };
        let signer = signed(&checkpoint, self.key, "the checkpoint")?;
        chain.close(&checkpoint, self.kept.as_ref())?;
        Ok(Found {
            intact: true,
            from_start: chain.first_seq == 1,
            records: chain.records,
            first_seq: chain.first_seq,
            last_seq: chain.last_seq,
            base: hex(&chain.base),
            head: checkpoint.head,
            signed_by: hex(&signer),
            kept_seq: self.kept.map(|kept| kept.seq),
        })
    }
}

impl Chain {
    fn add(&mut self, record: &AuditRecord, kept: Option<&AuditCheckpoint>) -> Result<(), CliError> {
        if self.records == 0 {
            self.begin(record.seq, kept)?;
        }
        let expected = self.last_seq + 1;
        let hash = record.link().hash(&self.previous).to_vec();
        if record.seq != expected || unhex(&record.hash).as_deref() != Some(hash.as_slice()) {
            return Err(broken(format!("the chain is broken at record {expected}")));
        }
        self.records += 1;
        self.previous = hash;
        self.reach(record.seq, kept)
    }

    fn begin(&mut self, first_seq: u64, kept: Option<&AuditCheckpoint>) -> Result<(), CliError> {
        let before = first_seq.checked_sub(1).ok_or_else(|| broken("record 0 is none"))?;
        // Only the first record of a cluster has nothing before it.
        if (before == 0) != self.base.iter().all(|byte| *byte == 0) {
            return Err(broken(format!("the hash that record {first_seq} should follow is not that of one before it")));
        }
        self.first_seq = first_seq;
        self.reach(before, kept)
    }

    /// Has come to this record, whose hash is the previous one now.
    fn reach(&mut self, seq: u64, kept: Option<&AuditCheckpoint>) -> Result<(), CliError> {
        self.last_seq = seq;
        if let Some(kept) = kept.filter(|kept| kept.seq == seq) {
            if unhex(&kept.head).as_ref() != Some(&self.previous) {
                return Err(broken(format!(
                    "what the kept checkpoint covers was changed: record {seq} is another one"
                )));
            }
            self.met = true;
        }
        Ok(())
    }

    fn close(&mut self, checkpoint: &AuditCheckpoint, kept: Option<&AuditCheckpoint>) -> Result<(), CliError> {
        if self.records == 0 {
            self.begin(checkpoint.seq.saturating_add(1), kept)?;
        }
        if checkpoint.seq != self.last_seq || unhex(&checkpoint.head).as_ref() != Some(&self.previous) {
            return Err(broken(match self.records {
                0 => format!("all records are missing: the checkpoint is of record {}", checkpoint.seq),
                _ => format!("the checkpoint is of record {}, the last one is {}", checkpoint.seq, self.last_seq),
            }));
        }
        match kept {
            Some(kept) if kept.cluster_id != checkpoint.cluster_id => Err(broken(format!(
                "the kept checkpoint is of cluster {}, this is {}",
                kept.cluster_id, checkpoint.cluster_id
            ))),
            Some(kept) if kept.seq > self.last_seq => Err(broken(format!(
                "records are missing at the end: the kept checkpoint is of record {}, the last one is {}",
                kept.seq, self.last_seq
            ))),
            Some(kept) if !self.met => Err(incomplete(
                format!("the kept checkpoint is of record {}, and the first one here is {}", kept.seq, self.first_seq),
                "give a later checkpoint, or an export that begins earlier",
            )),
            None if self.records == 0 && checkpoint.seq > 0 => Err(incomplete(
                format!("there are no records: nothing shows what records 1 to {} are", checkpoint.seq),
                "give a checkpoint that was kept with --checkpoint, or an export that begins earlier",
            )),
            _ => Ok(()),
        }
    }
}

/// Who signed a checkpoint, which must be this key where one is known.
fn signed(checkpoint: &AuditCheckpoint, key: Option<Key>, what: &str) -> Result<Key, CliError> {
    let refused = || broken(format!("{what}'s signature does not hold"));
    let public = unhex(&checkpoint.key).and_then(|key| Key::try_from(key).ok()).ok_or_else(refused)?;
    if key.is_some_and(|key| key != public) {
        return Err(broken(format!("{what} is signed by another key, {}", checkpoint.key)));
    }
    let head = unhex(&checkpoint.head).ok_or_else(refused)?;
    let signature = unhex(&checkpoint.signature).ok_or_else(refused)?;
    let statement = checkpoint_statement(&checkpoint.cluster_id, checkpoint.seq, &head, checkpoint.at);
    wharden_pki::verify_bundle(&[public], &statement, &signature).map_err(|_| refused())?;
    Ok(public)
}

/// Reads bytes in hex.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Something was changed, or is missing.
pub fn broken(message: impl Into<String>) -> CliError {
    let hint = "compare it with another export, and with checkpoints that were kept".to_owned();
    CliError::Verdict { code: "audit_broken", message: message.into(), hint, details: Vec::new() }
}

/// What is there may be whole, and does not show what was asked.
pub fn incomplete(message: impl Into<String>, hint: &str) -> CliError {
    CliError::Verdict { code: "audit_incomplete", message: message.into(), hint: hint.to_owned(), details: Vec::new() }
}
