//! Decisions: who asked for what on which thing, what was decided, and why.

use crate::{
    Revision,
    action::Action,
    facts::Facts,
    host::Posture,
    id::{BootId, GroupName, HostId, UserName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Principal {
    /// A person: an OS user by name, a certificate's name, an admin. Not checked as a [`UserName`]: a host may have
    /// OS users that no directory knows, `uid:1234` for those without a name.
    User {
        /// Name, `User::"name"` in policies.
        name: String,
    },
    /// An account without a person.
    ServiceAccount {
        /// Name, `ServiceAccount::"name"` in policies.
        name: String,
    },
    /// A container that calls the Docker API.
    Workload {
        /// Full id of the container, `Workload::"id"` in policies.
        container_id: String,
        /// Its name without the slash.
        name: String,
        /// Its image, as the engine shows it.
        image: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
}

impl Principal {
    /// The Cedar entity type.
    pub const fn entity_type(&self) -> &'static str {
        match self {
            Self::User { .. } => "User",
            Self::ServiceAccount { .. } => "ServiceAccount",
            Self::Workload { .. } => "Workload",
        }
    }

    /// The Cedar entity id.
    pub fn id(&self) -> &str {
        match self {
            Self::User { name } | Self::ServiceAccount { name } => name,
            Self::Workload { container_id, .. } => container_id,
        }
    }

    /// The owner of what this principal makes: `alice`, `service-account:ci`, `workload:web`. No user may be called so, and so
    /// nobody's things are those of a service account or a container of their name.
    pub fn as_owner(&self) -> Cow<'_, str> {
        match self {
            Self::User { name } => name.into(),
            Self::ServiceAccount { name } => format!("{SERVICE_ACCOUNT_OWNER}{name}").into(),
            Self::Workload { name, .. } => format!("workload:{name}").into(),
        }
    }
}

/// The owner of what is somebody's, of whom nothing vouches for who it is. No account, user or service account can be called so.
pub const UNKNOWN_OWNER: &str = "unknown:";

/// What stands before the name of a service account that owns something.
pub const SERVICE_ACCOUNT_OWNER: &str = "service-account:";

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { name } => write!(f, "user {name}"),
            Self::ServiceAccount { name } => write!(f, "service account {name}"),
            Self::Workload { name, .. } => write!(f, "container {name}"),
        }
    }
}

/// Kinds of things on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ResourceKind {
    Container,
    Image,
    Volume,
    Network,
    Exec,
    Service,
    Secret,
    Config,
    Node,
    Plugin,
    /// The engine of the host: lists, events, everything that is not about one thing.
    Engine,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Container,
        Self::Image,
        Self::Volume,
        Self::Network,
        Self::Exec,
        Self::Service,
        Self::Secret,
        Self::Config,
        Self::Node,
        Self::Plugin,
        Self::Engine,
    ];

    /// The name without its namespace, e.g. `Container` for `Docker::Container`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Container => "Container",
            Self::Image => "Image",
            Self::Volume => "Volume",
            Self::Network => "Network",
            Self::Exec => "Exec",
            Self::Service => "Service",
            Self::Secret => "Secret",
            Self::Config => "Config",
            Self::Node => "Node",
            Self::Plugin => "Plugin",
            Self::Engine => "Engine",
        }
    }

    /// What it takes to see one, by itself, in a list, or in what the engine tells of.
    pub const fn inspection(self) -> Action {
        match self {
            Self::Container => Action::ContainerInspect,
            Self::Image => Action::ImageInspect,
            Self::Volume => Action::VolumeInspect,
            Self::Network => Action::NetworkInspect,
            Self::Service => Action::ServiceInspect,
            Self::Secret => Action::SecretInspect,
            Self::Config => Action::ConfigInspect,
            Self::Node => Action::NodeInspect,
            Self::Plugin => Action::PluginInspect,
            Self::Exec | Self::Engine => Action::Unknown,
        }
    }
}

