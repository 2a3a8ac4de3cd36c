//! `audit verify`: the chain and its checkpoints recomputed here, over an export or over what the controller gives.

use super::{
    chain::{Check, Found, Key, broken, incomplete, unhex},
    export::{self, Line},
};
use crate::{
    context::Context,
    error::CliError,
    input::read_text,
    limits::INPUT_MAX,
    output::{Cell, Look, Tone, record},
};
use clap::Args;
use serde::Deserialize;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};
use wharden_model::api::AuditCheckpoint;

/// Flags of `audit verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// What `audit export` printed; `-` is standard input
    file: Option<PathBuf>,
    /// The key that the checkpoint must be signed with, as `audit checkpoint` shows it
    #[arg(long, value_name = "HEX", value_parser = key)]
    key: Option<Key>,
    /// A checkpoint of before, as `audit checkpoint -o json` printed it: what it covers must be there, unchanged
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Fail when the first record is not number 1
    #[arg(long)]
    from_start: bool,
}

/// A checkpoint in a file: alone, or as the last line of an export.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Alone(AuditCheckpoint),
    Line { checkpoint: AuditCheckpoint },
}

impl Verify {
    /// True when the controller's own word is not enough.
    pub fn is_done_here(&self) -> bool {
        self.file.is_some() || self.key.is_some() || self.checkpoint.is_some() || self.from_start
    }
}

/// `wharden audit verify`, done here.
///
/// # Errors
/// [`CliError::Verdict`] naming the first record that does not fit.
pub async fn run(args: Verify, context: &mut Context<'_>) -> Result<(), CliError> {
    let stdin = Some(Path::new("-"));
    if args.file.as_deref() == stdin && args.checkpoint.as_deref() == stdin {
        return Err(CliError::usage("standard input cannot be both export and checkpoint", "give one as a file"));
    }
    let kept = args.checkpoint.as_deref().map(|path| kept(path, context)).transpose()?;
    let knows_key = args.key.is_some() || kept.is_some();
    let mut check = Check::new(args.key, kept)?;
    match args.file.as_deref() {
        Some(path) => lines(path, &mut check, context)?,
        None => {
            let mut api = context.api()?;
            export::walk(&mut api, 0, |line| {
                check.take(line)?.ok_or_else(|| broken("what the controller gives is not of one piece"))
            })
            .await?;
        }
    }
    let found = check.close()?;
    if args.from_start && !found.from_start {
        let message = format!("the first record is number {}, not 1", found.first_seq);
        let hint = "verify an export that begins earlier; a cluster keeps the newest 100,000 records";
        return Err(incomplete(message, hint));
    }
    context.answer(&found, |look| card(&found, look))?;
    if !found.from_start && found.kept_seq.is_none() {
        context.note(&format!(
            "nothing ties record {} to those before it: give a checkpoint that was kept with --checkpoint",
            found.first_seq
        ));
    }
    if !knows_key {
        context.note(
            "compare the key with one that you kept, or give it with --key: whoever changes records can sign anew",
        );
    }
    Ok(())
}

fn kept(path: &Path, context: &mut Context<'_>) -> Result<AuditCheckpoint, CliError> {
    let text = read_text(path, INPUT_MAX, context.console)?;
    match serde_json::from_str(&text.text) {
        Ok(Kept::Alone(checkpoint) | Kept::Line { checkpoint }) => Ok(checkpoint),
        Err(_) => Err(CliError::usage(
            format!("{} is no checkpoint", text.origin),
            "give what `wharden audit checkpoint -o json` printed",
        )),
    }
}

fn lines(path: &Path, check: &mut Check, context: &mut Context<'_>) -> Result<(), CliError> {
    let stdin = path == Path::new("-");
    let what = if stdin { "standard input".to_owned() } else { path.display().to_string() };
    let read = |source: io::Error| CliError::Read { what: what.clone(), source };
    let source: Box<dyn Read + '_> =
        if stdin { Box::new(&mut context.console.stdin) } else { Box::new(File::open(path).map_err(read)?) };
    let mut source = BufReader::new(source);
    for number in 1_u64.. {
        let mut text = Vec::new();
        let most = INPUT_MAX as u64;
        if source.by_ref().take(most).read_until(b'\n', &mut text).map_err(read)? == 0 {
            break;
        }
        // A longer line is cut there, and cannot be read.
        let line = line(&text).map(|line| check.take(line)).transpose()?.flatten();
        line.ok_or_else(|| broken(format!("line {number} is not of an export of this version, or not at its place")))?;
    }
    Ok(())
}

/// Reads a line that is as `audit export` writes it. What it does not know is covered by no hash.
fn line(text: &[u8]) -> Option<Line> {
    let line: Line = serde_json::from_slice(text).ok()?;
    let whole: serde_json::Value = serde_json::from_slice(text).ok()?;
    (serde_json::to_value(&line).ok()? == whole).then_some(line)
}

fn key(text: &str) -> Result<Key, String> {
    let bytes = unhex(text).and_then(|bytes| Key::try_from(bytes).ok());
    bytes.ok_or_else(|| "a key is 64 hex digits; `wharden audit checkpoint` shows it".to_owned())
}

fn card(found: &Found, look: &Look) -> String {
    let Found { first_seq, last_seq, records, .. } = *found;
    let before = first_seq - 1;
    let chain = match (found.from_start, records) {
        (true, _) => Cell::toned("intact", Tone::Good),
        (false, 0) => Cell::toned(format!("no records after {before}"), Tone::Careful),
        (false, _) => Cell::toned(format!("intact from record {first_seq} on"), Tone::Careful),
    };
    let records = if records == 0 { "0".to_owned() } else { format!("{records}, {first_seq} to {last_seq}") };
    let mut fields = vec![("Chain", chain), ("Records", Cell::new(records))];
    if !found.from_start {
        let text = format!("records 1 to {before} are not in it; {} is the hash of the last of them", found.base);
        fields.push(("Before", Cell::toned(text, Tone::Careful)));
    }
    if let Some(seq) = found.kept_seq {
        fields.push(("Checkpoint", Cell::toned(format!("holds: record {seq} is the one it is of"), Tone::Good)));
    }
    fields.extend([("Head", Cell::new(&found.head)), ("Signed by", Cell::new(&found.signed_by))]);
    record(fields, look)
}
