//! `audit verify FILE`: the chain and its checkpoint, recomputed here. Nobody is asked.

use super::export::{FORMAT, Line};
use crate::{
    context::Context,
    error::CliError,
    output::{Cell, Tone, record},
};
use clap::Args;
use serde::Serialize;
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};
use wharden_model::{
    api::{AuditCheckpoint, AuditRecord},
    audit::checkpoint_statement,
};

/// Flags of `audit verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// What `audit export` printed
    pub file: Option<PathBuf>,
    /// The key that the checkpoint must be signed with, as `audit checkpoint` shows it
    #[arg(long, value_name = "HEX", requires = "file")]
    key: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    intact: bool,
    records: u64,
    first_seq: u64,
    last_seq: u64,
    head: String,
    signed_by: String,
}

/// `wharden audit verify FILE`.
///
/// # Errors
/// [`CliError::Verdict`] naming the first record that does not fit.
pub fn file(args: Verify, context: &mut Context<'_>) -> Result<(), CliError> {
    let path = args.file.unwrap_or_default();
    let found = check(&path, args.key.as_deref())?;
    context.answer(&found, |look| {
        let fields = vec![
            ("Chain", Cell::toned("intact", Tone::Good)),
            ("Records", Cell::new(format!("{}, {} to {}", found.records, found.first_seq, found.last_seq))),
            ("Head", Cell::new(&found.head)),
            ("Signed by", Cell::new(&found.signed_by)),
        ];
        record(fields, look)
    })?;
    if args.key.is_none() {
        context.note(
            "compare the key with one that you kept, or give it with --key: whoever changes records can sign anew",
        );
    }
    Ok(())
}

/// The chain so far.
struct Chain {
    previous: Vec<u8>,
    first_seq: u64,
    last_seq: u64,
    records: u64,
}

fn check(path: &Path, key: Option<&str>) -> Result<Found, CliError> {
    let read = |source: io::Error| CliError::Read { what: path.display().to_string(), source };
    let lines = BufReader::new(File::open(path).map_err(read)?).lines();
    let (mut chain, mut end) = (None::<Chain>, None::<AuditCheckpoint>);
    for (number, line) in (1_u64..).zip(lines) {
        let line = line.map_err(read)?;
        if end.is_some() {
            return Err(broken(format!("line {number} comes after the checkpoint")));
        }
        let unreadable = || broken(format!("line {number} is not of an export of this version"));
        match (serde_json::from_str(&line).map_err(|_| unreadable())?, &mut chain) {
            (Line::Begin { wharden_audit: FORMAT, base }, None) => {
                let previous = unhex(&base).ok_or_else(unreadable)?;
                chain = Some(Chain { previous, first_seq: 0, last_seq: 0, records: 0 });
            }
            (Line::Record(record), Some(chain)) => chain.add(&record)?,
            (Line::End { checkpoint }, Some(_)) => end = Some(checkpoint),
            _ => return Err(unreadable()),
        }
    }
    let (Some(chain), Some(checkpoint)) = (chain, end) else {
        return Err(broken("the export has no beginning or no checkpoint at its end: it was cut short".to_owned()));
    };
    chain.close(&checkpoint, key)?;
    Ok(Found {
        intact: true,
        records: chain.records,
        first_seq: chain.first_seq,
        last_seq: chain.last_seq,
        head: checkpoint.head,
        signed_by: checkpoint.key,
    })
}

impl Chain {
    fn add(&mut self, record: &AuditRecord) -> Result<(), CliError> {
        let expected = if self.records == 0 { record.seq } else { self.last_seq + 1 };
        let hash = record.link().hash(&self.previous).to_vec();
        if record.seq != expected || unhex(&record.hash).as_deref() != Some(hash.as_slice()) {
            return Err(broken(format!("the chain is broken at record {expected}")));
        }
        if self.records == 0 {
            self.first_seq = record.seq;
        }
        self.last_seq = record.seq;
        self.records += 1;
        self.previous = hash;
        Ok(())
    }

    fn close(&self, checkpoint: &AuditCheckpoint, key: Option<&str>) -> Result<(), CliError> {
        let head = unhex(&checkpoint.head).unwrap_or_default();
        if self.records > 0 && (checkpoint.seq != self.last_seq || head != self.previous) {
            return Err(broken(format!(
                "the checkpoint is of record {}, the last one is {}",
                checkpoint.seq, self.last_seq
            )));
        }
        if key.is_some_and(|key| !key.eq_ignore_ascii_case(&checkpoint.key)) {
            return Err(broken(format!("the checkpoint is signed by another key, {}", checkpoint.key)));
        }
        let public = unhex(&checkpoint.key).and_then(|key| <[u8; 32]>::try_from(key).ok());
        let signature = unhex(&checkpoint.signature).unwrap_or_default();
        let statement = checkpoint_statement(&checkpoint.cluster_id, checkpoint.seq, &head, checkpoint.at);
        let keys: Vec<[u8; 32]> = public.into_iter().collect();
        wharden_pki::verify_bundle(&keys, &statement, &signature)
            .map_err(|_| broken("the checkpoint's signature does not hold".to_owned()))
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn broken(message: String) -> CliError {
    let hint = "compare the file with another export, and with checkpoints that were kept".to_owned();
    CliError::Verdict { code: "audit_broken", message, hint, details: Vec::new() }
}
