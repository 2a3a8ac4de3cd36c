//! How the replica is, as metrics, read when somebody asks.

use super::Raft;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};
use std::fmt;

pub(super) struct Gauges(pub Raft);

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let raft = self.0.metrics();
        let state = self.0.state();
        let of = |log: Option<openraft::LogId<u64>>| log.map_or(0, |id| id.index);
        for (name, help, value) in [
            ("raft_term", "Term of this replica", raft.current_term),
            ("raft_is_leader", "1 when this replica leads", u64::from(raft.current_leader == Some(raft.id))),
            ("raft_has_leader", "1 when this replica knows a leader", u64::from(raft.current_leader.is_some())),
            ("raft_last_log_index", "Index of the newest log entry", raft.last_log_index.unwrap_or(0)),
            ("raft_applied_index", "Index of the newest applied log entry", of(raft.last_applied)),
            ("raft_snapshot_index", "Index that the newest snapshot reaches", of(raft.snapshot)),
            ("policy_revision", "Log index of the last change that affects policy", state.policy_revision),
            ("users", "Users", state.users.len() as u64),
            ("hosts", "Enrolled hosts, revoked ones too", state.hosts.len() as u64),
            ("admin_sessions", "Sessions of admins, open or just expired", state.sessions.len() as u64),
            ("audit_records", "Records of the audit chain so far", state.audit.last_seq()),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