/// The thing that is acted on, as it is at the moment of the decision. For something about to be created: as asked
/// for, with the principal as its owner and its name (or `new`) as its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Full id where the engine gives one, else its name; the host's id for `Engine`.
    pub id: String,
    /// Name without the slash; image reference for images.
    #[serde(default)]
    pub name: String,
    /// Image reference, for containers (and execs, of their container).
    #[serde(default)]
    pub image: String,
    /// Name of the user that owns it; empty when nobody is known to.
    #[serde(default)]
    pub owner: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl Resource {
    /// A thing of which nothing but its id is known; the id is empty where not even that is.
    pub fn bare(kind: ResourceKind, id: &str) -> Self {
        let (name, image, owner) = Default::default();
        Self { kind, id: id.to_owned(), name, image, owner, labels: BTreeMap::new() }
    }
}

/// Cedar's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Effect {
    Allow,
    Deny,
}

/// One rule that made a decision.
#[derive(Default, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rule {
    /// `document/rule`, e.g. `baseline/no-privileged`; a rule without `@id` is called by its number, `baseline/3`.
    pub id: String,
    /// Its `@reason`; empty when it has none.
    #[serde(default)]
    pub reason: String,
    /// Its `@severity`; empty when it has none.
    #[serde(default)]
    pub severity: String,
    /// Its `@cis` number; empty when it has none.
    #[serde(default)]
    pub cis: String,
    /// It has `@hide`: what it forbids answers as if it were not there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hides: bool,
    /// Its `@mend`: what the guard may add to a request so that the rule no longer applies. At present only
    /// `no-new-privileges`; empty when the request is refused as it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mends: String,
}

/// The one [`Rule::mends`]: `--security-opt no-new-privileges` on a container to be created.
pub const NO_NEW_PRIVILEGES: &str = "no-new-privileges";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What the policies say about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    /// The answer of the policies in mode `enforce`. An evaluation error makes it deny.
    pub effect: Effect,
    /// The rules that made it, by id. Empty for a deny because nothing permits.
    pub rules: Vec<Rule>,
    /// Rules of policies in mode `monitor` that would have changed the answer; empty when they would not.
    pub monitor: Vec<Rule>,
    /// Evaluation errors, each with its rule.
    pub errors: Vec<String>,
    /// The revision of the bundle that decided; 0 when there was none.
    pub revision: Revision,
}

impl Decision {
    /// It is a denial, and a rule of it is satisfied no more once this has been added to the request.
    pub fn is_mended_by(&self, addition: &str) -> bool {
        self.effect == Effect::Deny && self.rules.iter().any(|rule| rule.mends == addition)
    }

    /// One sentence for the person who was refused: which rule, or that nothing permits.
    pub fn why(&self) -> String {
        if let Some(error) = self.errors.first() {
            return format!("a policy could not be evaluated, which refuses the request: {error}");
        }
        match self.rules.first() {
            Some(rule) if rule.reason.is_empty() => format!("rule {} forbids it", rule.id),
            Some(rule) => format!("rule {} forbids it: {}", rule.id, rule.reason),
            None => "no policy permits it".to_owned(),
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Outcome {
    /// Permitted and sent on.
    Allowed,
    /// Refused with 403; the engine never saw it.
    Denied,
    /// Would have been refused, and was sent on because the host's posture is `observe`, or, on a host in posture
    /// `enforce`, by break-glass, which is then among the rules as `builtin/break-glass`.
    WouldDeny,
    /// Refused with 400 because it was ambiguous or malformed; the engine never saw it.
    Invalid,
}

impl Outcome {
    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::WouldDeny => "would_deny",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "allowed" => Ok(Self::Allowed),
            "denied" => Ok(Self::Denied),
            "would_deny" | "would-deny" => Ok(Self::WouldDeny),
            "invalid" => Ok(Self::Invalid),
            other => Err(format!("{other:?} is not a decision: use allowed, denied, would-deny or invalid")),
        }
    }
}

/// One decision as reported by an agent: `(host_id, boot_id, seq)` names it for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecisionEvent {
    /// The host. Set by the controller from the certificate of the session, never believed from the wire.
    pub host_id: HostId,
    /// The run of the agent.
    pub boot_id: BootId,
    /// 1 for the first event of a run, then without a gap; a gap means that the spool was full.
    pub seq: u64,
    /// When it was decided, by the host's clock.
    pub at: Timestamp,
    /// Who asked.
    pub principal: Principal,
    /// For what.
    pub action: Action,
    /// On which thing.
    pub resource: Resource,
    /// What became of it.
    pub outcome: Outcome,
    /// The host's posture at that moment.
    pub posture: Posture,
    /// Why.
    pub decision: Decision,
    /// The facts that were decided on, those at their zero value left out. `None` when not all of them could be kept, and
    /// for an invalid request: nothing is decided again on a part of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub facts: Option<Facts>,
    /// In place of `facts` where they are too many or too long: those that could be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_facts: Option<PartialFacts>,
    /// Method and canonical path, e.g. `POST /v1.41/containers/create`; for an invalid request what was readable of it.
    pub request: String,
    /// For an invalid request: what was wrong, and where. Empty otherwise.
    #[serde(default)]
    pub error: String,
    /// Microseconds from the request's last byte of head to the decision.
    #[serde(default)]
    pub decided_in_us: u64,
}

