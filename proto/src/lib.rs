//! The wire between agents and controllers, and between controllers: generated messages and services of
//! `wharden/v1/agent.proto` and `wharden/v1/peer.proto`, and the versions and limits that both sides keep to.
//!
//! Must not know: rules. It carries types of `model` as JSON and does not look at them.

/// Package `wharden.v1`.
pub mod v1 {
    #![expect(clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated code")]
    tonic::include_proto!("wharden.v1");
}

use std::time::Duration;

pub mod difference;
#[cfg(test)]
mod forms;
mod secret;

/// Version of what controllers say to each other that this code speaks.
pub const PEER_VERSION: u32 = 1;
/// Largest message between controllers, in bytes: a MiB of log entries or of a snapshot, and what surrounds it.
pub const PEER_MESSAGE_MAX: usize = 8 * 1024 * 1024;
/// Version of the session protocol that this code speaks.
pub const PROTOCOL: u32 = 1;
/// Between two heartbeats of an agent, unless its controller wants others. TCP repeats what was lost some six times within
/// the rest of [`SILENCE`].
pub const HEARTBEAT: Duration = Duration::from_secs(20);
/// Time without a word from the other side after which controller and agent give each other up.
pub const SILENCE: Duration = Duration::from_secs(30);
/// Most events in one [`v1::Events`].
pub const EVENTS_PER_MESSAGE: usize = 256;
/// Largest message either side accepts, in bytes: a bundle of a thousand policies of some kilobytes each.
pub const MESSAGE_MAX: usize = 16 * 1024 * 1024;
/// Largest [`v1::Report`], in bytes.
pub const REPORT_MAX: usize = 16 * 1024;
/// Largest [`v1::Inventory`] and [`v1::Usage`], in bytes: a fifth of what a session may send before it is read, and room for
/// one thing at all its limits.
pub const INVENTORY_MAX: usize = 512 * 1024;
/// Largest [`v1::Notice`], in bytes.
pub const NOTICE_MAX: usize = 4 * 1024;
/// Longest reason in a [`v1::BundleNack`], in bytes.
pub const NACK_REASON_MAX: usize = 1024;
/// Metadata of a refusal: milliseconds after which to come again, drawn at random for each, so that many who were refused
/// at one moment do not all come back at one moment.
pub const RETRY_AFTER_MS: &str = "wharden-retry-after-ms";
