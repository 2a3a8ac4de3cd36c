//! Limits of the controller. Those of `events` and `fleet` stand beside them.

use crate::connections::ConnectionLimits;
use std::{ops::Range, time::Duration};

/// Heartbeat of the leader.
pub const RAFT_HEARTBEAT: Duration = Duration::from_millis(250);
/// Time without a majority after which it is said: elections take 1 to 3 seconds, on a busy machine more.
pub const QUORUM_LOST: Duration = Duration::from_secs(10);
/// Between two looks at that, and how long the leader may take to make sure.
pub const QUORUM_LOOK: Duration = Duration::from_secs(2);
/// Time without an answer after which the leader says that a controller is away: a restart may be shorter.
pub const PEER_AWAY: Duration = Duration::from_secs(2);
/// Time that a start may take without a word.
pub const START_QUIET: Duration = Duration::from_secs(2);
/// Longest time for an append, in milliseconds: above the slowest fsync seen on a healthy disk, on a machine that is busy.
/// openraft sends heartbeats of its own at one and a half of it.
pub const RAFT_APPEND_LIMIT_MS: u64 = 500;
/// Longest time for a vote, in milliseconds.
pub const RAFT_VOTE_LIMIT_MS: u64 = 700;
/// Whoever has heard a leader gives nobody else a vote for this long, in milliseconds.
pub const RAFT_LEASE_MS: u64 = 900;
/// The same with room for the time from when a message arrives until openraft looks at it: then nobody is bound any more.
pub const SILENCE_BINDS: Duration = Duration::from_millis(1000);
/// A leader that was not heard this long is looked after: two heartbeats are missing.
pub const SILENCE_ODD: Duration = Duration::from_millis(625);
/// How long it may be silent although its process may be there; drawn within, so that two seldom stand at once.
pub const ELECTION_PATIENCE: Range<Duration> = Duration::from_millis(1500)..Duration::from_millis(2000);
/// What is waited beside [`SILENCE_BINDS`] when its process is gone.
pub const ELECTION_SOON: Range<Duration> = Duration::ZERO..Duration::from_millis(150);
/// Pause before others are asked again whether they would follow.
pub const ELECTION_AGAIN: Range<Duration> = Duration::from_millis(200)..Duration::from_millis(400);
/// How long an election may take before the next one, or who has more of the log may take to stand.
pub const ELECTION_RETRY: Range<Duration> = Duration::from_millis(500)..Duration::from_millis(900);
/// Longest time for the answer whether a controller would follow another leader.
pub const CANVASS_LIMIT: Duration = Duration::from_millis(300);
/// Longest time for one chunk of a snapshot, in milliseconds.
pub const RAFT_INSTALL_TIMEOUT_MS: u64 = 10_000;
/// Size of one chunk of a snapshot, in bytes.
pub const RAFT_SNAPSHOT_CHUNK: u64 = 1024 * 1024;
/// Log entries between two snapshots: bounds the replay after a restart.
pub const RAFT_SNAPSHOT_EVERY: u64 = 5000;
/// Log entries kept behind a snapshot for peers that are a little late.
pub const RAFT_LOG_KEEP: u64 = 1000;

/// Largest snapshot that is taken from a peer, in bytes. A state at all its limits has some 400 MiB.
pub const RAFT_SNAPSHOT_MAX: u64 = 1024 * 1024 * 1024;
/// Pause before a peer that is away is tried again.
pub const PEER_RETRY: Duration = Duration::from_millis(200);
/// Longest that a leader holds back a message which says that something is committed, so that its own disk gets that far:
/// above most fsyncs, since what is left out comes with the next heartbeat, and far below one.
pub const OWN_DISK_PATIENCE: Duration = Duration::from_millis(20);
/// Longest time that a change may wait for a leader with a quorum; an election takes 1 to 3 seconds.
pub const PROPOSE_LIMIT: Duration = Duration::from_secs(10);
/// The same for a read.
pub const READ_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks for a leader.
pub const ELECTION_PAUSE: Duration = Duration::from_millis(100);
/// Longest time for one step of a change of membership.
pub const MEMBERSHIP_LIMIT: Duration = Duration::from_secs(20);

