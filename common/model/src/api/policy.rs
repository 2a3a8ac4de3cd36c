use super::Advice;
use crate::{
    Revision,
    action::{Action, AdminAction},
    decision::{Decision, Principal, Resource},
    facts::Facts,
    id::{PolicyName, UserName},
    policy::Mode,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `GET /v1/policies` (without text), `GET /v1/policies/{name}` (with it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Policy {
    pub name: PolicyName,
    pub mode: Mode,
    /// 1 for the first version, then counting.
    pub version: u64,
    /// Cluster revision at which it last changed.
    pub revision: Revision,
    pub updated_by: String,
    pub updated_at: Timestamp,
    /// Rules in it.
    pub rules: u32,
    /// Cedar text; `None` in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// As of [`Validation`]; only in the answer to a change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ValidationIssue>,
}

/// `PUT /v1/policies/{name}`: creates or replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyPut {
    /// Cedar text, at most 48 KiB.
    pub text: String,
    /// Mode; without it `enforce` for a new policy and the present one for an old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The version that this replaces, 0 for none: refused with 409 when it is another. Absent: whatever is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// `POST /v1/policy/validate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyText {
    pub text: String,
}

/// Answer to [`PolicyText`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Validation {
    pub valid: bool,
    pub issues: Vec<ValidationIssue>,
    /// What is no fault, and may be a slip: groups that are not there. Of these, whom the caller may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ValidationIssue>,
}

/// One fault of a policy text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidationIssue {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The rule's `@id` or number; empty when the text could not be read as rules.
    pub rule: String,
    pub message: String,
    /// What to write instead; empty when nothing is near.
    #[serde(default)]
    pub help: String,
}

/// `GET /v1/policies/{name}/versions`, newest first; `GET …/versions/{version}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyVersion {
    pub version: u64,
    pub mode: Mode,
    pub text: String,
    pub updated_by: String,
    pub updated_at: Timestamp,
}

/// `POST /v1/policies/{name}/rollback`: makes an old version the newest. Answers the [`Policy`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollbackTo {
    /// Version to go back to; without it the one before the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// `POST /v1/policy/test`: what would be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestRequest {
    /// The user who would ask. Either this or `service_account` goes with `request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<UserName>,
    /// Whose the things are that the request names, as `resource.owner` says it: `bob`, `service-account:ci`, empty for nobody's.
    /// The asker's without it. Goes with `request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The host, by id or name; without it any host without labels. Goes with `request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What would be asked of the engine. Either this or `event`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<DockerRequest>,
    /// A recorded decision, `host/run/number`, to be made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Draft documents to decide with in place of (same name) or besides the stored ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drafts: Vec<PolicyVersionDraft>,
}

/// A draft for [`TestRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyVersionDraft {
    pub name: PolicyName,
    pub text: String,
    #[serde(default)]
    pub mode: Mode,
}

/// `POST /v1/policy/simulate`: what drafts would have changed about recorded decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SimulateRequest {
    /// Drafts to decide with in place of (same name) or besides the stored ones; at least one.
    pub drafts: Vec<PolicyVersionDraft>,
    /// Only decisions about this user, service account or container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only decisions on this host, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Not before: milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Before: milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// Answer to [`SimulateRequest`]. Both sides are decided anew, by the stored policies and with the drafts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Simulation {
    /// Decisions that were replayed, the newest ones.
    pub replayed: u64,
    /// Decisions that could not be: invalid requests, and those of which not all facts were kept.
    pub skipped: u64,
    /// There were more than one simulation replays; older ones were left out.
    pub truncated: bool,
    /// Allowed now, refused with the drafts; the most frequent first.
    pub newly_refused: Vec<SimulatedChange>,
    /// Refused now, allowed with the drafts; the most frequent first.
    pub newly_allowed: Vec<SimulatedChange>,
    /// What could not be replayed; the most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_replayed: Vec<NotReplayed>,
}

/// Decisions of which nothing can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotReplayed {
    /// Who asked, e.g. `user alice`.
    pub who: String,
    pub action: Action,
    pub why: NoReplay,
    pub count: u64,
    /// At most three of the events, `host/run/number`.
    pub examples: Vec<String>,
}

/// Why a decision could not be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum NoReplay {
    /// The request was invalid, so no policy was asked.
    Invalid,
    /// The agent did not keep all of its facts.
    FactsMissing,
}

/// Decisions that change in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SimulatedChange {
    /// Who asked, e.g. `user alice`.
    pub who: String,
    pub action: Action,
    /// The rule that makes the new decision, or why there is none.
    pub rule: String,
    pub count: u64,
    /// At most three of the events, `host/run/number`.
    pub examples: Vec<String>,
}

/// A request to the Docker Engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DockerRequest {
    /// `POST`.
    pub method: String,
    /// `/v1.41/containers/create?name=x`, with or without a version.
    pub path: String,
    /// JSON body; null for none.
    #[serde(default)]
    pub body: serde_json::Value,
}

/// `POST /v1/policy/test-admin`: may somebody do this here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminTestRequest {
    /// The user who would ask. Either this or `service_account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<UserName>,
    pub action: AdminAction,
    /// The user, group, policy or host (by id or name) that it would be done to; none for actions on the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Draft documents to decide with in place of (same name) or besides the stored ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drafts: Vec<PolicyVersionDraft>,
}

/// Answer to [`AdminTestRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminTestResult {
    pub action: AdminAction,
    /// In words, e.g. `host h-0123456789abcdef`.
    pub resource: String,
    /// With a code of its own.
    pub decision: Decision,
    /// What it would take beside the session, in words.
    pub step_up: String,
}

/// Answer to [`TestRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestResult {
    pub principal: Principal,
    pub action: Action,
    pub resource: Resource,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub facts: Facts,
    pub decision: Decision,
    /// What could be done about a refusal.
    #[serde(default)]
    pub advice: Advice,
    /// What was taken to be so because no host was asked, one line each; empty for an event.
    #[serde(default)]
    pub assumed: Vec<String>,
}

/// `GET /v1/packs`, `GET /v1/packs/{name}`: starter packs, each one policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pack {
    pub name: String,
    /// One line.
    pub summary: String,
    /// Rules in it.
    pub rules: u32,
    /// The version of the policy of this name that is stored, if one is; true text equality in `up_to_date`.
    pub applied: Option<Mode>,
    /// The stored policy is word for word the pack.
    pub up_to_date: bool,
    /// `None` in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// `POST /v1/packs/{name}/apply`: puts the pack as the policy of its name. Answers the [`Policy`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplyPack {
    #[serde(default)]
    pub mode: Mode,
}
