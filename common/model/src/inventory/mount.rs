use super::bound;
use crate::limits::INVENTORY_PATH_MAX;
use serde::{Deserialize, Serialize};

/// Something mounted in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InventoryMount))]
pub struct Mount {
    pub kind: MountKind,
    /// A bind: the path on the host. A volume: its name. Empty for a tmpfs.
    pub source: String,
    /// Path in the container.
    pub target: String,
    pub read_only: bool,
}

impl Mount {
    pub(super) fn bound(&mut self) {
        bound::text(&mut self.source, INVENTORY_PATH_MAX);
        bound::text(&mut self.target, INVENTORY_PATH_MAX);
    }
}

/// Of a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum MountKind {
    Bind,
    Volume,
    Tmpfs,
    /// Anything else: named pipes, images, cluster volumes.
    #[default]
    #[serde(other)]
    Other,
}

impl MountKind {
    /// The engine's word.
    pub fn of(word: &str) -> Self {
        match word {
            "bind" => Self::Bind,
            "volume" => Self::Volume,
            "tmpfs" => Self::Tmpfs,
            _ => Self::Other,
        }
    }

    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Other => "other",
        }
    }
}
