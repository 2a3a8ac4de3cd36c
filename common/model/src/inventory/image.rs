use super::bound;
use crate::{
    limits::{INVENTORY_ID_MAX, INVENTORY_TEXT_MAX},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InventoryImage))]
pub struct Image {
    /// `sha256:…`.
    pub id: String,
    /// References with a tag, `nginx:1.25`.
    pub tags: Vec<String>,
    /// References with a digest, `nginx@sha256:…`.
    pub digests: Vec<String>,
    pub size_bytes: u64,
    /// As the engine names it, `amd64`.
    pub arch: String,
    pub os: String,
    /// Who built, committed, loaded or imported it on this host, through the guard; empty for nobody known. Its labels do
    /// not say.
    pub owner: String,
    pub labels: BTreeMap<String, String>,
    pub created_at: Timestamp,
}

impl Image {
    /// Cuts everything to its limit.
    pub fn bound(&mut self) {
        bound::text(&mut self.id, INVENTORY_ID_MAX);
        bound::text(&mut self.arch, INVENTORY_TEXT_MAX);
        bound::text(&mut self.os, INVENTORY_TEXT_MAX);
        bound::text(&mut self.owner, INVENTORY_TEXT_MAX);
        bound::texts(&mut self.tags);
        bound::texts(&mut self.digests);
        bound::labels(&mut self.labels);
    }
}
