use super::bound;
use crate::limits::INVENTORY_TEXT_MAX;
use serde::{Deserialize, Serialize};

/// An address that a container has in a network because somebody asked for it, and not because the engine chose it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FixedAddress {
    /// Name of the network.
    pub network: String,
    /// Of IP, version 4 or 6.
    pub address: String,
}

impl FixedAddress {
    pub(super) fn bound(&mut self) {
        bound::text(&mut self.network, INVENTORY_TEXT_MAX);
        bound::text(&mut self.address, INVENTORY_TEXT_MAX);
    }
}
