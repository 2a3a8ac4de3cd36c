//! Limits of the agents' side, each with its reason.

use std::time::Duration;

/// Time from the open stream to the agent's Hello.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Heartbeats that may be missed.
pub const HEARTBEATS_MISSED: u32 = 3;
/// Time for an ack of a bundle, after which a newer one is sent anyway: verifying, compiling and an fsync.
pub const ACK_TIMEOUT: Duration = Duration::from_secs(20);
/// Time after which a refused bundle is offered again: the agent's disk may have been full.
pub const NACK_RETRY: Duration = Duration::from_secs(60);
/// A revision that changes nothing for a host is told when there was no newer one for this long: a change of a thousand
/// hosts' labels is one message for all others, not a thousand.
pub const REVISION_QUIET: Duration = Duration::from_secs(1);
/// And at the latest after this.
pub const REVISION_LATEST: Duration = Duration::from_secs(10);
/// Time after which an agent is told to send events again that could not be stored.
pub const EVENTS_RETRY: Duration = Duration::from_secs(5);
/// Notices of a session that wait for the log; more are dropped, and the agent sends them again.
pub const NOTICES_MAX: usize = 16;
/// Largest message of an agent, in bytes: 1 MiB of events and what surrounds them.
pub const INBOUND_MAX: usize = 1024 * 1024 + 64 * 1024;
/// Enrolments at once: each checks a signature, makes one and waits for the log.
pub const ENROLMENTS_MAX: usize = 256;
/// Longest wait for a turn to enrol; the agent then tries again.
pub const ENROLMENT_WAIT: Duration = Duration::from_secs(10);
/// Pause before a token that is not known is refused: it may have been made on another controller a moment ago, and
/// guessing gets slower.
pub const UNKNOWN_TOKEN_PAUSE: Duration = Duration::from_millis(500);
/// Longest string kept of a host's report, in bytes.
pub const REPORT_STRING_MAX: usize = 256;
/// Flow-control window of a stream, in bytes: what an agent can send before the controller has read it. It bounds the
/// memory that a silent flood takes; 64 KiB is HTTP/2's own default.
pub const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for a connection, which has one session and at times a renewal.
pub const CONNECTION_WINDOW: u32 = 128 * 1024;
/// Streams of one connection.
pub const STREAMS_MAX: u32 = 8;
/// Largest list of headers of a call, in bytes.
pub const HEADERS_MAX: u32 = 8 * 1024;
/// A connection that is silent this long is asked whether it is there…
pub const KEEPALIVE: Duration = Duration::from_secs(60);
/// …and closed when it does not answer in this time.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// What an admin may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetConfig {
    /// Between two heartbeats of an agent; three missed ones end the session.
    pub heartbeat: Duration,
    /// Life of a host's certificate.
    pub certificate_lifetime: Duration,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(10), certificate_lifetime: wharden_pki::limits::HOST_LIFETIME }
    }
}
