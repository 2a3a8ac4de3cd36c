use super::bound;
use crate::limits::INVENTORY_TEXT_MAX;
use serde::{Deserialize, Serialize};

/// A port of a container that the host publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InventoryPort))]
pub struct Port {
    /// Address of the host that it is bound to; empty for all.
    pub host_ip: String,
    /// Port of the host; 0 when the engine has not chosen one.
    pub host_port: u16,
    pub container_port: u16,
    pub protocol: Protocol,
}

impl Port {
    pub(super) fn bound(&mut self) {
        bound::text(&mut self.host_ip, INVENTORY_TEXT_MAX);
    }
}

/// Of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
    #[serde(other)]
    Other,
}

impl Protocol {
    /// The engine's word.
    pub fn of(word: &str) -> Self {
        match word {
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "sctp" => Self::Sctp,
            _ => Self::Other,
        }
    }

    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Other => "other",
        }
    }
}
