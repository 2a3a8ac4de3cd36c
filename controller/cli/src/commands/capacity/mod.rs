//! `capacity`: which hosts are too full, what to move where, and when.

mod show;
mod thresholds;

use crate::{client::Call, context::Context, error::CliError, span::Span};
use clap::{Args, Subcommand};
use wharden_model::{
    api::{AcceptedMove, CapacityAdvice, CapacityExplanation, CapacityHistory, CapacitySnooze, CapacityStatus},
    capacity::{AdviceId, Signal},
};

const HELP: &str = "\
An alert rises when a host has been over a high mark for its hold time, and is over by itself when it has
been under the low one for as long. Advice names the fewest and smallest moves that bring a host down; nothing is
moved by Wharden. Containers say with labels what holds them:
  wharden.capacity.pinned=true         it stays where it is
  wharden.capacity.requires=zone=a     labels that its host must have
  wharden.capacity.apart=db            never two of one group on one host
and hosts, with labels: containers-max, pids-max.

Examples:
  wharden capacity status
  wharden capacity advice
  wharden capacity explain web1 shop
  wharden capacity accept mv-0123456789abcdef
  wharden capacity snooze web1 --for 4h
  wharden capacity thresholds set db --label role=db --mark memory=80/70:15m";

/// Commands of `capacity`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Capacity {
    /// Show alerts, and hosts that are filling up
    Status,
    /// Show what to move, from where, to where, and why
    Advice,
    /// Show the whole plan: both hosts before and after, and hosts that moves cannot help
    Plan,
    /// Show where a container could go, and what stands in the way elsewhere
    Explain {
        /// Name or id of the host that it is on
        host: String,
        /// Name of the container, or the beginning of its id
        container: String,
    },
    /// Say that you follow a piece of advice: its room is kept for a day
    Accept { advice: AdviceId },
    /// Put the alerts of a host off; nothing is advised for them meanwhile
    Snooze(Snooze),
    /// Show what has happened
    History,
    /// Marks by host group
    #[command(subcommand)]
    Thresholds(thresholds::Thresholds),
}

/// Flags of `capacity snooze`.
#[derive(Debug, Args)]
pub struct Snooze {
    /// Name or id of the host
    host: String,
    /// How long, 1m to 30d
    #[arg(long = "for", value_name = "DURATION", default_value = "4h")]
    span: Span,
    /// Only this one: cpu, memory, disk, pids, containers, psi_cpu, psi_memory or psi_io
    #[arg(long)]
    signal: Option<Signal>,
}

/// `wharden capacity …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Capacity, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Capacity::Status => {
            let status: CapacityStatus = context.api()?.call(Call::get(&["capacity"])).await?;
            context.answer(&status, |look| show::status(&status, look))?;
            without(&status.unreachable, context);
            if status.advice + status.stuck > 0 {
                context.note("`wharden capacity advice` shows what to do");
            }
            Ok(())
        }
        Capacity::Advice => {
            let advice = plan(context).await?;
            context.answer(&advice, |look| show::advice(&advice, look))?;
            without(&advice.unreachable, context);
            hint(&advice, context);
            Ok(())
        }
        Capacity::Plan => {
            let advice = plan(context).await?;
            context.answer(&advice, |look| show::plan(&advice, look))?;
            without(&advice.unreachable, context);
            hint(&advice, context);
            Ok(())
        }
        Capacity::Explain { host, container } => {
            let call = Call::get(&["capacity", "hosts", &host, "containers", &container]);
            let explanation: CapacityExplanation = context.api()?.call(call).await?;
            context.answer(&explanation, |look| show::explanation(&explanation, look))
        }
        Capacity::Accept { advice } => {
            let call = Call::post(&["capacity", "advice", advice.as_str(), "accept"]);
            let accepted: AcceptedMove = context.api()?.call(call).await?;
            let (name, target) = (&accepted.advice.container.name, &accepted.advice.target.host.name);
            context.made(&accepted, &format!("room for {name} is kept on {target} for a day"))?;
            context.note(&format!("`wharden move preview {advice}` prints the commands"));
            Ok(())
        }
        Capacity::Snooze(Snooze { host, span, signal }) => {
            let body = CapacitySnooze { for_s: span.0, signal };
            let call = Call::post(&["capacity", "hosts", &host, "snooze"]).body(&body)?;
            let status: CapacityStatus = context.api()?.call(call).await?;
            context.made(&status, &format!("the alerts of {host} are put off"))
        }
        Capacity::History => {
            let history: CapacityHistory = context.api()?.call(Call::get(&["capacity", "history"])).await?;
            context.answer(&history, |look| show::history(&history, look))?;
            without(&history.unreachable, context);
            Ok(())
        }
        Capacity::Thresholds(noun) => thresholds::run(noun, context).await,
    }
}

async fn plan(context: &mut Context<'_>) -> Result<CapacityAdvice, CliError> {
    context.api()?.call(Call::get(&["capacity", "plan"])).await
}

fn without(unreachable: &[u64], context: &mut Context<'_>) {
    if !unreachable.is_empty() {
        let numbers: Vec<String> = unreachable.iter().map(ToString::to_string).collect();
        context.note(&format!("controllers {} did not answer: their hosts are missing here", numbers.join(", ")));
    }
}

fn hint(advice: &CapacityAdvice, context: &mut Context<'_>) {
    if let Some(first) = advice.plan.advice.first() {
        context.note(&format!(
            "`wharden move preview {}` prints the commands of one, `wharden capacity accept {}` keeps its room",
            first.id, first.id
        ));
    } else if advice.plan.stuck.is_empty() && advice.accepted.is_empty() {
        context.note("`wharden capacity status` shows what is watched");
    }
}
