//! Answers that tell of many things at once: lists, disk usage, events. Here they come apart into what each of them
//! would be to read by itself, so that the same rules decide about both.

use crate::{
    facts::image_facts,
    image_ref::ImageRef,
    inspect,
    resolve::existing,
    view::{ImageView, View},
};
use serde_json::Value;
use std::collections::BTreeMap;
use wharden_model::{Action, Facts, Resource, ResourceKind};

/// What the answer of an action tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// One JSON document with lists in it.
    Items,
    /// JSON documents one after the other, without end.
    Events,
}

/// One of the things told of, as it would be to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub action: Action,
    pub resource: Resource,
    pub facts: Facts,
}

/// The answer has not the form that the Engine API gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Docker Engine's list has a form that is not known")]
pub struct UnknownForm;

/// Which listing the answer of an action is; `None` when it is none.
pub const fn of(action: Action) -> Option<Listing> {
    match action {
        Action::ContainerList
        | Action::ImageList
        | Action::VolumeList
        | Action::NetworkList
        | Action::ServiceList
        | Action::TaskList
        | Action::SecretList
        | Action::ConfigList
        | Action::NodeList
        | Action::PluginList
        | Action::SystemDf => Some(Listing::Items),
        Action::SystemEvents => Some(Listing::Events),
        _ => None,
    }
}

/// Takes out of a list what must not be seen.
///
/// # Errors
/// [`UnknownForm`]: nothing of the answer may be passed on.
pub fn sift(action: Action, body: &mut Value, may: &mut dyn FnMut(&Reading) -> bool) -> Result<(), UnknownForm> {
    use ResourceKind as K;
    let kind = match action {
        Action::ContainerList => K::Container,
        Action::ImageList => K::Image,
        Action::VolumeList => K::Volume,
        Action::NetworkList => K::Network,
        Action::ServiceList | Action::TaskList => K::Service,
        Action::SecretList => K::Secret,
        Action::ConfigList => K::Config,
        Action::NodeList => K::Node,
        Action::PluginList => K::Plugin,
        Action::SystemDf => return disk_usage(body, may),
        _ => return Err(UnknownForm),
    };
    let list = if kind == K::Volume { body.get_mut("Volumes").ok_or(UnknownForm)? } else { body };
    keep(list, kind, may)
}

/// The lists in `GET /system/df`: one of each kind up to API 1.51, from 1.52 on one inside of each kind's summary.
/// What the build cache holds belongs to nobody.
fn disk_usage(body: &mut Value, may: &mut dyn FnMut(&Reading) -> bool) -> Result<(), UnknownForm> {
    let fields = body.as_object_mut().ok_or(UnknownForm)?;
    for (name, value) in fields.iter_mut() {
        let (kind, list) = match name.as_str() {
            "Containers" => (ResourceKind::Container, Some(value)),
            "Images" => (ResourceKind::Image, Some(value)),
            "Volumes" => (ResourceKind::Volume, Some(value)),
            "ContainerUsage" => (ResourceKind::Container, value.get_mut("Items")),
            "ImageUsage" => (ResourceKind::Image, value.get_mut("Items")),
            "VolumeUsage" => (ResourceKind::Volume, value.get_mut("Items")),
            "LayersSize" | "BuilderSize" | "BuildCache" | "BuildCacheUsage" => continue,
            _ => return Err(UnknownForm),
        };
        if let Some(list) = list {
            keep(list, kind, may)?;
        }
    }
    Ok(())
}

fn keep(list: &mut Value, kind: ResourceKind, may: &mut dyn FnMut(&Reading) -> bool) -> Result<(), UnknownForm> {
    match list {
        Value::Null => Ok(()),
        Value::Array(items) => {
            let mut readings =
                items.iter().map(|item| item_reading(kind, item)).collect::<Result<Vec<_>, _>>()?.into_iter();
            items.retain(|_| readings.next().is_some_and(|reading| may(&reading)));
            Ok(())
        }
        _ => Err(UnknownForm),
    }
}

