//! `policy diff`: what would change, line by line.

use super::read::shown;
use crate::{client::Call, context::Context, error::CliError, input::read_policy, output::Tone};
use clap::{ArgGroup, Args};
use serde::Serialize;
use similar::TextDiff;
use std::path::PathBuf;
use wharden_model::{
    PolicyName,
    api::{Policy, PolicyVersion},
};

const HELP: &str = "\
With FILE: from the stored policy to the file. With --version: from that version to the newest one.
Lines with - go, lines with + come.

Examples:
  wharden policy diff team ./team.cedar
  wharden policy diff team --version 3";

/// Flags of `policy diff`.
#[derive(Debug, Args)]
#[command(
    after_help = HELP,
    override_usage = "wharden policy diff [OPTIONS] <NAME> <FILE|--version <N>>",
    group = ArgGroup::new("other").required(true)
)]
pub struct Diff {
    /// The stored policy
    name: PolicyName,
    /// The text to compare with
    #[arg(group = "other")]
    file: Option<PathBuf>,
    /// The version to compare with
    #[arg(long, value_name = "N", group = "other")]
    version: Option<u64>,
}

#[derive(Serialize)]
struct Difference<'a> {
    from: &'a str,
    to: &'a str,
    changed: bool,
    diff: &'a str,
}

/// `wharden policy diff NAME …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(args: &Diff, context: &mut Context<'_>) -> Result<(), CliError> {
    let name = args.name.as_str();
    let file = match &args.file {
        Some(path) => Some(read_policy(path, context.console)?),
        None => None,
    };
    let mut api = context.api()?;
    let stored: Policy = api.call(Call::get(&["policies", name])).await?;
    let newest = (format!("{name} version {}", stored.version), stored.text.unwrap_or_default());
    let (old, new) = match (file, args.version) {
        (Some(source), _) => (newest, (source.origin, source.text)),
        (None, version) => {
            let number = version.unwrap_or(stored.version).to_string();
            let version: PolicyVersion = api.call(Call::get(&["policies", name, "versions", &number])).await?;
            ((format!("{name} version {number}"), version.text), newest)
        }
    };
    let text = if old.1 == new.1 {
        String::new()
    } else {
        TextDiff::from_lines(&old.1, &new.1).unified_diff().header(&old.0, &new.0).to_string()
    };
    let difference = Difference { from: &old.0, to: &new.0, changed: !text.is_empty(), diff: &text };
    if text.is_empty() {
        context.note("no difference");
    }
    let human = shown(&text, context);
    context.answer(&difference, |look| human.lines().map(|line| paint(line, look.colour) + "\n").collect())
}

fn paint(line: &str, colour: bool) -> String {
    let tone = match line.as_bytes().first() {
        Some(b'+') => Tone::Good,
        Some(b'-') => Tone::Bad,
        Some(b'@') => Tone::Dim,
        _ => Tone::Plain,
    };
    tone.paint(line, colour)
}
