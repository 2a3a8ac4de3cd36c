//! `audit`: what admins did, and whether the record of it is whole.

mod chain;
mod export;
mod list;
mod verify;

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, moment, record},
};
use clap::Subcommand;
use wharden_model::api::{AuditCheckpoint, AuditVerdict};

const HELP: &str = "\
Examples:
  wharden audit list --limit 20
  wharden audit list --user eve --since 7d
  wharden audit list --action policy --outcome refused --limit 1000 -o json
  wharden audit verify                          # by the controller
  wharden audit export > audit.jsonl            # all that is kept, with a signed checkpoint
  wharden audit verify audit.jsonl --key KEY    # here, without a controller
  wharden audit checkpoint -o json > cp.json    # to be kept elsewhere, and compared later:
  wharden audit verify --checkpoint cp.json     # here, over what the controller gives
  wharden audit verify - --checkpoint cp.json --from-start < audit.jsonl";

/// Commands of `audit`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Audit {
    /// List records, the newest or those after a number, oldest first
    #[command(visible_aliases = ["ls", "query"])]
    List(list::List),
    /// Recompute the chain of hashes: by the controller, or here with FILE or any of the flags
    Verify(verify::Verify),
    /// Print every record that is kept as JSON lines, and a signed checkpoint at the end
    Export {
        /// Only records after this number
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: u64,
    },
    /// Print how far the chain has come, signed: keep it where no controller reaches it
    Checkpoint,
}

/// `wharden audit …`.
///
/// # Errors
/// [`CliError::Verdict`] when the chain is broken.
pub async fn run(command: Audit, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Audit::List(args) => list::run(args, context).await,
        Audit::Verify(args) if args.is_done_here() => verify::run(args, context).await,
        Audit::Export { after } => export::run(after, context).await,
        Audit::Checkpoint => {
            let checkpoint: AuditCheckpoint = context.api()?.call(Call::get(&["audit", "checkpoint"])).await?;
            context.answer(&checkpoint, |look| checkpoint_card(&checkpoint, look))
        }
        Audit::Verify(_) => {
            let verdict: AuditVerdict = context.api()?.call(Call::get(&["audit", "verify"])).await?;
            context.answer(&verdict, |look| card(&verdict, look))?;
            if verdict.intact {
                return Ok(());
            }
            let place = verdict.broken_at.map(|n| format!(" at record {n}")).unwrap_or_default();
            Err(CliError::Verdict {
                code: "audit_broken",
                message: format!("the audit chain is broken{place}"),
                hint: "keep the controllers' data folders as they are, and compare them with a backup".to_owned(),
                details: Vec::new(),
            })
        }
    }
}

fn checkpoint_card(checkpoint: &AuditCheckpoint, look: &Look) -> String {
    let fields = vec![
        ("Cluster", Cell::new(&checkpoint.cluster_id)),
        ("Records", Cell::new(checkpoint.seq)),
        ("Head", Cell::new(&checkpoint.head)),
        ("At", Cell::new(moment(look.now, checkpoint.at))),
        ("Key", Cell::new(&checkpoint.key)),
        ("Signature", Cell::new(&checkpoint.signature)),
    ];
    record(fields, look)
}

fn card(verdict: &AuditVerdict, look: &Look) -> String {
    let state = if verdict.intact { Cell::toned("intact", Tone::Good) } else { Cell::toned("BROKEN", Tone::Bad) };
    let fields = vec![("Chain", state), ("Records", Cell::new(verdict.records)), ("Head", Cell::new(&verdict.head))];
    record(fields, look)
}
