use crate::{
    Revision,
    decision::{Decision, DecisionEvent, Rule},
    facts::FactValue,
    id::PolicyName,
    policy::Mode,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `GET /v1/events/{host}/{run}/{number}/explanation`: what a recorded decision was made of, and what would be decided
/// today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// As it was recorded.
    pub event: DecisionEvent,
    /// What the stored policies say today about the same request; `None` when not all of its facts were
    /// kept.
    pub now: Option<Decision>,
    /// The documents of the rules that are named above, as they are today.
    pub documents: Vec<NamedDocument>,
    /// What could be done, by today's policies.
    pub advice: Advice,
}

/// A policy that a rule belongs to. `revision` above that of a decision says that it was changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedDocument {
    pub name: PolicyName,
    pub mode: Mode,
    pub version: u64,
    /// Cluster revision at which it last changed.
    pub revision: Revision,
    pub updated_by: String,
    pub updated_at: Timestamp,
}

/// What could be done about a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Advice {
    pub remedy: Remedy,
    /// Rules that would permit the action and miss this request, those that miss it least first. Only for a refusal
    /// that no rule permits.
    #[serde(default)]
    pub near: Vec<NearMiss>,
}

/// What could be changed about a request so that it would be allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Remedy {
    /// Nothing: it is allowed as it is.
    NotNeeded,
    /// This.
    Change {
        /// All of them together; without any one of them it would still be refused.
        changes: Vec<RequestChange>,
        /// No smaller number of changes does it; false when there were too many to try.
        smallest: bool,
    },
    /// No change of the request alone.
    None {
        /// Every combination of changes that could make a difference was tried.
        exhaustive: bool,
    },
    /// Not known: not all facts of the request were kept.
    #[default]
    Unknown,
}

/// One change of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestChange {
    /// The fact that it changes. Facts that follow from it change with it.
    pub fact: String,
    pub op: ChangeOp,
    /// What is taken out of a set, put into it, or the new value.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub value: FactValue,
    /// In words of the docker command where it has some.
    pub how: String,
}

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChangeOp {
    /// Takes `value` out of a set.
    Remove,
    /// Puts `value` into a set.
    Add,
    /// Gives a fact that is no set the value `value`.
    Set,
}

/// A rule that permits the action, and what about this request keeps it from applying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NearMiss {
    pub rule: Rule,
    /// At least one.
    pub misses: Vec<Miss>,
}

/// A part of a rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Miss {
    pub part: MissPart,
    /// Cedar text of the part: what `when` asks for and is not so, what `unless` excludes and is so.
    pub text: String,
    /// Why it could not be evaluated; empty when it could.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// Where in a rule a part stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum MissPart {
    Principal,
    Resource,
    When,
    Unless,
}

impl MissPart {
    /// The word in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Resource => "resource",
            Self::When => "when",
            Self::Unless => "unless",
        }
    }
}
