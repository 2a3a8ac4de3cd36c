use crate::{audit::Link, id::ClusterId, time::Timestamp};
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
    /// Address that the request came from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Factors that were shown: of the session, and with this one request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub factors: String,
    /// What was there before the change, secrets blanked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// SHA-256 over the previous hash and this record, hex.
    pub hash: String,
}

/// `GET /v1/audit?after=&limit=`: records after a number, oldest first; without `after` the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    pub records: Vec<AuditRecord>,
    /// Hash of the record before the first of this page, hex.
    #[serde(default)]
    pub base: String,
    /// Number of the newest record in the chain.
    pub last_seq: u64,
}

impl AuditRecord {
    /// What its hash covers.
    pub fn link(&self) -> Link<'_> {
        Link {
            seq: self.seq,
            at: self.at,
            actor: &self.actor,
            action: &self.action,
            resource: &self.resource,
            outcome: &self.outcome,
            detail: &self.detail,
            request_id: &self.request_id,
            source: &self.source,
            factors: &self.factors,
            before: &self.before,
        }
    }
}

/// `GET /v1/audit/checkpoint`: how far the chain had come at a moment, signed. Kept elsewhere, it shows later that
/// nothing before it was changed, by whomever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditCheckpoint {
    pub cluster_id: ClusterId,
    /// Number of the newest record then.
    pub seq: u64,
    /// Its hash, hex.
    pub head: String,
    pub at: Timestamp,
    /// Ed25519 public key that signed, hex: the one that hosts verify policies with.
    pub key: String,
    /// Over [`crate::audit::checkpoint_statement`], hex.
    pub signature: String,
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
