use super::bound;
use crate::{
    limits::{INVENTORY_ID_MAX, INVENTORY_TEXT_MAX},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A volume. Options of its driver are not told: they may hold passwords of file servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InventoryVolume))]
pub struct Volume {
    pub name: String,
    /// `local` is the engine's own.
    pub driver: String,
    /// Who made it, as far as the guard knows; empty for nobody known.
    pub owner: String,
    pub labels: BTreeMap<String, String>,
    pub created_at: Timestamp,
}

impl Volume {
    /// Cuts everything to its limit.
    pub fn bound(&mut self) {
        // The name is what it is known by.
        bound::text(&mut self.name, INVENTORY_ID_MAX);
        bound::text(&mut self.driver, INVENTORY_TEXT_MAX);
        bound::text(&mut self.owner, INVENTORY_TEXT_MAX);
        bound::labels(&mut self.labels);
    }
}
