//! The audit, sent elsewhere as it grows: to a syslog server (RFC 5424 over TLS) and to a webhook (signed with HMAC).
//!
//! ```text
//! state.audit ──▶ feed: from the number in DIR/audit-export.SINK on, in order ──▶ sink
//!                  ▲ not taken: the same records again, after a while ◀────────────┘
//! ```
//!
//! A change never waits for this: the feed reads the replicated chain, which keeps the newest records whether or not they
//! were sent. Only a sink that is away for longer than the chain keeps records loses some, and `audit_export_dropped`
//! counts them. Each controller that is told to sends everything, at least once; receivers tell records apart by number.

mod config;
mod feed;
mod syslog;
#[cfg(test)]
mod tests;
mod webhook;

pub use config::{AuditExport, SyslogSink, WebhookSink};
pub(crate) use webhook::signature;

use crate::{
    alerts::{Sampler, SinkReading},
    app::record_of,
    raft::Raft,
};
use feed::{ExportMetrics, Feed};
use std::{path::Path, sync::Arc};
use wharden_model::ClusterId;
use wharden_runtime::{metrics::Metrics, shutdown::Shutdown};

/// A sink cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("audit_export.{sink}: {why}")]
pub struct ExportError {
    sink: &'static str,
    why: String,
}

/// Takes records, all of them or none that counts.
pub(crate) trait Sink: Send {
    /// Sends records in their order.
    fn send(&mut self, records: &[wharden_model::api::AuditRecord]) -> impl Future<Output = Result<(), String>> + Send;
}

/// Looks at what is configured and reads its files, without connecting to anything.
///
/// # Errors
/// [`ExportError`], with the key that is wrong.
pub fn check(config: &AuditExport) -> Result<(), ExportError> {
    if let Some(sink) = &config.syslog {
        syslog::connector(sink).map_err(|why| ExportError { sink: "syslog", why })?;
    }
    if let Some(sink) = &config.webhook {
        webhook::Target::of(sink).map_err(|why| ExportError { sink: "webhook", why })?;
    }
    Ok(())
}

/// Starts a feed for each sink that is configured.
///
/// # Errors
/// [`ExportError`] when a sink's files cannot be read.
pub fn start(
    config: &AuditExport,
    data_dir: &Path,
    cluster: &ClusterId,
    raft: &Raft,
    sampler: &Sampler,
    metrics: &Metrics,
    shutdown: &Shutdown,
) -> Result<(), ExportError> {
    let counted = ExportMetrics::new(metrics);
    let tell = |name: &'static str| {
        let sampler = sampler.clone();
        Box::new(move |failing| sampler.sink(name, failing)) as Tell
    };
    if let Some(sink) = &config.syslog {
        let fail = |why: String| ExportError { sink: "syslog", why };
        let sink = syslog::Syslog::new(sink, cluster).map_err(fail)?;
        let raft = raft.clone();
        let feed =
            Feed::open(data_dir, "syslog", sink, Box::new(move || raft.state()), tell("syslog"), counted.clone());
        let feed = feed.map_err(fail)?;
        shutdown.spawn("audit to syslog", feed.run(shutdown.clone()));
    }
    if let Some(sink) = &config.webhook {
        let fail = |why: String| ExportError { sink: "webhook", why };
        let sink = webhook::Webhook::new(sink, cluster).map_err(fail)?;
        let raft = raft.clone();
        let feed = Feed::open(data_dir, "webhook", sink, Box::new(move || raft.state()), tell("webhook"), counted);
        let feed = feed.map_err(fail)?;
        shutdown.spawn("audit to webhook", feed.run(shutdown.clone()));
    }
    Ok(())
}

/// What the feed reads from.
pub(crate) type Source = Box<dyn Fn() -> Arc<wharden_state::State> + Send + Sync>;

/// Whom it is told how it is with a sink: that it fails, or nothing of that kind any more.
pub(crate) type Tell = Box<dyn Fn(Option<SinkReading>) + Send + Sync>;

/// Records after a number, oldest first, and how many of them are not kept any more.
fn after(state: &wharden_state::State, position: u64, most: usize) -> (Vec<wharden_model::api::AuditRecord>, u64) {
    let mut kept = state.audit.records();
    let first = state.audit.last_seq() + 1 - kept.len() as u64;
    let lost = first.saturating_sub(position + 1);
    let skip = usize::try_from((position + 1).saturating_sub(first)).unwrap_or(usize::MAX);
    if skip > 0 && kept.nth(skip - 1).is_none() {
        return (Vec::new(), lost);
    }
    (kept.take(most).map(record_of).collect(), lost)
}