/// Most changes in one log entry.
pub const BATCH_ENTRIES: usize = 256;
/// Changes that wait for the log before callers wait too.
pub const PROPOSALS_WAITING: usize = 1024;
/// Changes that a slow watcher may be behind before it has to read the whole state.
pub const CHANGES_BUFFER: usize = 4096;

/// Longest time from the handshake to the first bytes: who connects has something to say.
pub const FIRST_BYTES: Duration = Duration::from_secs(10);
/// Longest time from the handshake to the whole head of the first request.
pub const FIRST_REQUEST: Duration = Duration::from_secs(15);
/// Open connections of the REST port: clients, scrapers, consoles, and those that a balancer holds for them. They are open files
/// beside those of 20,000 agents, so each address has a fourth.
pub const REST_CONNECTIONS: ConnectionLimits = ConnectionLimits {
    per_certificate: 0,
    anonymous: 2048,
    anonymous_per_source: 512,
    anonymous_life: None,
    tls_buffer: 64 * 1024,
};

/// A connection is probed by the kernel when it was silent this long…
pub const PROBE_IDLE: Duration = Duration::from_secs(60);
/// …so often…
pub const PROBE_INTERVAL: Duration = Duration::from_secs(10);
/// …and closed when so many probes are not answered. No thread is woken for it.
pub const PROBES: u32 = 2;
/// Time without an acknowledgement of TCP after which a connection is closed: what is sent to a host that is gone.
pub const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);

/// Largest body of a REST request, in bytes: a policy of 48 KiB with JSON escapes.
pub const BODY_MAX: usize = 256 * 1024;
/// Bytes of a body that is too long that are still read before it is refused.
pub const BODY_DRAIN_MAX: usize = 8 * 1024 * 1024;
/// Longest time for that, in seconds.
pub const BODY_DRAIN_S: u64 = 5;
/// Longest time for one REST request, in seconds; a waiting event query takes 30.
pub const REQUEST_TIMEOUT_S: u64 = 45;

