//! Limits of the way between controllers, each with its reason.

use crate::connections::ConnectionLimits;
use std::time::Duration;

/// A peer that cannot be connected to by now is away: well below the shortest election timeout.
pub const CONNECT_LIMIT: Duration = Duration::from_millis(800);
/// A connection that is silent this long is asked whether it is there…
pub const KEEPALIVE: Duration = Duration::from_secs(2);
/// …and given up when it does not answer in this time.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Certificates of peers that are remembered as read: there are few controllers, and each has one.
pub const CERTIFICATES_KNOWN: usize = 64;
/// Questions of one peer at once, on one connection.
pub const STREAMS_MAX: u32 = 64;
/// Flow-control window of a connection, in bytes: a part of a snapshot and log entries beside it.
pub const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// The same for one question.
pub const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
/// Largest list of headers of a call, in bytes.
pub const HEADERS_MAX: u32 = 8 * 1024;
/// Longest time for an answer about how a controller is.
pub const STATUS_LIMIT: Duration = Duration::from_millis(1500);
/// Longest time for a key to be on a peer's disk: a read that everything counts in, and a write.
pub const HOLD_LIMIT: Duration = Duration::from_secs(15);
/// Longest time for a list of a peer's hosts or events.
pub const LIST_LIMIT: Duration = Duration::from_secs(5);
/// Hosts in one answer: each may have a report of 16 KiB, most have less than one.
pub const HOSTS_PAGE: usize = 400;
/// Open connections. With one certificate: a peer has one, and those of an unsteady network that nobody has closed yet. Without
/// one: controllers that join, each for as long as its one question takes.
pub const CONNECTIONS: ConnectionLimits = ConnectionLimits {
    per_certificate: 16,
    anonymous: 64,
    anonymous_per_source: 16,
    anonymous_life: Some(Duration::from_secs(60)),
    tls_buffer: 64 * 1024,
};
/// Attempts to join at once.
pub const JOINS_MAX: usize = 4;
/// Longest address or name that a joiner may give, in bytes.
pub const ADDRESS_MAX: usize = 253 + 1 + 5 + 8;
