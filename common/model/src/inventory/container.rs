use super::{FixedAddress, Mount, Port, bound};
use crate::{
    limits::{INVENTORY_ID_MAX, INVENTORY_LIST_MAX, INVENTORY_TEXT_MAX},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InventoryContainer))]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Name without the slash.
    pub name: String,
    /// Who made it, as far as the guard knows; empty for nobody known.
    pub owner: String,
    /// The reference that it was made from, `nginx:1.25`.
    pub image: String,
    /// Id of its image, `sha256:…`.
    pub image_id: String,
    pub state: ContainerState,
    pub health: Health,
    pub limits: ContainerLimits,
    /// Published ports.
    pub ports: Vec<Port>,
    pub mounts: Vec<Mount>,
    /// Names of its networks; `host` and `none` are among them, `container:<id>` stands for that container's.
    pub networks: Vec<String>,
    pub fixed_addresses: Vec<FixedAddress>,
    pub labels: BTreeMap<String, String>,
    pub restart: RestartPolicy,
    /// The engine removes it when it stops.
    pub auto_remove: bool,
    /// Devices of the host that it may use, as paths on the host.
    pub devices: Vec<String>,
    pub privileged: bool,
    pub created_at: Timestamp,
    /// When it was last started; 0 for never.
    pub started_at: Timestamp,
    /// Bytes that it wrote itself, outside of volumes; absent while they were not counted.
    pub layer_bytes: Option<u64>,
}

impl Container {
    /// Cuts everything to its limit.
    pub fn bound(&mut self) {
        bound::text(&mut self.id, INVENTORY_ID_MAX);
        bound::text(&mut self.image_id, INVENTORY_ID_MAX);
        for text in [&mut self.name, &mut self.owner, &mut self.image] {
            bound::text(text, INVENTORY_TEXT_MAX);
        }
        bound::list(&mut self.ports, INVENTORY_LIST_MAX, Port::bound);
        bound::list(&mut self.mounts, INVENTORY_LIST_MAX, Mount::bound);
        bound::texts(&mut self.networks);
        bound::list(&mut self.fixed_addresses, INVENTORY_LIST_MAX, FixedAddress::bound);
        bound::texts(&mut self.devices);
        bound::labels(&mut self.labels);
    }

    /// True while its processes are there.
    pub const fn is_up(&self) -> bool {
        self.state.is_up()
    }
}

/// What a container does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ContainerState {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
    #[default]
    #[serde(other)]
    Unknown,
}

impl ContainerState {
    /// True while the processes of one in this state are there.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }

    /// The engine's word; anything else is unknown.
    pub fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or(Self::Unknown)
    }

    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Restarting,
        Self::Removing,
        Self::Exited,
        Self::Dead,
        Self::Unknown,
    ];

    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

/// What its health check says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Health {
    Starting,
    Healthy,
    Unhealthy,
    /// It has no check, or none that is known here.
    #[default]
    #[serde(other)]
    None,
}

impl Health {
    /// The engine's word; anything else is none.
    pub fn of(word: &str) -> Self {
        match word {
            "starting" => Self::Starting,
            "healthy" => Self::Healthy,
            "unhealthy" => Self::Unhealthy,
            _ => Self::None,
        }
    }

    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::None => "none",
        }
    }
}

/// What a container may use; 0 where nothing is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerLimits {
    /// Thousandths of a processor.
    pub cpu_millicores: u64,
    pub memory_bytes: u64,
    pub pids: u64,
}

/// When the engine starts it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RestartPolicy {
    pub kind: RestartKind,
    /// Attempts of `on-failure`; 0 for no end.
    pub max_retries: u32,
}

/// See [`RestartPolicy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RestartKind {
    Always,
    UnlessStopped,
    OnFailure,
    #[default]
    #[serde(other)]
    No,
}

impl RestartKind {
    /// The engine's word; anything else is no.
    pub fn of(word: &str) -> Self {
        match word {
            "always" => Self::Always,
            "unless-stopped" => Self::UnlessStopped,
            "on-failure" => Self::OnFailure,
            _ => Self::No,
        }
    }
}
