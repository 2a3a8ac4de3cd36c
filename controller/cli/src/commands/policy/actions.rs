//! `policy actions`: the words that rules can name. They come with this program, not from the controller.

use crate::{
    context::Context,
    error::CliError,
    output::{Cell, table},
};
use clap::Args;
use serde::Serialize;
use wharden_model::{Action, AdminAction};

const HELP: &str = "\
Examples:
  wharden policy actions container
  wharden policy actions --admin";

/// Flags of `policy actions`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Actions {
    /// Only actions of this noun
    noun: Option<String>,
    /// What admins do here, in place of what people and containers do on hosts
    #[arg(long)]
    admin: bool,
}

#[derive(Serialize)]
struct Row {
    action: &'static str,
    group: &'static str,
    resource: String,
    cedar: String,
}

/// `wharden policy actions`.
///
/// # Errors
/// [`CliError::Usage`] for a noun that no action has.
pub fn run(args: &Actions, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut rows: Vec<Row> = if args.admin { admin() } else { docker() };
    if let Some(noun) = &args.noun {
        rows.retain(|row| row.action.split('.').next() == Some(noun));
        if rows.is_empty() {
            return Err(CliError::usage(
                format!("no action has the noun {noun:?}"),
                "`wharden policy actions` and `wharden policy actions --admin` list them all",
            ));
        }
    }
    context.answer(&rows, |look| {
        let cells = rows.iter().map(|row| {
            vec![Cell::new(row.action), Cell::or_dash(row.group), Cell::new(&row.resource), Cell::new(&row.cedar)]
        });
        table(&["ACTION", "GROUP", "RESOURCE", "IN RULES"], cells.collect(), look)
    })
}

fn docker() -> Vec<Row> {
    let row = |action: &Action| Row {
        action: action.name(),
        group: action.group().name().unwrap_or_default(),
        resource: format!("Docker::{}", action.resource().name()),
        cedar: format!("Docker::Action::\"{action}\""),
    };
    Action::ALL.iter().map(row).collect()
}

fn admin() -> Vec<Row> {
    let row = |action: &AdminAction| Row {
        action: action.name(),
        group: action.group().name(),
        resource: action.resource().entity_type().to_owned(),
        cedar: format!("Wharden::Action::\"{action}\""),
    };
    AdminAction::ALL.iter().map(row).collect()
}
