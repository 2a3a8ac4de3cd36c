//! What happened and how things are: events, audit, status.

use super::{App, AppError, Caller};
use crate::{
    cluster::survey,
    events::{HostFilter, QueryError},
    peers::PeerStatus,
};
use wharden_model::{
    AdminAction, EventQuery,
    api::{AuditCheckpoint, AuditPage, AuditRecord, AuditVerdict, ClusterStatus, ControllerStatus, EventPage},
    audit::checkpoint_statement,
    limits::AUDIT_PAGE_MAX,
};
use wharden_state::Hex;

pub(crate) fn record_of(record: &wharden_state::AuditRecord) -> AuditRecord {
    AuditRecord {
        seq: record.seq,
        at: record.at,
        actor: record.actor.clone(),
        action: record.action.clone(),
        resource: record.resource.clone(),
        outcome: record.outcome.clone(),
        detail: record.detail.clone(),
        request_id: record.request_id.to_string(),
        source: record.source.clone(),
        factors: record.factors.clone(),
        before: record.before.clone(),
        hash: record.hash.to_string(),
    }
}

impl From<QueryError> for AppError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Io(why) => Self::Internal(why),
            other => Self::invalid("", other.to_string()),
        }
    }
}

fn controller_of(status: PeerStatus) -> ControllerStatus {
    ControllerStatus {
        node_id: status.number,
        version: status.version,
        role: status.role,
        term: status.term,
        last_log_index: status.last_log_index,
        applied_index: status.applied_index,
        started_at: status.started_at,
    }
}

impl App {
    pub async fn query_events(&self, caller: &Caller, query: EventQuery) -> Result<EventPage, AppError> {
        self.may(caller, AdminAction::EventRead, &self.cluster()).await?;
        let hosts = HostFilter::resolve(&self.state(), query.host.as_deref())?;
        Ok(self.reader.page(query, &hosts).await?)
    }

    /// Records after a number, oldest first; without one the newest.
    pub async fn audit(&self, caller: &Caller, after: Option<u64>, limit: usize) -> Result<AuditPage, AppError> {
        self.may(caller, AdminAction::AuditRead, &self.cluster()).await?;
        if !(1..=AUDIT_PAGE_MAX).contains(&limit) {
            return Err(AppError::invalid("limit", format!("{limit} is not 1 to {AUDIT_PAGE_MAX}")));
        }
        let state = self.state();
        let records: Vec<AuditRecord> = match after {
            Some(after) => state.audit.records().filter(|r| r.seq > after).take(limit).map(record_of).collect(),
            None => {
                let skip = state.audit.records().len().saturating_sub(limit);
                state.audit.records().skip(skip).map(record_of).collect()
            }
        };
        let first = records.first().map_or(state.audit.last_seq() + 1, |record| record.seq);
        Ok(AuditPage { records, base: state.audit.base_of(first).to_string(), last_seq: state.audit.last_seq() })
    }

    pub async fn verify_audit(&self, caller: &Caller) -> Result<AuditVerdict, AppError> {
        self.may(caller, AdminAction::AuditRead, &self.cluster()).await?;
        let state = self.raft.linearizable().await?;
        let verified = state.audit.verify();
        Ok(AuditVerdict {
            intact: verified.is_ok(),
            records: verified.unwrap_or(state.audit.records().len() as u64),
            head: state.audit.head().to_string(),
            broken_at: verified.err(),
        })
    }

    /// How far the chain has come, signed.
    pub async fn audit_checkpoint(&self, caller: &Caller) -> Result<AuditCheckpoint, AppError> {
        self.may(caller, AdminAction::AuditRead, &self.cluster()).await?;
        let state = self.raft.linearizable().await?;
        let (seq, head, at) = (state.audit.last_seq(), state.audit.head(), self.now());
        let cluster_id = self.keys.cluster_id.clone();
        let statement = checkpoint_statement(&cluster_id, seq, &head.0, at);
        Ok(AuditCheckpoint {
            seq,
            head: head.to_string(),
            at,
            key: Hex::from(self.keys.bundles.public_key()).to_string(),
            signature: Hex(self.keys.bundles.sign(&statement).to_vec()).to_string(),
            cluster_id,
        })
    }

    pub async fn status(&self, caller: &Caller) -> Result<ClusterStatus, AppError> {
        self.may(caller, AdminAction::StatusRead, &self.cluster()).await?;
        let state = self.state();
        let counts = self.fleet.counts();
        let mut answers = survey(&self.raft, self.started_at).await;
        if let Some(own) = answers.get_mut(&self.raft.number()) {
            (own.hosts_connected, own.hosts_behind, own.events) =
                (counts.connected, counts.behind, self.events.count());
        }
        Ok(ClusterStatus {
            cluster_id: self.keys.cluster_id.clone(),
            revision: state.policy_revision,
            hosts_connected: answers.values().map(|status| status.hosts_connected).sum(),
            hosts_total: state.hosts.len() as u64,
            hosts_behind: answers.values().map(|status| status.hosts_behind).sum(),
            users: state.users.len() as u64,
            policies: state.policies.len() as u64,
            events: answers.values().map(|status| status.events).sum(),
            audit_records: state.audit.last_seq(),
            controllers: answers.into_values().map(controller_of).collect(),
        })
    }
}
