//! `pack`: starter packs, policies to begin with.

use super::policy::told;
use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, clean_text, record, table},
};
use clap::Subcommand;
use wharden_model::{
    AdminAction, Mode, PolicyName,
    api::{self, ApplyPack, Policy},
};

const HELP: &str = "\
A pack is put as the policy of its name; change it there afterwards with `wharden policy put`.

Examples:
  wharden pack list
  wharden pack show baseline
  wharden pack apply baseline --mode monitor";

/// Commands of `pack`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Pack {
    /// List packs
    #[command(visible_alias = "ls")]
    List,
    /// Show a pack and its text
    Show {
        name: PolicyName,
        /// Only the text
        #[arg(long)]
        text: bool,
    },
    /// Put a pack as the policy of its name
    Apply {
        name: PolicyName,
        /// enforce, monitor or disabled
        #[arg(long, default_value_t)]
        mode: Mode,
    },
}

/// `wharden pack …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Pack, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Pack::List => {
            let packs: Vec<api::Pack> = context.api()?.call(Call::get(&["packs"])).await?;
            context.list(&packs, "no packs", |look| rows(&packs, look))
        }
        Pack::Show { name, text } => {
            let pack: api::Pack = context.api()?.call(Call::get(&["packs", name.as_str()])).await?;
            context.answer(&pack, |look| {
                let body = clean_text(pack.text.as_deref().unwrap_or_default());
                if text { body } else { format!("{}\n{body}", card(&pack, look)) }
            })
        }
        Pack::Apply { name, mode } => {
            let call =
                Call::post(&["packs", name.as_str(), "apply"]).of(AdminAction::PackApply).body(&ApplyPack { mode })?;
            let policy: Policy = context.api()?.call(call).await?;
            told(&policy, context)
        }
    }
}

fn state(pack: &api::Pack) -> Cell {
    match (pack.applied, pack.up_to_date) {
        (None, _) => Cell::toned("not applied", Tone::Dim),
        (Some(mode), true) => Cell::new(mode),
        (Some(mode), false) => Cell::toned(format!("{mode}, changed"), Tone::Careful),
    }
}

fn rows(packs: &[api::Pack], look: &Look) -> String {
    let rows = packs
        .iter()
        .map(|pack| vec![Cell::new(&pack.name), Cell::new(pack.rules), state(pack), Cell::new(&pack.summary)]);
    table(&["NAME", "RULES", "STATE", "SUMMARY"], rows.collect(), look)
}

fn card(pack: &api::Pack, look: &Look) -> String {
    let fields = vec![
        ("Name", Cell::new(&pack.name)),
        ("Summary", Cell::new(&pack.summary)),
        ("Rules", Cell::new(pack.rules)),
        ("State", state(pack)),
    ];
    record(fields, look)
}