/// What an event keeps of facts that are too many or too long for it. A fact that is neither here nor missing is at its
/// zero value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PartialFacts {
    /// Those that are kept.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub facts: Facts,
    /// Names of those that are not, and `resource.labels` or `principal.labels` where these are not kept either.
    pub missing: BTreeSet<String>,
}

impl DecisionEvent {
    /// Its name for ever: `host/run/number`.
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.host_id, self.boot_id, self.seq)
    }
}

/// Which decision events a query wants. All parts must match; absent parts match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct EventQuery {
    /// Name of the user or service account, or of the container that called.
    pub user: Option<String>,
    /// An action, `container.create`, or a noun, `container`.
    pub action: Option<String>,
    /// `allowed`, `denied`, `would-deny` or `invalid`.
    pub decision: Option<String>,
    /// A host's id or name.
    pub host: Option<String>,
    /// Not before: milliseconds since the epoch.
    pub since: Option<u64>,
    /// Before: milliseconds since the epoch.
    pub until: Option<u64>,
    /// Events after this cursor, oldest first; an empty one is before the first. Without it: the newest `limit`, oldest first.
    pub after: Option<String>,
    /// Most events to return, 1 to 1000; 100 without it.
    pub limit: Option<usize>,
    /// With `after`: wait up to this many seconds, 30 at most, for a first event.
    pub wait: Option<u64>,
}

/// A user as bundles and decisions know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownUser {
    /// Name.
    pub name: UserName,
    /// Groups that it is in.
    pub groups: Vec<GroupName>,
    /// A disabled user is refused everything.
    pub disabled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_make_is_not_the_users_of_their_name() {
        let bob = || "bob".to_owned();
        let workload = Principal::Workload {
            container_id: "c1".to_owned(),
            name: bob(),
            image: String::new(),
            labels: BTreeMap::new(),
        };
        assert_eq!(Principal::User { name: bob() }.as_owner(), "bob");
        assert_eq!(workload.as_owner(), "workload:bob");
        assert_eq!(Principal::ServiceAccount { name: bob() }.as_owner(), "service-account:bob");
        assert!(UserName::new("service-account:bob").is_err() && UserName::new("workload:bob").is_err());
    }

    /// Events from before facts were kept in part, and those of agents that have all of them.
    #[test]
    fn events_without_partial_facts_read_back_as_they_are() {
        let json = serde_json::json!({
            "host_id": "h-0000000000000001", "boot_id": "0000000000000001", "seq": 1, "at": 1,
            "principal": {"kind": "user", "name": "alice"}, "action": "container.create",
            "resource": {"kind": "Container", "id": "new", "name": "", "image": "", "owner": "alice", "labels": {}},
            "outcome": "allowed", "posture": "enforce",
            "decision": {"effect": "allow", "rules": [], "monitor": [], "errors": [], "revision": 1},
            "facts": {"privileged": true}, "request": "", "error": "", "decided_in_us": 1,
        });
        let mut event: DecisionEvent = serde_json::from_value(json).expect("an event");
        assert!(event.facts.is_some() && event.partial_facts.is_none());
        assert!(serde_json::to_value(&event).expect("JSON").get("partial_facts").is_none());
        let facts = event.facts.take().expect("facts");
        event.partial_facts = Some(PartialFacts { facts, missing: BTreeSet::from(["labels".to_owned()]) });
        let json = serde_json::to_vec(&event).expect("JSON");
        assert_eq!(serde_json::from_slice::<DecisionEvent>(&json).expect("an event"), event);
    }
}
