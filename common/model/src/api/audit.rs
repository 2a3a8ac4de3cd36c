use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One record of the audit chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditRecord {
    /// From 1, without a gap.
    pub seq: u64,
    pub at: Timestamp,
    /// `user alice`, `host h-…`, `bootstrap`, `system`.
    pub actor: String,
    /// An admin action (`policy.update`) or what else happened (`session.login`, `host.enrol`).
    pub action: String,
    /// What it was about, e.g. `policy baseline`.
    pub resource: String,
    /// `applied`, or `refused: ` and why.
    pub outcome: String,
    /// What changed, secrets blanked.
    pub detail: String,
    pub request_id: String,
    /// SHA-256 over the previous hash and this record, hex.
    pub hash: String,
}

/// `GET /v1/audit?after=&limit=`: records after a number, oldest first; without `after` the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    pub records: Vec<AuditRecord>,
    /// Number of the newest record in the chain.
    pub last_seq: u64,
}

/// `GET /v1/audit/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditVerdict {
    pub intact: bool,
    /// Records recomputed.
    pub records: u64,
    /// Hash of the newest.
    pub head: String,
    /// First record that does not fit; `None` when all do.
    pub broken_at: Option<u64>,
}
