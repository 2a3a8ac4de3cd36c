//! `move`: how a person moves a container that is advised to move.

use crate::{client::Call, context::Context, error::CliError, output::clean};
use clap::Subcommand;
use wharden_model::{api::MovePreview, capacity::AdviceId};

const HELP: &str = "\
Wharden moves nothing. The commands go through the guard of both hosts, so that the policies there
have their say.

Examples:
  wharden move preview mv-0123456789abcdef
  wharden move preview mv-0123456789abcdef -o json";

/// Commands of `move`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Moves {
    /// Print the commands that move a container, for a person to run
    Preview {
        /// Id of the advice, as `wharden capacity advice` shows it
        advice: AdviceId,
    },
}

/// `wharden move …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(Moves::Preview { advice }: Moves, context: &mut Context<'_>) -> Result<(), CliError> {
    let call = Call::get(&["capacity", "advice", advice.as_str(), "commands"]);
    let preview: MovePreview = context.api()?.call(call).await?;
    context.answer(&preview, |_| text(&preview))?;
    context.note(&format!("`wharden capacity accept {advice}` keeps the room until it is done"));
    Ok(())
}

fn text(preview: &MovePreview) -> String {
    let advice = &preview.advice;
    let (name, from, to) = (&advice.container.name, &advice.source.host.name, &advice.target.host.name);
    let mut text = format!("# move {} from {} to {}\n", clean(name), clean(from), clean(to));
    for note in &preview.notes {
        text.push_str(&format!("# {}\n", clean(note)));
    }
    let mut on = None;
    for step in &preview.steps {
        if on != Some(&step.on) {
            text.push_str(&format!("\n# on {}\n", clean(&step.on.name)));
            on = Some(&step.on);
        }
        text.push_str(&format!("# {}\n{}\n", clean(&step.why), clean(&step.command)));
    }
    text
}
