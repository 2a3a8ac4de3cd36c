//! `audit export`: the chain as JSON lines. The first line says where it begins, the last one is a signed checkpoint.

use crate::{
    client::{Api, Call},
    context::Context,
    error::CliError,
    output::clean_json,
};
use serde::{Deserialize, Serialize};
use wharden_model::{
    api::{AuditCheckpoint, AuditPage, AuditRecord},
    limits::AUDIT_PAGE_MAX,
};

/// Version of the form.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// The first: the hash of the record before the first one.
    Begin {
        wharden_audit: u32,
        base: String,
    },
    Record(Box<AuditRecord>),
    /// The last.
    End {
        checkpoint: AuditCheckpoint,
    },
}

/// `wharden audit export`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(after: u64, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut api = context.api()?;
    walk(&mut api, after, |line| {
        let mut text = clean_json(serde_json::to_string(&line)?);
        text.push('\n');
        context.console.print(&text)
    })
    .await
}

/// Gives the lines of an export one by one.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn walk(
    api: &mut Api,
    mut after: u64,
    mut give: impl FnMut(Line) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut begun = false;
    // Before the records: what is added meanwhile is beyond it.
    let checkpoint: AuditCheckpoint = api.call(Call::get(&["audit", "checkpoint"])).await?;
    while after < checkpoint.seq || !begun {
        let call = Call::get(&["audit"]).query("after", Some(after)).query("limit", Some(AUDIT_PAGE_MAX));
        let page: AuditPage = api.call(call).await?;
        if !begun {
            give(Line::Begin { wharden_audit: FORMAT, base: page.base })?;
            begun = true;
        }
        let Some(last) = page.records.last().map(|record| record.seq) else { break };
        for record in page.records.into_iter().filter(|record| record.seq <= checkpoint.seq) {
            give(Line::Record(Box::new(record)))?;
        }
        after = last;
    }
    give(Line::End { checkpoint })
}
