//! Limits of the words themselves. Each says why it is what it is.

/// Longest user, group or service account name, in bytes. Linux allows 32 for an OS user; directories use more.
pub const NAME_MAX: usize = 64;
/// Longest policy or pack name, in bytes.
pub const POLICY_NAME_MAX: usize = 64;
/// Longest host name as reported by an agent, in bytes (RFC 1035 §2.3.4).
pub const HOSTNAME_MAX: usize = 253;
/// Longest address of a guard, in bytes: a host name, a colon and a port.
pub const GUARD_ADDRESS_MAX: usize = HOSTNAME_MAX + 6;
/// Longest certificate of a guard's CA in PEM, in bytes. Ours have about 800.
pub const GUARD_CA_MAX: usize = 4 * 1024;
/// Longest certificate request in PEM, in bytes. One for a P-256 key has about 400.
pub const CSR_PEM_MAX: usize = 6 * 1024;
/// Longest label key and value, in bytes (the sizes that Kubernetes made usual).
pub const LABEL_KEY_MAX: usize = 63;
/// Longest label value, in bytes.
pub const LABEL_VALUE_MAX: usize = 63;
/// Most labels on one thing: each one is a host group, and a scope is a set of them.
pub const LABELS_MAX: usize = 32;
/// Longest policy text, in bytes. A command in the Raft log is capped at 64 KiB; the rest of the entry needs room.
pub const POLICY_TEXT_MAX: usize = 48 * 1024;
/// Most decision events that one query returns.
pub const EVENTS_PAGE_MAX: usize = 1000;
/// Most audit records that one query returns.
pub const AUDIT_PAGE_MAX: usize = 1000;
/// Longest string kept in a decision event, in bytes; longer ones are cut with an ellipsis.
pub const EVENT_STRING_MAX: usize = 1024;
/// Longest reason of a break-glass, in bytes. It is shown in events and in the audit.
pub const BREAK_GLASS_REASON_MAX: usize = 512;
/// Longest break-glass: a shift and the next one. What takes longer is a policy.
pub const BREAK_GLASS_SECONDS_MAX: u64 = 24 * 60 * 60;
