//! `capacity thresholds`: when a host has too much to carry, by host group.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, ago, table},
    span::Span,
};
use clap::{Args, Subcommand};
use reqwest::Method;
use std::{collections::BTreeMap, str::FromStr};
use wharden_model::{
    Labels,
    api::{CapacityThresholds, NamedThresholds},
    capacity::{Mark, Signal, ThresholdName, ThresholdRule, show_permille},
};

/// Commands of `capacity thresholds`.
#[derive(Debug, Subcommand)]
pub enum Thresholds {
    /// Show all sets of thresholds, and what holds without
    #[command(visible_alias = "ls")]
    List,
    /// Create or replace a set; the longest selector decides, signal by signal
    Set(Set),
    /// Delete a set; what it concerned has the next one that fits
    #[command(visible_alias = "rm")]
    Delete {
        name: ThresholdName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Flags of `capacity thresholds set`.
#[derive(Debug, Args)]
pub struct Set {
    name: ThresholdName,
    /// Label of the hosts that it is for, key=value; may be given many times; all hosts without one
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,
    /// High and low mark in percent and how long, e.g. memory=85/75:10m; may be given many times
    #[arg(long = "mark", value_name = "SIGNAL=HIGH/LOW[:TIME]", required = true)]
    marks: Vec<Marked>,
}

/// One `--mark`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marked(Signal, Mark);

impl FromStr for Marked {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let wrong = || format!("{s:?} is not SIGNAL=HIGH/LOW[:TIME], e.g. memory=85/75:10m");
        let (signal, rest) = s.split_once('=').ok_or_else(wrong)?;
        let signal: Signal = signal.parse()?;
        let (marks, time) = rest.split_once(':').map_or((rest, None), |(marks, time)| (marks, Some(time)));
        let (high, low) = marks.split_once('/').ok_or_else(wrong)?;
        let hold_s = match time {
            Some(time) => u32::try_from(time.parse::<Span>()?.0).map_err(|_| wrong())?,
            None => Mark::standard(signal).hold_s,
        };
        let permille = |text: &str| percent(text).ok_or_else(wrong);
        Ok(Self(signal, Mark { high_permille: permille(high)?, low_permille: permille(low)?, hold_s }))
    }
}

/// Thousandths of `85` or `87.5` percent.
fn percent(text: &str) -> Option<u16> {
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.len() <= 3 && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || tenth.len() != 1 || !digits(tenth) {
        return None;
    }
    whole.parse::<u16>().ok()?.checked_mul(10)?.checked_add(tenth.parse().ok()?)
}

/// `wharden capacity thresholds …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Thresholds, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Thresholds::List => {
            let all: CapacityThresholds = context.api()?.call(Call::get(&["capacity", "thresholds"])).await?;
            context.answer(&all, |look| rows(&all, look))
        }
        Thresholds::Set(Set { name, labels, marks }) => {
            let selector = Labels::parse(&labels)
                .map_err(|error| CliError::usage(error.to_string(), "write --label key=value, once for each label"))?;
            let marks: BTreeMap<Signal, Mark> = marks.into_iter().map(|Marked(signal, mark)| (signal, mark)).collect();
            let rule = ThresholdRule { selector, marks };
            rule.check().map_err(|error| CliError::usage(error.to_string(), "write --mark memory=85/75:10m"))?;
            let call = Call::new(Method::PUT, &["capacity", "thresholds", name.as_str()]).body(&rule)?;
            let set: NamedThresholds = context.api()?.call(call).await?;
            context.made(&set, &format!("thresholds {name} are set"))
        }
        Thresholds::Delete { name, yes } => {
            context.confirm(yes, &format!("Delete thresholds {name}?"))?;
            context.api()?.act(Call::delete(&["capacity", "thresholds", name.as_str()])).await?;
            context.done(&format!("thresholds {name} are deleted"))
        }
    }
}

fn rows(all: &CapacityThresholds, look: &Look) -> String {
    let line = |name: &str, hosts: String, signal: &Signal, mark: &Mark, when: String| {
        vec![
            Cell::new(name),
            Cell::new(hosts),
            Cell::new(signal),
            Cell::new(show_permille(mark.high_permille)),
            Cell::new(show_permille(mark.low_permille)),
            Cell::new(format!("{} s", mark.hold_s)),
            Cell::or_dash(when),
        ]
    };
    let mut rows = Vec::new();
    for set in &all.rules {
        let hosts = if set.rule.selector.is_empty() { "all".to_owned() } else { set.rule.selector.to_string() };
        for (signal, mark) in &set.rule.marks {
            rows.push(line(set.name.as_str(), hosts.clone(), signal, mark, ago(look.now, set.updated_at)));
        }
    }
    for (signal, mark) in &all.standard {
        rows.push(line("(standard)", "all others".to_owned(), signal, mark, String::new()));
    }
    table(&["NAME", "HOSTS", "SIGNAL", "HIGH", "LOW", "HOLD", "UPDATED"], rows, look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_people_write_them() {
        let mark = |high_permille, low_permille, hold_s| Mark { high_permille, low_permille, hold_s };
        assert_eq!("memory=85/75:10m".parse(), Ok(Marked(Signal::Memory, mark(850, 750, 600))));
        assert_eq!("psi_memory=12.5/5".parse(), Ok(Marked(Signal::PsiMemory, mark(125, 50, 300))));
        for bad in ["memory", "memory=85", "ram=85/75", "memory=85/x", "memory=85/75:10", "memory=8.55/7", "cpu=/1"] {
            assert!(bad.parse::<Marked>().is_err(), "{bad}");
        }
    }
}
