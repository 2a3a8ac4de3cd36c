use super::bound;
use crate::{
    limits::{INVENTORY_ID_MAX, INVENTORY_TEXT_MAX},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A network of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InventoryNetwork))]
pub struct Network {
    /// Full id.
    pub id: String,
    pub name: String,
    /// `bridge`, `overlay`, `macvlan`, …
    pub driver: String,
    /// `local`, `swarm` or `global`.
    pub scope: String,
    /// It has no way out.
    pub internal: bool,
    /// Who made it, as far as the guard knows; empty for nobody known.
    pub owner: String,
    /// Address ranges, `172.18.0.0/16`.
    pub subnets: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub created_at: Timestamp,
}

impl Network {
    /// Cuts everything to its limit.
    pub fn bound(&mut self) {
        bound::text(&mut self.id, INVENTORY_ID_MAX);
        for text in [&mut self.name, &mut self.driver, &mut self.scope, &mut self.owner] {
            bound::text(text, INVENTORY_TEXT_MAX);
        }
        bound::texts(&mut self.subnets);
        bound::labels(&mut self.labels);
    }
}
