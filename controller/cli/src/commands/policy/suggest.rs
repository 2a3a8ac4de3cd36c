//! `policy suggest`: the least rules that allow what a user did.

use crate::{client::Call, context::Context, error::CliError, input::HostRef, output::clean, span::Moment};
use clap::Args;
use wharden_model::api::{PolicySuggestion, SuggestRequest, Wildcard};

const HELP: &str = "\
Reads what was allowed to the user, or would have been refused in posture observe, and writes rules
that permit exactly that: on these hosts, these images, these names, with no more power than was
asked for. Nothing is stored. The text goes to standard output, what it was made from to standard
error. It has been tried: by itself it allows every one of the events, and refuses requests that
differ from one of them in one thing.

Wildcards leave something open, and nothing else:
  image-tag         any tag of an image's repository
  image-repository  any repository of an image's registry
  container-name    any name of a container
  command           any command and entry point
  host              any host; with --label, any that has it
  listed            whatever the lists, disk usage and events that were asked for show

Examples:
  wharden policy suggest --user alice --since 7d > alice.cedar
  wharden policy suggest --user alice --label env=dev --wildcard host --wildcard image-tag
  wharden policy simulate ./alice.cedar --user alice --since 7d";

/// Flags of `policy suggest`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Suggest {
    /// The user or service account
    #[arg(long)]
    user: String,
    /// Only what was done on this host, by id or name
    #[arg(long, conflicts_with = "label")]
    host: Option<HostRef>,
    /// Only what was done on hosts with this label
    #[arg(long, value_name = "KEY=VALUE")]
    label: Option<String>,
    /// Not before
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Moment,
    /// Before
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Leave this open; may be given many times, or as a list with commas
    #[arg(long = "wildcard", value_name = "WHAT", value_delimiter = ',')]
    wildcards: Vec<Wildcard>,
    /// Permit also what was refused
    #[arg(long)]
    include_refused: bool,
}

/// `wharden policy suggest …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(args: Suggest, context: &mut Context<'_>) -> Result<(), CliError> {
    let now = context.console.now();
    let request = SuggestRequest {
        user: args.user,
        host: args.host.map(|host| host.0),
        label: args.label,
        since: Some(args.since.at(now).0),
        until: args.until.map(|moment| moment.at(now).0),
        wildcards: args.wildcards,
        include_refused: args.include_refused,
    };
    let found: PolicySuggestion = context.api()?.call(Call::post(&["policy", "suggest"]).body(&request)?).await?;
    context.answer(&found, |_| found.text.clone())?;
    for line in notes(&request, &found) {
        context.note(&line);
    }
    Ok(())
}

fn notes(asked: &SuggestRequest, found: &PolicySuggestion) -> Vec<String> {
    let mut lines = Vec::new();
    if found.rules == 0 {
        let place = match (&asked.host, &asked.label) {
            (Some(host), _) => format!(" on host {host}"),
            (None, Some(label)) => format!(" on hosts with {label}"),
            (None, None) => String::new(),
        };
        let since = asked.since.map(|at| format!(" since {at}")).unwrap_or_default();
        let until = asked.until.map(|at| format!(" until {at}")).unwrap_or_default();
        lines.push(format!(
            "there is nothing to permit: no event of {}{place}{since}{until} was allowed or would have been refused; \
             `wharden events --user NAME` shows what there is",
            asked.user
        ));
    } else {
        lines.push(format!(
            "{} rule(s) from {} event(s); tried: all of these are allowed, {} near them are refused",
            found.rules, found.events, found.mutations
        ));
    }
    if found.truncated {
        lines.push(
            "there are older events than were read, the newest 10,000 at most: ask for a shorter time to know about all"
                .to_owned(),
        );
    }
    for (count, why) in [
        (found.refused, "were refused and left out; --include-refused permits them too"),
        (
            found.skipped,
            "were left out: not all of their facts were kept, the request was invalid, or a text in it mixes scripts, which no \
             policy may hold",
        ),
    ] {
        if count > 0 {
            lines.push(format!("{count} event(s) {why}"));
        }
    }
    if !found.lists.is_empty() {
        let lists: Vec<_> = found.lists.iter().map(|action| action.name()).collect();
        lines.push(format!(
            "{} show only what the user may inspect; --wildcard listed permits all that they show",
            lists.join(", ")
        ));
    }
    for kind in &found.still_refused {
        let who = format!("{} {}", clean(&kind.who), kind.action);
        lines.push(format!("stored rules still refuse {} of them: {who}, rule {}", kind.count, clean(&kind.rule)));
    }
    lines
}
