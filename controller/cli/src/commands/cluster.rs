//! `cluster`: the controllers.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, ago, moment, table},
    span::Span,
};
use clap::{Args, Subcommand};
use wharden_model::{
    AdminAction,
    api::{ControllerCode, Controllers, NewControllerCode},
};

const HELP: &str = "\
One controller comes or goes at a time, and none when the voters that can be reached would be
fewer than a majority. Three controllers survive the loss of one, five the loss of two.

Examples:
  wharden cluster add
  wharden cluster status
  wharden cluster remove 2
  wharden cluster replace 3";

/// Commands of `cluster`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Cluster {
    /// Show the controllers: who leads, who answers, who is behind
    Status,
    /// Print a code that lets one more controller join, this once
    Add(Add),
    /// Take a controller out; its number never comes back
    Remove {
        number: u64,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Give a learner a vote
    Promote { number: u64 },
    /// Print a code for a new controller; the old one goes once the new one votes
    Replace {
        number: u64,
        /// How long the code is good, 1m to 24h
        #[arg(long, value_name = "DURATION", default_value = "1h")]
        ttl: Span,
    },
}

/// Flags of `cluster add`.
#[derive(Debug, Args)]
pub struct Add {
    /// How long the code is good, 1m to 24h
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    ttl: Span,
    /// It gets no vote until it is promoted
    #[arg(long)]
    learner: bool,
}

/// `wharden cluster …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Cluster, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Cluster::Status => {
            let status: Controllers = context.api()?.call(Call::get(&["cluster"])).await?;
            let urls = status.controllers.iter().map(|controller| controller.rest_url.clone()).collect();
            if let Err(error) = context.remember(urls).await {
                context.note(&format!("the list of controllers cannot be kept here: {error}"));
            }
            context.answer(&status, |look| card(&status, look))
        }
        Cluster::Add(Add { ttl, learner }) => {
            let new = NewControllerCode { ttl_s: ttl.0, learner };
            let code = context
                .api()?
                .call(Call::post(&["cluster", "codes"]).of(AdminAction::ClusterUpdate).body(&new)?)
                .await?;
            show(&code, context)
        }
        Cluster::Replace { number, ttl } => {
            let new = NewControllerCode { ttl_s: ttl.0, learner: false };
            let number = number.to_string();
            let code = context
                .api()?
                .call(Call::post(&["cluster", &number, "replace"]).of(AdminAction::ClusterUpdate).body(&new)?)
                .await?;
            show(&code, context)
        }
        Cluster::Remove { number, yes } => {
            context.confirm(yes, &format!("Remove controller {number}? It stops, and its number never comes back."))?;
            context.api()?.act(Call::delete(&["cluster", &number.to_string()]).of(AdminAction::ClusterUpdate)).await?;
            context.done(&format!("controller {number} is leaving; `wharden cluster status` shows when it is gone"))
        }
        Cluster::Promote { number } => {
            context
                .api()?
                .act(Call::post(&["cluster", &number.to_string(), "promote"]).of(AdminAction::ClusterUpdate))
                .await?;
            context.done(&format!("controller {number} gets a vote once it has caught up"))
        }
    }
}

fn show(code: &ControllerCode, context: &mut Context<'_>) -> Result<(), CliError> {
    context.answer(code, |_| code.code.reveal().to_owned())?;
    let until = moment(context.console.now(), code.expires_at);
    context.note(&format!("shown this once, good once, until {until}. On the new controller's machine:"));
    context.note(&format!(
        "  wharden-controller join --data-dir DIR --advertise ITS-NAME --peer {} --code CODE",
        code.peer_address
    ));
    if let Some(old) = code.replaces {
        context.note(&format!("controller {old} is removed once the new one has a vote"));
    }
    Ok(())
}

fn card(status: &Controllers, look: &Look) -> String {
    let rows = status.controllers.iter().map(|c| {
        let role = if c.leader { format!("{}, leader", c.role) } else { c.role.clone() };
        let (state, tone) = if c.reachable { ("reachable", Tone::Plain) } else { ("no answer", Tone::Careful) };
        vec![
            Cell::new(c.number),
            Cell::new(&c.name),
            Cell::new(role),
            Cell::toned(state, tone),
            Cell::or_dash(c.applied_index.map_or_else(String::new, |at| at.to_string())),
            Cell::or_dash(c.lag.map_or_else(String::new, |lag| lag.to_string())),
            Cell::or_dash(&c.version),
            Cell::new(&c.peer_address),
            Cell::new(ago(look.now, c.joined_at)),
        ]
    });
    let header = ["CONTROLLER", "NAME", "ROLE", "STATE", "APPLIED", "LAG", "VERSION", "PEERS", "JOINED"];
    let mut text = table(&header, rows.collect(), look);
    let Controllers { quorum, reachable_voters, .. } = status;
    text.push_str(&format!("\nvoters that can be reached: {reachable_voters}; needed: {quorum}\n"));
    if let Some(number) = status.changing {
        text.push_str(&format!("the change of controller {number} is under way\n"));
    }
    text
}
