//! `status`: how controllers and hosts are.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, ago, record, table},
};
use wharden_model::api::ClusterStatus;

/// `wharden status`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(context: &mut Context<'_>) -> Result<(), CliError> {
    let status: ClusterStatus = context.api()?.call(Call::get(&["status"])).await?;
    context.answer(&status, |look| card(&status, look))
}

fn card(status: &ClusterStatus, look: &Look) -> String {
    let connected = format!("{} connected of {}", status.hosts_connected, status.hosts_total);
    let behind = if status.hosts_behind == 0 { Tone::Plain } else { Tone::Careful };
    let fields = vec![
        ("Cluster", Cell::new(&status.cluster_id)),
        ("Revision", Cell::new(status.revision)),
        ("Hosts", Cell::new(connected)),
        ("Hosts behind", Cell::toned(status.hosts_behind, behind)),
        ("Users", Cell::new(status.users)),
        ("Policies", Cell::new(status.policies)),
        ("Events", Cell::new(status.events)),
        ("Audit records", Cell::new(status.audit_records)),
    ];
    let rows = status.controllers.iter().map(|node| {
        vec![
            Cell::new(node.node_id),
            Cell::new(&node.role),
            Cell::new(&node.version),
            Cell::new(node.term),
            Cell::new(node.last_log_index),
            Cell::new(node.applied_index),
            Cell::new(ago(look.now, node.started_at)),
        ]
    });
    let header = ["CONTROLLER", "ROLE", "VERSION", "TERM", "LOG", "APPLIED", "STARTED"];
    format!("{}\n{}", record(fields, look), table(&header, rows.collect(), look))
}
