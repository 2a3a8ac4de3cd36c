use crate::{
    id::HostId,
    inventory::{AgentUse, ContainerUsage, HostFacts, HostUsage},
    label::Labels,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `GET /v1/inventory/…`: what is looked for. What is absent does not matter; all that is there must hold. A filter that a
/// kind of thing has no answer to (the owner of an image) finds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct InventoryQuery {
    /// A host's id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// A label of the host, `env=prod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_label: Option<String>,
    /// A reference, `nginx:1.25`; without a tag, `nginx`, all its tags; or an id, `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// A path on the host, with what lies below and what holds it (`/etc` finds `/etc/ssl` and `/`); or a volume's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// Name of a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// A label, `app=shop`; a key alone for any value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Published port of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `running`, `exited`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// A part of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Go on after this place: `next` of the answer before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Most things to return, 1 to 1000; 100 without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// A page of what was found, by host id, then by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InventoryPage<T> {
    pub items: Vec<T>,
    /// Pass as `after` to go on; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Controllers that did not answer: what their hosts have is missing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<u64>,
}

/// A thing on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InventoryItem<T> {
    pub host: HostId,
    /// The name that the host enrolled with.
    #[serde(default)]
    pub host_name: String,
    /// The host's session is open; else this is how it was when it was last heard.
    pub connected: bool,
    /// When the host was last heard.
    pub heard_at: Timestamp,
    /// The thing itself.
    pub item: T,
    /// What a container uses, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<ContainerUsage>,
}

/// A host as its agent tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InventoryHost {
    pub host: HostId,
    /// The name that the host enrolled with.
    #[serde(default)]
    pub host_name: String,
    #[serde(default)]
    pub labels: Labels,
    /// The host's session is open; else this is how it was when it was last heard.
    pub connected: bool,
    /// When the host was last heard.
    pub heard_at: Timestamp,
    pub facts: HostFacts,
    /// When its usage was measured, by its own clock; 0 for not yet.
    pub sampled_at: Timestamp,
    /// Seconds between two samples, as things are.
    pub interval_s: u32,
    pub usage: HostUsage,
    pub agent: AgentUse,
    pub containers: u32,
    pub containers_running: u32,
    pub images: u32,
    pub volumes: u32,
    pub networks: u32,
}
