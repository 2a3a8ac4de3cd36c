//! What comes becomes records: from an agent parsed, and named after the session that brought it, never after itself; from
//! another controller as they are, when they are whole.

use super::{
    AppendError,
    limits::{APPEND_BYTES_MAX, EVENT_MAX},
    metrics::EventMetrics,
    record::{Header, Walk, boot_key, host_key},
    runs::RunKey,
};
use bytes::Bytes;
use wharden_model::{BootId, DecisionEvent, HostId};

/// One event, which has a place as soon as it is stamped.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub header: Header,
    pub json: Bytes,
}

/// One message's events, oldest first.
pub(super) struct Batch {
    pub run: RunKey,
    pub events: Vec<Incoming>,
    /// The highest number in the message, of events that were refused too: sending those again would not help.
    pub highest: u64,
}

/// Events that cannot be read are counted and left out.
pub(super) fn read(
    host: &HostId,
    boot: &BootId,
    events: Vec<(u64, Bytes)>,
    metrics: &EventMetrics,
) -> Result<Batch, AppendError> {
    let size = events.iter().map(|(_, json)| json.len()).sum();
    if size > APPEND_BYTES_MAX {
        return Err(AppendError::TooLarge(size));
    }
    let run = (host_key(host), boot_key(boot));
    let mut batch = Batch { run, events: Vec::with_capacity(events.len()), highest: 0 };
    for (seq, json) in events {
        batch.highest = batch.highest.max(seq);
        match parse(host, boot, seq, &json) {
            Ok(event) => batch.events.push(event),
            Err(error) => {
                metrics.refused.inc();
                tracing::warn!(%host, %boot, seq, %error, "a decision event cannot be read; left out");
            }
        }
    }
    Ok(batch)
}

fn parse(host: &HostId, boot: &BootId, seq: u64, json: &[u8]) -> Result<Incoming, String> {
    if json.len() > EVENT_MAX {
        return Err(format!("{} bytes are more than {EVENT_MAX}", json.len()));
    }
    if seq == 0 {
        return Err("the first number of a run is 1".to_owned());
    }
    let mut event: DecisionEvent = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    event.host_id = host.clone();
    event.boot_id = boot.clone();
    event.seq = seq;
    let json = serde_json::to_vec(&event).map_err(|error| error.to_string())?;
    if json.len() > EVENT_MAX {
        return Err(format!("{} bytes are more than {EVENT_MAX}", json.len()));
    }
    Ok(Incoming { header: Header::of(&event), json: json.into() })
}

/// Records that another controller sends.
pub(super) fn copies(bytes: &Bytes) -> Result<Vec<Incoming>, AppendError> {
    let mut walk = Walk::new(bytes);
    let mut events = Vec::new();
    for (header, json) in walk.by_ref() {
        events.push(Incoming { header, json: bytes.slice(json) });
    }
    if walk.offset() == bytes.len() { Ok(events) } else { Err(AppendError::Damaged) }
}

/// The records as they go to another controller.
pub(super) fn encode(events: &[Incoming]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(events.iter().map(|event| event.json.len() + 64).sum());
    for event in events {
        bytes.extend_from_slice(&event.header.encode(&event.json));
    }
    bytes
}
