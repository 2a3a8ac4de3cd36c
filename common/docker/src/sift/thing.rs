//! What is read of one of the things in a list.

use crate::{
    image_ref::ImageRef,
    listing::{ImageOwner, Reading, UnknownForm, of_image, reading},
    owner,
    view::ImageView,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use wharden_model::{Action, Facts, Resource, ResourceKind};

/// What it would be to read a thing in a list, written as the engine wrote it.
///
/// # Errors
/// [`UnknownForm`].
pub fn listed_reading(kind: ResourceKind, thing: &[u8], owner: ImageOwner<'_>) -> Result<Reading, UnknownForm> {
    if kind == ResourceKind::Engine {
        return Ok(build_cache());
    }
    serde_json::from_slice::<Thing>(thing).map_err(|_| UnknownForm)?.reading(kind, owner)
}

/// The id of a container that is attached to a network, of which the engine wrote `"id": {…}`. An endpoint that has no container yet, or
/// none any more, is called `ep-…` there, with the container's name.
///
/// # Errors
/// [`UnknownForm`].
pub fn attached(thing: &[u8]) -> Result<String, UnknownForm> {
    let mut values = serde_json::Deserializer::from_slice(thing).into_iter::<String>();
    values.next().and_then(Result::ok).ok_or(UnknownForm)
}

/// The id of the service of a task, as it stands in a list; empty for a container that was attached to a network.
///
/// # Errors
/// [`UnknownForm`].
pub fn service_of_task(thing: &[u8]) -> Result<String, UnknownForm> {
    let task: Thing = serde_json::from_slice(thing).map_err(|_| UnknownForm)?;
    Ok(task.service_id.unwrap_or_default())
}

/// A part of the engine's build cache, which is for those to see who may remove it.
fn build_cache() -> Reading {
    let action = Action::BuildPrune;
    let resource = thing(ResourceKind::Engine, String::new(), String::new(), BTreeMap::new());
    Reading { action, facts: Facts::zero(action), resource }
}

/// Each kind has some of this; the engine writes no field twice.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Thing {
    id: Option<String>,
    #[serde(rename = "ID")]
    swarm_id: Option<String>,
    name: Option<String>,
    names: Option<Vec<String>>,
    image: Option<String>,
    #[serde(rename = "ImageID")]
    image_id: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
    #[serde(rename = "ServiceID")]
    service_id: Option<String>,
    spec: Option<Spec>,
    description: Option<Description>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Spec {
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    container_spec: Option<Box<Spec>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Description {
    hostname: Option<String>,
}

impl Thing {
    /// What it would be to read the thing.
    fn reading(self, kind: ResourceKind, owner: ImageOwner<'_>) -> Result<Reading, UnknownForm> {
        let needed = |id: Option<String>| id.filter(|id| !id.is_empty()).ok_or(UnknownForm);
        let (name, labels) = (self.name.unwrap_or_default(), self.labels.unwrap_or_default());
        Ok(match kind {
            ResourceKind::Container => {
                let name = self.names.iter().flatten().next().map(|name| name.trim_start_matches('/').to_owned());
                let image = self.image.unwrap_or_default();
                let image = ImageRef::parse(&image).map_or(image, |r| r.to_string());
                let owner = owner::of_listed(&labels, &self.image_id.unwrap_or_default());
                let thing = thing(kind, needed(self.id)?, name.unwrap_or_default(), labels);
                reading(kind, Resource { image, owner, ..thing })
            }
            ResourceKind::Image => {
                let id = needed(self.id)?;
                of_image(&ImageView {
                    owner: owner(&id),
                    id,
                    tags: named(self.repo_tags),
                    digests: named(self.repo_digests),
                    labels,
                    ..ImageView::default()
                })
            }
            ResourceKind::Volume => {
                let name = needed(Some(name))?;
                reading(kind, thing(kind, name.clone(), name, labels))
            }
            ResourceKind::Network => reading(kind, thing(kind, needed(self.id)?, name, labels)),
            ResourceKind::Plugin => reading(kind, thing(kind, name.clone(), name, BTreeMap::new())),
            _ => {
                let spec = self.spec.unwrap_or_default();
                let hostname = self.description.and_then(|description| description.hostname);
                let name = spec.name.filter(|name| !name.is_empty()).or(hostname).unwrap_or_default();
                reading(kind, thing(kind, needed(self.swarm_id)?, name, spec.labels.unwrap_or_default()))
            }
        })
    }
}

/// A thing that exists and is no image; its owner is the one that its labels name, which of a container is not enough.
fn thing(kind: ResourceKind, id: String, name: String, labels: BTreeMap<String, String>) -> Resource {
    Resource { kind, id, name, image: String::new(), owner: owner::of(&labels), labels }
}

/// Untagged images are called `<none>:<none>`.
fn named(references: Option<Vec<String>>) -> Vec<String> {
    references.into_iter().flatten().filter(|name| !name.starts_with("<none>")).collect()
}
