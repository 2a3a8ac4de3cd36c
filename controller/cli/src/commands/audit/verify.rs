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
    /// What `audit export` printed; - for standard input
    pub file: Option<PathBuf>,
    /// The key that the checkpoint must be signed with, as `audit checkpoint` shows it
    #[arg(long, value_name = "HEX", requires = "file", value_parser = key)]
    key: Option<String>,
    /// A checkpoint that was kept, as `audit checkpoint -o json` printed it: the export must go on from it or contain it
    #[arg(long, value_name = "FILE", requires = "file")]
    checkpoint: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    intact: bool,
    records: u64,
    first_seq: u64,
    last_seq: u64,
    /// Hash of the record before the first one.
    base: String,
    head: String,
    signed_by: String,
}

/// `wharden audit verify FILE`.
///
/// # Errors
/// [`CliError::Verdict`] naming the first record that does not fit.
pub fn file(args: Verify, context: &mut Context<'_>) -> Result<(), CliError> {
    let path = args.file.unwrap_or_default();
    let kept = args.checkpoint.as_deref().map(kept).transpose()?;
    let found = check(&path, args.key.as_deref(), kept.as_ref())?;
    context.answer(&found, |look| {
        let fields = vec![
            ("Chain", Cell::toned("intact", Tone::Good)),
            ("Records", Cell::new(format!("{}, {} to {}", found.records, found.first_seq, found.last_seq))),
            ("Begins after", Cell::new(&found.base)),
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
    if found.first_seq != 1 && kept.is_none() {
        context.console.warn(
            "what came before its first record is not in the file, and nothing shows that none was taken off: \
             give a checkpoint that was kept with --checkpoint",
        );
    }
    Ok(())
}

/// A checkpoint in a file of its own.
fn kept(path: &Path) -> Result<AuditCheckpoint, CliError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| CliError::Read { what: path.display().to_string(), source })?;
    let read = serde_json::from_str(&text).map_err(|error| error.to_string());
    read.map_err(|why| broken(format!("{} holds no checkpoint: {why}", path.display())))
}

/// The chain so far.
struct Chain {
    previous: Vec<u8>,
    /// A checkpoint that was kept, until the chain comes past it.
    kept: Option<(u64, Vec<u8>)>,
    first_seq: u64,
    last_seq: u64,
    records: u64,
}

fn check(path: &Path, key: Option<&str>, kept: Option<&AuditCheckpoint>) -> Result<Found, CliError> {
    let read = |source: io::Error| CliError::Read { what: path.display().to_string(), source };
    let input: Box<dyn io::Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(read)?) };
    let lines = BufReader::new(input).lines();
    let (mut chain, mut end, mut begin) = (None::<Chain>, None::<AuditCheckpoint>, String::new());
    if let Some(kept) = kept {
        signed(kept, key)?;
    }
    for (number, line) in (1_u64..).zip(lines) {
        let line = line.map_err(read)?;
        if end.is_some() {
            return Err(broken(format!("line {number} comes after the checkpoint")));
        }
        let unreadable = || broken(format!("line {number} is not of an export of this version"));
        match (serde_json::from_str(&line).map_err(|_| unreadable())?, &mut chain) {
            (Line::Begin { wharden_audit: FORMAT, base }, None) => {
                let previous = unhex(&base).ok_or_else(unreadable)?;
                let kept = kept.map(|kept| (kept.seq, unhex(&kept.head).unwrap_or_default()));
                chain = Some(Chain { previous, kept, first_seq: 0, last_seq: 0, records: 0 });
                begin = base;
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
        base: begin,
        head: checkpoint.head,
        signed_by: checkpoint.key,
    })
}

impl Chain {
    fn add(&mut self, record: &AuditRecord) -> Result<(), CliError> {
        let expected = if self.records == 0 { record.seq } else { self.last_seq + 1 };
        let hash = record.link().hash(&self.previous).to_vec();
        if record.seq == 0 || record.seq != expected || unhex(&record.hash).as_deref() != Some(hash.as_slice()) {
            return Err(broken(format!("the chain is broken at record {expected}")));
        }
        if self.records == 0 {
            self.first_seq = record.seq;
            if record.seq == 1 && self.previous.iter().any(|byte| *byte != 0) {
                return Err(broken("the first record follows on another one".to_owned()));
            }
            self.pass(record.seq - 1)?;
        }
        self.last_seq = record.seq;
        self.records += 1;
        self.previous = hash;
        self.pass(record.seq)
    }

    /// The chain has come to this record: when it is that of the kept checkpoint, its hash is the same.
    fn pass(&mut self, seq: u64) -> Result<(), CliError> {
        match self.kept.take_if(|(at, _)| *at == seq) {
            Some((at, head)) if head != self.previous => {
                Err(broken(format!("record {at} is another one than when the checkpoint was kept")))
            }
            _ => Ok(()),
        }
    }

    fn close(&self, checkpoint: &AuditCheckpoint, key: Option<&str>) -> Result<(), CliError> {
        let head = unhex(&checkpoint.head).unwrap_or_default();
        let last = if self.records > 0 { self.last_seq } else { checkpoint.seq };
        if checkpoint.seq != last || head != self.previous {
            return Err(broken(format!(
                "the checkpoint is of record {}, the last one in the file is {}",
                checkpoint.seq, self.last_seq
            )));
        }
        if let Some((at, _)) = &self.kept {
            return Err(broken(format!(
                "the kept checkpoint is of record {at}, which the export neither has nor follows"
            )));
        }
        signed(checkpoint, key)
    }
}

/// By the key that is wanted, where one is.
fn signed(checkpoint: &AuditCheckpoint, key: Option<&str>) -> Result<(), CliError> {
    if key.is_some_and(|key| !key.eq_ignore_ascii_case(&checkpoint.key)) {
        return Err(broken(format!("the checkpoint is signed by another key, {}", checkpoint.key)));
    }
    let public = unhex(&checkpoint.key).and_then(|key| <[u8; 32]>::try_from(key).ok());
    let (head, signature) =
        (unhex(&checkpoint.head).unwrap_or_default(), unhex(&checkpoint.signature).unwrap_or_default());
    let statement = checkpoint_statement(&checkpoint.cluster_id, checkpoint.seq, &head, checkpoint.at);
    let keys: Vec<[u8; 32]> = public.into_iter().collect();
    wharden_pki::verify_bundle(&keys, &statement, &signature)
        .map_err(|_| broken("the checkpoint's signature does not hold".to_owned()))
}

/// A public key as `audit checkpoint` shows it.
fn key(text: &str) -> Result<String, String> {
    match unhex(text).filter(|key| key.len() == 32) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a key is 64 hex digits, as `wharden audit checkpoint` shows it".to_owned()),
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
