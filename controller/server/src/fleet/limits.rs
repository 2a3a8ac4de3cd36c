//! Limits of the agents' side, each with its reason.

use crate::connections::ConnectionLimits;
use std::time::Duration;
use wharden_proto::{HEARTBEAT, SILENCE};

/// Time from the open stream to the agent's Hello.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two groups of heartbeats. With 19,000 hosts some 240 come together, and keep a processor for some milliseconds.
pub const BEAT_GROUPS: Duration = Duration::from_millis(250);
/// After a start or a change of the leader, hosts that have not come back are awaited this long before they count as lost:
/// twice the longest pause of an agent between two attempts, and the time of a wave.
pub const LEADER_GRACE: Duration = Duration::from_secs(60);
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
/// Longest wait for a turn to enrol; the agent is then told when to come again.
pub const ENROLMENT_WAIT: Duration = Duration::from_secs(2);
/// The pace at which agents that found no turn to enrol are told to come again.
pub const ENROLMENTS_PER_SECOND: u32 = 400;
/// Hosts that have opened a session and do not hold their bundle yet. Each may have a bundle on its way, of which TLS keeps
/// [`TLS_BUFFER`] at most.
pub const SYNCS_MAX: usize = 2048;
/// A host that does not take its bundle keeps others from opening their sessions for this long.
pub const SYNC_LIMIT: Duration = Duration::from_secs(20);
/// The pace at which agents that found no room for a session are told to come again.
pub const SYNCS_PER_SECOND: u32 = 2000;
/// Agents that come again at their turn are drawn apart by this much.
pub const RETRY_SPREAD: Duration = Duration::from_secs(1);
/// The latest turn that is given.
pub const RETRY_MAX: Duration = Duration::from_secs(30);
/// Messages of one host that are read at once, before its pace counts.
pub const MESSAGES_BURST: u32 = 200;
/// The pace of one host, beyond its burst: a flood of decisions comes 256 in a message.
pub const MESSAGES_PER_SECOND: u32 = 50;
/// Sessions of one host that are replaced while they are open, within [`RIVALS_WINDOW_MS`], before it is said that two
/// machines use its key.
pub const RIVALS_MAX: usize = 6;
/// See [`RIVALS_MAX`].
pub const RIVALS_WINDOW_MS: u64 = 60_000;
/// Time without it after which the alert about it is over, as soon as the host opens its next session.
pub const RIVALS_CALM_MS: u64 = 600_000;
/// When the one that found the other's session open may come again.
pub const RIVAL_RETRY: Duration = Duration::from_secs(60);
/// Open connections. With one certificate: a session, a renewal, and those of an unsteady network that nobody has closed yet.
/// Without one: those who enrol, a whole site of them behind one address at times, each for a minute.
pub const CONNECTIONS: ConnectionLimits = ConnectionLimits {
    per_certificate: 16,
    anonymous: 1024,
    anonymous_per_source: 1024,
    anonymous_life: Some(Duration::from_secs(60)),
    tls_buffer: TLS_BUFFER,
};
/// First size of the buffer that a session reads into, in bytes: a heartbeat has 10, a report 400.
pub const READ_BUFFER: usize = 512;
/// Bytes that TLS holds for a host that does not read: a frame of HTTP/2, which comes one at a time, and what surrounds it.
/// Two thousand may take their first bundle at one time.
pub const TLS_BUFFER: usize = 20 * 1024;
/// Longest payload that is copied into its message, in bytes; longer ones are shared.
pub const SMALL_PAYLOAD: usize = 2048;
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
/// A connection that is silent this long is asked whether the agent is there, and not only a kernel or something between…
pub const KEEPALIVE: Duration = Duration::from_secs(600);
/// …and closed when it does not answer in this time.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// What an admin may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetConfig {
    /// Between two heartbeats of an agent.
    pub heartbeat: Duration,
    /// Life of a host's certificate.
    pub certificate_lifetime: Duration,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self { heartbeat: HEARTBEAT, certificate_lifetime: wharden_pki::limits::HOST_LIFETIME }
    }
}

impl FleetConfig {
    /// A host that was silent this long is lost.
    pub fn silence(&self) -> Duration {
        // As much longer than the time between heartbeats as it is by default.
        self.heartbeat.mul_f64(SILENCE.div_duration_f64(HEARTBEAT))
    }
}