fn text(json: &Value, pointer: &str) -> String {
    json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn item_reading(kind: ResourceKind, item: &Value) -> Result<Reading, UnknownForm> {
    let id = |pointer: &str| Some(text(item, pointer)).filter(|id| !id.is_empty()).ok_or(UnknownForm);
    let labels = |pointer: &str| inspect::pairs(item, pointer);
    Ok(match kind {
        ResourceKind::Container => {
            let name = text(item, "/Names/0").trim_start_matches('/').to_owned();
            let image = text(item, "/Image");
            let image = ImageRef::parse(&image).map_or(image, |r| r.to_string());
            reading(kind, Resource { image, ..existing(kind, &id("/Id")?, &name, &labels("/Labels")) })
        }
        ResourceKind::Image => of_image(&ImageView {
            id: id("/Id")?,
            tags: named(inspect::texts(item, "/RepoTags")),
            digests: named(inspect::texts(item, "/RepoDigests")),
            user: String::new(),
            labels: labels("/Labels"),
        }),
        ResourceKind::Volume => reading(kind, existing(kind, &id("/Name")?, &id("/Name")?, &labels("/Labels"))),
        ResourceKind::Network => reading(kind, existing(kind, &id("/Id")?, &text(item, "/Name"), &labels("/Labels"))),
        ResourceKind::Plugin => {
            let name = text(item, "/Name");
            reading(kind, existing(kind, &name, &name, &BTreeMap::new()))
        }
        // A task is read as a part of its service, with the labels that it got from it.
        ResourceKind::Service if item.get("ServiceID").is_some() => {
            let labels = labels("/Spec/ContainerSpec/Labels");
            let task = existing(kind, &id("/ServiceID")?, &text(item, "/Name"), &labels);
            Reading { action: Action::ServiceInspect, resource: task, facts: Facts::zero(Action::ServiceInspect) }
        }
        _ => {
            let found = inspect::swarm(item).ok_or(UnknownForm)?;
            reading(kind, existing(kind, &found.id, &found.name, &found.labels))
        }
    })
}

/// Untagged images are called `<none>:<none>`.
fn named(references: Vec<String>) -> Vec<String> {
    references.into_iter().filter(|name| !name.starts_with("<none>")).collect()
}

fn of_image(image: &ImageView) -> Reading {
    let name =
        image.tags.first().and_then(|tag| ImageRef::parse(tag)).map_or_else(|| image.id.clone(), |r| r.to_string());
    let resource = Resource { image: name.clone(), ..existing(ResourceKind::Image, &image.id, &name, &image.labels) };
    Reading { action: Action::ImageInspect, resource, facts: image_facts(Action::ImageInspect, image) }
}

fn reading(kind: ResourceKind, resource: Resource) -> Reading {
    let action = match kind {
        ResourceKind::Container => Action::ContainerInspect,
        ResourceKind::Volume => Action::VolumeInspect,
        ResourceKind::Network => Action::NetworkInspect,
        ResourceKind::Service => Action::ServiceInspect,
        ResourceKind::Secret => Action::SecretInspect,
        ResourceKind::Config => Action::ConfigInspect,
        ResourceKind::Node => Action::NodeInspect,
        ResourceKind::Plugin => Action::PluginInspect,
        ResourceKind::Image => Action::ImageInspect,
        ResourceKind::Exec | ResourceKind::Engine => Action::Unknown,
    };
    Reading { action, facts: Facts::zero(action), resource }
}

/// What an event tells of: the thing, which is read as the view knows it, or else as the event says. `None` when it
/// tells of the engine itself.
///
/// # Errors
/// [`UnknownForm`] for what is no event.
pub fn event_reading(event: &Value, view: &View) -> Result<Option<Reading>, UnknownForm> {
    let Some((kind, id)) = event_subject(event)? else { return Ok(None) };
    let known = |pointer: &str| {
        let attributes = inspect::pairs(event, "/Actor/Attributes");
        let name = attributes.get(pointer).cloned().unwrap_or_default();
        (attributes, name)
    };
    Ok(Some(match kind {
        ResourceKind::Volume => {
            let labels = view.volumes.get(&id).map(|v| v.labels.clone()).unwrap_or_default();
            reading(kind, existing(kind, &id, &id, &labels))
        }
        ResourceKind::Network => {
            let labels = view.networks.get(&id).map(|n| n.labels.clone()).unwrap_or_default();
            reading(kind, existing(kind, &id, &known("name").1, &labels))
        }
        ResourceKind::Image => match view.images.get(&id) {
            Some(image) => of_image(image),
            None => {
                let (labels, name) = known("name");
                of_image(&ImageView {
                    id,
                    tags: Vec::from_iter(Some(name).filter(|n| !n.is_empty())),
                    labels,
                    ..ImageView::default()
                })
            }
        },
        ResourceKind::Service | ResourceKind::Secret | ResourceKind::Config | ResourceKind::Node => {
            let labels = view.swarm.get(&(kind, id.clone())).map(|o| o.labels.clone()).unwrap_or_default();
            reading(kind, existing(kind, &id, &known("name").1, &labels))
        }
        // A container's labels are among the attributes of its events.
        _ => {
            let (labels, name) = known("name");
            let image = labels.get("image").cloned().unwrap_or_default();
            let image = ImageRef::parse(&image).map_or(image, |r| r.to_string());
            reading(kind, Resource { image, ..existing(kind, &id, &name, &labels) })
        }
    }))
}

/// The kind and the id of what an event is about; `None` for the engine itself.
///
/// # Errors
/// [`UnknownForm`] for what is no event, and for things of which nothing is known.
pub fn event_subject(event: &Value) -> Result<Option<(ResourceKind, String)>, UnknownForm> {
    let kind = match text(event, "/Type").as_str() {
        "container" => ResourceKind::Container,
        "image" => ResourceKind::Image,
        "volume" => ResourceKind::Volume,
        "network" => ResourceKind::Network,
        "service" => ResourceKind::Service,
        "secret" => ResourceKind::Secret,
        "config" => ResourceKind::Config,
        "node" => ResourceKind::Node,
        "plugin" => ResourceKind::Plugin,
        "daemon" | "builder" => return Ok(None),
        _ => return Err(UnknownForm),
    };
    let id = text(event, "/Actor/ID");
    if id.is_empty() { Err(UnknownForm) } else { Ok(Some((kind, id))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(action: Action, mut body: Value, allowed: &[&str]) -> Value {
        sift(action, &mut body, &mut |reading| allowed.contains(&reading.resource.owner.as_str())).expect("known form");
        body
    }

    #[test]
    fn lists_keep_what_may_be_read() {
        let mine = json!({"io.wharden.owner": "alice"});
        let theirs = json!({"io.wharden.owner": "bob"});
        let container = |id: &str, labels: &Value| json!({"Id": id, "Names": ["/n"], "Image": "app", "Labels": labels});
        let list = json!([container("1", &mine), container("2", &theirs), container("3", &Value::Null)]);
        assert_eq!(names(Action::ContainerList, list, &["alice"]), json!([container("1", &mine)]));
        let volume = |name: &str, labels: &Value| json!({"Name": name, "Labels": labels});
        let list = json!({"Volumes": [volume("a", &theirs), volume("b", &mine)], "Warnings": null});
        let kept = json!({"Volumes": [volume("b", &mine)], "Warnings": null});
        assert_eq!(names(Action::VolumeList, list, &["alice"]), kept);
        assert_eq!(names(Action::VolumeList, json!({"Volumes": null}), &[]), json!({"Volumes": null}));
        let df = json!({"LayersSize": 1, "Containers": [container("1", &theirs)], "Volumes": [volume("b", &mine)],
            "Images": null, "BuildCache": [], "ImageUsage": {"Items": [{"Id": "i", "Labels": theirs}]}});
        let kept = json!({"LayersSize": 1, "Containers": [], "Volumes": [volume("b", &mine)],
            "Images": null, "BuildCache": [], "ImageUsage": {"Items": []}});
        assert_eq!(names(Action::SystemDf, df, &["alice"]), kept);
        let service = |labels: &Value| json!({"ID": "s", "Spec": {"Name": "web", "Labels": labels}});
        let list = json!([service(&mine), service(&theirs)]);
        assert_eq!(names(Action::ServiceList, list, &["bob"]), json!([service(&theirs)]));
    }

    #[test]
    fn what_has_another_form_is_not_passed_on() {
        for (action, body) in [
            (Action::ContainerList, json!({"Containers": []})),
            (Action::ContainerList, json!([{"Names": ["/no-id"]}])),
            (Action::VolumeList, json!([])),
            (Action::SystemDf, json!({"Surprise": []})),
            (Action::NetworkList, json!("x")),
            (Action::SystemInfo, json!({})),
        ] {
            assert_eq!(sift(action, &mut body.clone(), &mut |_| true), Err(UnknownForm), "{body}");
        }
    }

    #[test]
    fn images_are_read_by_their_names() {
        let mut seen = Vec::new();
        let mut list = json!([{"Id": "sha256:1", "RepoTags": ["reg.example/a:1", "b:2"], "Labels": null},
            {"Id": "sha256:2", "RepoTags": ["<none>:<none>"]}]);
        let mut look = |reading: &Reading| {
            seen.push((reading.resource.name.clone(), reading.facts.get("image").cloned()));
            true
        };
        sift(Action::ImageList, &mut list, &mut look).expect("known form");
        let names: Vec<_> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["reg.example/a:1", "sha256:2"]);
        assert_eq!(seen[0].1, Some("reg.example/a:1".into()));
    }

    #[test]
    fn events_are_about_things_or_about_the_engine() {
        let event = json!({"Type": "container", "Action": "start", "Actor": {"ID": "c1",
            "Attributes": {"image": "app", "name": "web", "io.wharden.owner": "alice", "tier": "front"}}});
        let read = event_reading(&event, &View::default()).expect("an event").expect("about a container");
        assert_eq!((read.action, read.resource.owner.as_str()), (Action::ContainerInspect, "alice"));
        assert_eq!(
            (read.resource.name.as_str(), read.resource.image.as_str()),
            ("web", "docker.io/library/app:latest")
        );
        let volume = json!({"Type": "volume", "Actor": {"ID": "v", "Attributes": {"driver": "local"}}});
        assert_eq!(event_subject(&volume), Ok(Some((ResourceKind::Volume, "v".to_owned()))));
        assert_eq!(event_reading(&json!({"Type": "daemon", "Actor": {"ID": "x"}}), &View::default()), Ok(None));
        assert_eq!(event_subject(&json!({"Type": "container", "Actor": {}})), Err(UnknownForm));
        assert_eq!(event_subject(&json!({"Type": "new", "Actor": {"ID": "x"}})), Err(UnknownForm));
    }
}