/// Shortest password, in characters (NIST SP 800-63B asks for 8; an admin can do 12).
pub const PASSWORD_MIN: usize = 12;
/// Longest password, in characters: argon2 takes any, this bounds the work.
pub const PASSWORD_MAX: usize = 256;
/// argon2id memory, in KiB (OWASP's second profile: 19 MiB, 2 passes, 1 lane).
pub const ARGON2_MEMORY_KIB: u32 = 19 * 1024;
/// argon2id passes.
pub const ARGON2_PASSES: u32 = 2;
/// Password checks at once: each takes 19 MiB and a core.
pub const PASSWORD_CHECKS: usize = 4;
/// Seconds that an enrolment stays open between its two steps.
pub const ENROLMENT_TTL_S: u64 = 600;
/// Seconds that an invite is good for.
pub const INVITE_TTL_S: u64 = 7 * 24 * 3600;
/// Seconds that the invite of a recovery at the console is good for: whoever stands there uses it now.
pub const RECOVERY_TTL_S: u64 = 1800;
/// Recovery codes of an account.
pub const RECOVERY_CODES: usize = 10;
/// Seconds that an access token is good for.
pub const ACCESS_TTL_S: u64 = 600;
/// Access tokens that are remembered as good, at most 1 MiB of them. Those beyond are checked each time.
pub const TOKENS_SEEN: usize = 4096;
/// Seconds that a session lasts without a refresh.
pub const SESSION_TTL_S: u64 = 12 * 3600;
/// Seconds that a retired signing key counts longer than its tokens last: controllers apply a rotation one after another.
pub const SIGNING_OVERLAP_S: u64 = 60;
/// Age at which the signing key is rotated by itself, in seconds: 90 days.
pub const SIGNING_MAX_AGE_S: u64 = 90 * 24 * 3600;
/// Seconds between two looks at its age.
pub const SIGNING_CHECK_S: u64 = 3600;
/// TOTP steps accepted before and after the present one (RFC 6238 §5.2).
pub const TOTP_SKEW: u64 = 1;
/// Shortest life of a service account's key, in seconds.
pub const SERVICE_KEY_TTL_MIN_S: u64 = 3600;
/// Longest life of a service account's key, in seconds: a year.
pub const SERVICE_KEY_TTL_MAX_S: u64 = 366 * 24 * 3600;
/// Longest text that says what a service account is for, in bytes.
pub const PURPOSE_MAX: usize = 256;
/// Audit records in one message to a sink.
pub const EXPORT_BATCH: usize = 100;
/// Milliseconds between two looks for new audit records, and the first wait after a failure.
pub const EXPORT_PAUSE_MS: u64 = 500;
/// Longest wait after failures, in seconds.
pub const EXPORT_BACKOFF_MAX_S: u64 = 60;
/// Longest time for one message, in seconds.
pub const EXPORT_TIMEOUT_S: u64 = 15;
/// Longest question or answer at the console, in bytes.
pub const CONSOLE_LINE_MAX: u64 = 4096;
/// Longest time for one, in seconds.
pub const CONSOLE_TIMEOUT_S: u64 = 15;
/// Seconds of a TOTP step.
pub const TOTP_STEP_S: u64 = 30;
/// Shortest life of a join token, in seconds.
pub const TOKEN_TTL_MIN_S: u64 = 60;
/// Longest life of a join token, in seconds.
pub const TOKEN_TTL_MAX_S: u64 = 30 * 24 * 3600;
/// Most uses of a join token.
pub const TOKEN_USES_MAX: u32 = 100_000;
/// Shortest life of a controller's join code, in seconds.
pub const CODE_TTL_MIN_S: u64 = 60;
/// Longest: it opens the cluster's keys to whoever has it.
pub const CODE_TTL_MAX_S: u64 = 24 * 3600;
/// Seconds that a host's certificate lasts.
pub const HOST_CERT_TTL_S: u64 = 24 * 3600;
/// Seconds that the controller's own certificate lasts; a new one is made at every start.
pub const SERVER_CERT_TTL_S: u64 = 365 * 24 * 3600;
/// Checks and trials of policy texts at once: each takes a core, and a machine may have two.
pub const POLICY_WORK: usize = 2;
/// Those of one account, in line or at work: whoever fills its own line leaves others their turns.
pub const POLICY_WORK_PER_ACCOUNT: usize = 8;
/// Longest wait for a turn.
pub const POLICY_WORK_WAIT: Duration = Duration::from_secs(20);
/// Trials of what changes would do to rights, at once; each takes a core.
pub const ACCESS_WORK: usize = 2;
/// Most drafts in one request: more than anybody changes at a time.
pub const DRAFTS_MAX: usize = 8;
/// Bytes of an owner that a test asks about: the longest name and what stands before it.
pub const OWNER_MAX: usize = 128;
/// Bytes of all drafts of one request: two documents of the largest size.
pub const DRAFTS_BYTES_MAX: usize = 2 * wharden_model::limits::POLICY_TEXT_MAX;
/// Work in the checks of all of them: that of two documents.
pub const DRAFTS_EFFORT_MAX: usize = 2 * wharden_policy::limits::EFFORT_MAX;
/// Attempts to commit a change that was checked against policy while policy moves.
pub const GUARDED_TRIES: usize = 5;
/// Unauthenticated attempts of one address in a burst.
pub const SOURCE_BURST: u32 = 20;
/// Unauthenticated attempts of one address a minute, after the burst.
pub const SOURCE_PER_MINUTE: u32 = 30;
/// Requests of one address in a burst to routes that need no session: health, metrics, version, the OpenAPI document.
pub const OPEN_BURST: u32 = 2000;
/// The same a minute, after the burst.
pub const OPEN_PER_MINUTE: u32 = 3000;
/// Addresses whose attempts are counted.
pub const SOURCES_MAX: usize = 10_000;
/// Groups that are looked at to tell what a text names and is not there, and what may have been meant.
pub const GROUPS_LOOKED_AT: usize = 500;
