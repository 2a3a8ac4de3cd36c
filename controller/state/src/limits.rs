//! How much of each thing the state holds. The state lives in memory and is copied to a file as a snapshot, so that
//! nothing in it may grow without bound.

/// Users. An entry is some 200 bytes.
pub const USERS_MAX: usize = 100_000;
/// Groups.
pub const GROUPS_MAX: usize = 10_000;
/// Hosts, revoked ones too: five times what one controller serves.
pub const HOSTS_MAX: usize = 100_000;
/// Policy documents.
pub const POLICIES_MAX: usize = 10_000;
/// Versions kept of a policy; the oldest go first.
pub const POLICY_VERSIONS_MAX: usize = 50;
/// Join tokens that have not expired.
pub const TOKENS_MAX: usize = 10_000;
/// Invites that have not expired.
pub const INVITES_MAX: usize = 10_000;
/// Open sessions of one user; the oldest ends when one more opens.
pub const SESSIONS_PER_USER_MAX: usize = 20;
/// Sessions with certificates for Docker that have not ended, those included that are over: every bundle names the latter,
/// and none is forgotten before its time. 10,000 are some 400 KiB of a bundle.
pub const DOCKER_SESSIONS_MAX: usize = 10_000;
/// Seconds that an ended session is named after its certificates have ended: the clock of a host may be slow.
pub const DOCKER_SESSION_KEPT_S: u64 = 3600;
/// Certificates for Docker that one user may get in a window: a person needs one a day.
pub const DOCKER_ISSUES_MAX: u32 = 30;
/// That window, in seconds.
pub const DOCKER_ISSUES_WINDOW_S: u64 = 3600;
/// Names whose failed logins are counted; the one that failed longest ago is forgotten first.
pub const FAILURES_MAX: usize = 10_000;
/// Wrong codes in a row that end a session: whoever has stolen one gets so many guesses out of a million.
pub const WRONG_CODES_MAX: u32 = 5;
/// Controllers, learners too. Five voters survive the loss of two; more make every write slower.
pub const CONTROLLERS_MAX: usize = 9;
/// Join codes of controllers that have not expired.
pub const CODES_MAX: usize = 16;
/// Signing keys of access tokens that are out of use and still accepted.
pub const RETIRED_KEYS_MAX: usize = 16;
/// Service accounts. A key is found by looking through all of them.
pub const SERVICE_ACCOUNTS_MAX: usize = 1000;
/// Replies kept so that a retry gets the first answer: minutes of writes at thousands a second.
pub const REPLIES_MAX: usize = 8_192;
/// Audit records kept in the state; older ones leave it, and the chain goes on from the hash of the last that left.
pub const AUDIT_MAX: usize = 100_000;
/// Longest text in an audit record, in bytes; longer ones are cut.
pub const AUDIT_TEXT_MAX: usize = 512;
/// Failed logins of one name that cost nothing.
pub const FREE_FAILURES: u32 = 5;
/// Failed logins from one address that cost nothing: many people may share it.
pub const FREE_SOURCE_FAILURES: u32 = 20;
/// Addresses that are kept with the failed logins of one name.
pub const FAILURE_SOURCES_MAX: usize = 8;
/// Sessions that are over and still known with the reason; the ones that ended first are forgotten first.
pub const ENDED_SESSIONS_MAX: usize = 4096;
/// Seconds that they are known: longer than any token of theirs is good.
pub const ENDED_SESSION_KEPT_S: u64 = 24 * 3600;
/// Seconds after which the failed logins of an address are forgotten when no other came: a day.
pub const SOURCE_FAILURES_KEPT_S: u64 = 24 * 3600;
/// Devices that an account is known to be used from; the one that was used longest ago is forgotten first.
pub const DEVICES_MAX: usize = 10;
/// Failed logins in a row after which a device is not known any more.
pub const DEVICE_FAILURES_MAX: u32 = 5;
/// Longest wait after failed logins, in seconds.
pub const LOCK_MAX_S: u64 = 900;
/// Alerts, those included that are over. A cluster with more troubles than this has one trouble.
pub const ALERTS_MAX: usize = 1000;
/// Alerts that are over and still known; the one that has been over for longest goes first.
pub const ALERTS_RESOLVED_MAX: usize = 300;
/// Channels that alerts are sent on.
pub const CHANNELS_MAX: usize = 32;
/// Cluster keys that were replaced: of each a key for hashes stays, about 100 bytes in every key file and backup.
pub const FORMER_KEYS_MAX: usize = 400;
