//! How the replica is, as metrics.

use super::Raft;

/// Name, description and value of each.
pub(super) fn read(of: &Raft) -> Vec<(&'static str, &'static str, i64)> {
    let (raft, state) = (of.metrics(), of.state());
    let index = |log: Option<openraft::LogId<u64>>| log.map_or(0, |id| id.index);
    let values = [
        ("raft_term", "Term of this replica", raft.current_term),
        ("raft_is_leader", "1 when this replica leads", u64::from(raft.current_leader == Some(raft.id))),
        ("raft_has_leader", "1 when this replica hears a leader", u64::from(of.leader().is_some())),
        ("raft_last_log_index", "Index of the newest log entry", raft.last_log_index.unwrap_or(0)),
        ("raft_applied_index", "Index of the newest applied log entry", index(raft.last_applied)),
        ("raft_snapshot_index", "Index that the newest snapshot reaches", index(raft.snapshot)),
        ("policy_revision", "Log index of the last change that affects policy", state.policy_revision),
        ("users", "Users", state.users.len() as u64),
        ("hosts", "Enrolled hosts, revoked ones too", state.hosts.len() as u64),
        ("admin_sessions", "Sessions of admins, open or just expired", state.sessions.len() as u64),
        ("audit_records", "Records of the audit chain so far", state.audit.last_seq()),
    ];
    values.map(|(name, help, value)| (name, help, i64::try_from(value).unwrap_or(i64::MAX))).into()
}

/// The same of its contact with the others.
pub(super) fn quorum(of: &Raft) -> Vec<(&'static str, &'static str, f64)> {
    let help = "Time since contact with a majority of the controllers";
    vec![("quorum_age_seconds", help, of.quorum_age().as_secs_f64())]
}
