//! `alerts`: what a person should know of.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, ago, moment, record, table},
    span::Span,
};
use clap::Subcommand;
use wharden_model::{
    AlertId, AlertState, Severity,
    api::{Acknowledge, Alert, Snooze},
};

const HELP: &str = "\
An alert is raised once and stays until it is over. `wharden notify channel add` sends alerts on.

Examples:
  wharden alerts list
  wharden alerts ack host_lost:h-0123456789abcdef --note \"new disk on its way\"
  wharden alerts snooze disk_headroom:2 12h";

/// Commands of `alerts`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Alerts {
    /// List alerts, the worst first
    #[command(visible_alias = "ls")]
    List {
        /// Those too that are over
        #[arg(long)]
        all: bool,
    },
    /// Show one alert, and what to do
    Show { id: AlertId },
    /// Take care of an alert: it is not repeated
    Ack {
        id: AlertId,
        /// For the others
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Hear nothing about an alert for a while
    Snooze {
        id: AlertId,
        /// How long, up to 30d
        #[arg(value_name = "DURATION", default_value = "4h")]
        span: Span,
    },
}

/// `wharden alerts …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Alerts, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Alerts::List { all } => {
            let call = Call::get(&["alerts"]).query("all", all.then_some(true));
            let alerts: Vec<Alert> = context.api()?.call(call).await?;
            context.list(&alerts, "no alerts", |look| rows(&alerts, look))
        }
        Alerts::Show { id } => {
            let alert: Alert = context.api()?.call(Call::get(&["alerts", id.as_str()])).await?;
            context.answer(&alert, |look| card(&alert, look))
        }
        Alerts::Ack { id, note } => {
            let call = Call::post(&["alerts", id.as_str(), "acknowledge"]).body(&Acknowledge { note })?;
            let alert: Alert = context.api()?.call(call).await?;
            context.made(&alert, &format!("alert {id} is acknowledged"))
        }
        Alerts::Snooze { id, span } => {
            let call = Call::post(&["alerts", id.as_str(), "snooze"]).body(&Snooze { seconds: span.0 })?;
            let alert: Alert = context.api()?.call(call).await?;
            let until = alert.snoozed_until.map(|at| moment(context.console.now(), at)).unwrap_or_default();
            context.made(&alert, &format!("alert {id} is silent until {until}"))
        }
    }
}

/// A severity in its colour.
pub(super) fn severity(severity: Severity) -> Cell {
    let tone = match severity {
        Severity::Info => Tone::Plain,
        Severity::Warning => Tone::Careful,
        Severity::Critical => Tone::Bad,
    };
    Cell::toned(severity, tone)
}

fn rows(alerts: &[Alert], look: &Look) -> String {
    let rows = alerts.iter().map(|alert| {
        let over = alert.state == AlertState::Resolved;
        vec![
            if over { Cell::toned(alert.severity, Tone::Dim) } else { severity(alert.severity) },
            Cell::new(alert.state),
            Cell::new(ago(look.now, alert.raised_at)),
            Cell::new(&alert.subject),
            Cell::new(&alert.summary),
            Cell::new(&alert.id),
        ]
    });
    table(&["SEVERITY", "STATE", "RAISED", "ABOUT", "WHAT", "ID"], rows.collect(), look)
}

fn card(alert: &Alert, look: &Look) -> String {
    let mut fields = vec![
        ("Alert", Cell::new(&alert.id)),
        ("Severity", severity(alert.severity)),
        ("State", Cell::new(alert.state)),
        ("About", Cell::new(&alert.subject)),
        ("What", Cell::new(&alert.summary)),
        ("Seen", Cell::or_dash(&alert.detail)),
        ("What to do", Cell::or_dash(&alert.advice)),
        ("Raised", Cell::new(moment(look.now, alert.raised_at))),
    ];
    if let Some(at) = alert.resolved_at {
        fields.push(("Resolved", Cell::new(moment(look.now, at))));
    }
    if let Some(by) = &alert.acknowledged_by {
        let note = if alert.note.is_empty() { String::new() } else { format!(": {}", alert.note) };
        fields.push(("Acknowledged", Cell::new(format!("{by}{note}"))));
    }
    if let Some(until) = alert.snoozed_until {
        fields.push(("Silent until", Cell::new(moment(look.now, until))));
    }
    let told: Vec<&str> = alert.told.iter().map(AsRef::as_ref).collect();
    fields.push(("Told", Cell::or_dash(told.join(" "))));
    record(fields, look)
}
