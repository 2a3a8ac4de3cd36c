//! `policy simulate`: what drafts would have changed about recorded decisions.

use super::test::drafts;
use crate::{
    client::Call,
    context::Context,
    error::CliError,
    input::HostRef,
    output::{Cell, Look, Tone, table},
    span::Moment,
};
use clap::Args;
use wharden_model::api::{NoReplay, SimulateRequest, SimulatedChange, Simulation};

const HELP: &str = "\
Recorded decisions are decided again, by the stored policies and with the drafts laid over them;
what would differ is shown in groups, each with events as examples. Nothing is stored or enforced.
Groups and labels are those of today; of a request about several things, the one that decided counts.

Examples:
  wharden policy simulate ./team.cedar --since 7d
  wharden policy simulate baseline=./stricter.cedar --user bob --fail-on-change";

/// Flags of `policy simulate`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Simulate {
    /// Drafts; each stands in for the stored policy of its name
    #[arg(required = true, value_name = "[NAME=]FILE")]
    drafts: Vec<String>,
    /// Only what this user, service account or container asked for
    #[arg(long)]
    user: Option<String>,
    /// Only on this host, by id or name
    #[arg(long)]
    host: Option<HostRef>,
    /// Not before
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Moment,
    /// Before
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Exit with 1 if anything would change
    #[arg(long)]
    fail_on_change: bool,
}

/// `wharden policy simulate …`.
///
/// # Errors
/// [`CliError::Verdict`] when something would change and that was to be an error.
pub async fn run(args: Simulate, context: &mut Context<'_>) -> Result<(), CliError> {
    let now = context.console.now();
    let drafts = drafts(&args.drafts, context)?;
    let request = SimulateRequest {
        drafts,
        user: args.user,
        host: args.host.map(|host| host.0),
        since: Some(args.since.at(now).0),
        until: args.until.map(|moment| moment.at(now).0),
    };
    let found: Simulation = context.api()?.call(Call::post(&["policy", "simulate"]).body(&request)?).await?;
    context.answer(&found, |look| shown(&found, look))?;
    let changes = found.newly_refused.len() + found.newly_allowed.len();
    if args.fail_on_change && changes > 0 {
        return Err(CliError::Verdict {
            code: "would_change",
            message: format!("{changes} kind(s) of decisions would change"),
            hint: "the table above shows which".to_owned(),
            details: Vec::new(),
        });
    }
    Ok(())
}

fn shown(found: &Simulation, look: &Look) -> String {
    let Simulation { replayed, skipped, truncated, .. } = found;
    if replayed + skipped == 0 {
        return "nothing was recorded of this user, host and time: it cannot be told what would change".to_owned();
    }
    let mut text = format!("{replayed} decision(s) replayed, {skipped} could not be");
    if *truncated {
        text.push_str("; older ones were left out");
    }
    text.push('\n');
    let gaps: Vec<Vec<Cell>> = found
        .not_replayed
        .iter()
        .map(|gap| {
            let why = match gap.why {
                NoReplay::Invalid => "the request was invalid",
                NoReplay::FactsMissing => "not all facts were kept",
            };
            let example = Cell::toned(gap.examples.first().map_or("", String::as_str), Tone::Dim);
            vec![Cell::new(gap.count), Cell::new(&gap.who), Cell::new(gap.action), Cell::new(why), example]
        })
        .collect();
    if !gaps.is_empty() {
        text.push('\n');
        text.push_str(&table(&["NOT REPLAYED", "WHO", "ACTION", "WHY", "EXAMPLE"], gaps, look));
        text.push('\n');
    }
    let rows: Vec<Vec<Cell>> = found
        .newly_refused
        .iter()
        .map(|change| row("refused", Tone::Bad, change))
        .chain(found.newly_allowed.iter().map(|change| row("allowed", Tone::Good, change)))
        .collect();
    if rows.is_empty() {
        text.push_str("nothing would change");
    } else {
        text.push('\n');
        text.push_str(&table(&["WOULD BE", "COUNT", "WHO", "ACTION", "BECAUSE OF", "EXAMPLE"], rows, look));
    }
    text
}

fn row(word: &str, tone: Tone, change: &SimulatedChange) -> Vec<Cell> {
    vec![
        Cell::toned(word, tone),
        Cell::new(change.count),
        Cell::new(&change.who),
        Cell::new(change.action),
        Cell::new(&change.rule),
        Cell::toned(change.examples.first().map_or("", String::as_str), Tone::Dim),
    ]
}
