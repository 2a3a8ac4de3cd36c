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

/// Longest name of a set of capacity thresholds, in bytes.
pub const THRESHOLD_NAME_MAX: usize = 64;

/// Sets of capacity thresholds. Every host is matched against all of them, and groups of hosts are few.
pub const THRESHOLD_RULES_MAX: usize = 64;

/// Longest time that a signal may have to stay above its mark, in seconds: a day, after which nobody would hear of it.
pub const HOLD_MAX_S: u32 = 86_400;
/// Longest id in an inventory, in bytes: `sha256:` and 64 digits, or the name of a volume (the engine allows 255).
pub const INVENTORY_ID_MAX: usize = 255;
/// Longest name, reference or word in an inventory, in bytes: a reference with registry, path, tag and digest.
pub const INVENTORY_TEXT_MAX: usize = 512;
/// Longest path in an inventory, in bytes. Longer ones exist (4,096) and are rare.
pub const INVENTORY_PATH_MAX: usize = 1024;
/// Most ports, mounts, networks, devices or tags of one thing in an inventory.
pub const INVENTORY_LIST_MAX: usize = 128;
/// Most labels of one thing in an inventory; compose makes about ten, orchestrators thirty.
pub const INVENTORY_LABELS_MAX: usize = 64;
/// Longest key of a label in an inventory, in bytes; a longer one is left out.
pub const INVENTORY_LABEL_KEY_MAX: usize = 128;
/// Longest value of a label in an inventory, in bytes; a longer one is cut. Some put whole documents into labels.
pub const INVENTORY_LABEL_VALUE_MAX: usize = 256;
/// Most containers of one host in an inventory: four times what the engine is usually run with at most.
pub const INVENTORY_CONTAINERS_MAX: usize = 4096;
/// Most images of one host in an inventory.
pub const INVENTORY_IMAGES_MAX: usize = 4096;
/// Most volumes of one host in an inventory.
pub const INVENTORY_VOLUMES_MAX: usize = 4096;
/// Most networks of one host in an inventory; the engine's default address pools end at 31.
pub const INVENTORY_NETWORKS_MAX: usize = 1024;
/// Most items that one search of the inventory returns.
pub const INVENTORY_PAGE_MAX: usize = 1000;
/// Longest kind of alert, in bytes.
pub const ALERT_KIND_MAX: usize = 40;
/// Longest key of an alert, in bytes: two ids and a word between them.
pub const ALERT_KEY_MAX: usize = 128;
/// Longest subject and summary of an alert, in bytes: one line of a message each.
pub const ALERT_LINE_MAX: usize = 256;
/// Longest detail and advice of an alert, in bytes; longer ones are cut.
pub const ALERT_TEXT_MAX: usize = 1024;
/// Longest note with an acknowledgement, in bytes.
pub const ALERT_NOTE_MAX: usize = 256;
/// Longest time that an alert can be silent, in seconds: what lasts longer than a month is not an alert.
pub const ALERT_SNOOZE_MAX_S: u64 = 30 * 24 * 3600;
/// Receivers of one e-mail channel.
pub const CHANNEL_RECEIVERS_MAX: usize = 20;
/// Longest address of a channel (a URL, an e-mail address, a host name), in bytes.
pub const CHANNEL_ADDRESS_MAX: usize = 1024;
/// Longest certificate of a channel's CA in PEM, in bytes: some certificates.
pub const CHANNEL_CA_MAX: usize = 16 * 1024;
/// Longest secret of a channel, in bytes.
pub const CHANNEL_SECRET_MAX: usize = 512;
/// Shortest secret that webhooks are signed with, in bytes.
pub const CHANNEL_SECRET_MIN: usize = 16;
/// Kinds that one channel can be narrowed to.
pub const CHANNEL_KINDS_MAX: usize = 64;
/// Longest time between two messages of the same alert, in seconds.
pub const CHANNEL_REPEAT_MAX_S: u64 = 30 * 24 * 3600;
/// Shortest: an alert is not a heartbeat.
pub const CHANNEL_REPEAT_MIN_S: u64 = 60;
