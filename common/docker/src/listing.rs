//! Answers that tell of many things at once: lists, disk usage, events. Here they come apart into what each of them
//! would be to read by itself, so that the same rules decide about both.

use crate::{
    facts::image_facts,
    image_ref::ImageRef,
    inspect, owner,
    resolve::{container_resource, existing},
    view::{ImageView, View},
};
use serde_json::Value;
use wharden_model::{Action, Facts, Resource, ResourceKind, decision::UNKNOWN_OWNER};

/// What the answer of an action tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// One JSON document with lists in it. A network's description has one of what is attached to it.
    Items,
    /// JSON documents one after the other, without end.
    Events,
}

impl Listing {
    /// Which listing the answer of an action is; `None` when it is none.
    pub const fn of(action: Action) -> Option<Listing> {
        match action {
            Action::SystemEvents => Some(Listing::Events),
            Action::NetworkInspect => Some(Listing::Items),
            action if action.shows().is_empty() => None,
            _ => Some(Listing::Items),
        }
    }
}

/// Whether the answer of an action is the description of one thing, by which it is judged too.
pub const fn describes(action: Action) -> bool {
    matches!(
        action,
        Action::ContainerInspect
            | Action::ImageInspect
            | Action::VolumeInspect
            | Action::ServiceInspect
            | Action::SecretInspect
            | Action::ConfigInspect
            | Action::NodeInspect
    )
}

/// One of the things told of, as it would be to read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reading {
    pub action: Action,
    pub resource: Resource,
    pub facts: Facts,
}

/// The answer has not the form that the Engine API gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Docker Engine's list has a form that is not known")]
pub struct UnknownForm;

/// Who made an image on this host, by its id; empty when nobody is known to have.
pub type ImageOwner<'o> = &'o dyn Fn(&str) -> String;

fn text(json: &Value, pointer: &str) -> String {
    json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub fn of_image(image: &ImageView) -> Reading {
    let name =
        image.tags.first().and_then(|tag| ImageRef::parse(tag)).map_or_else(|| image.id.clone(), |r| r.to_string());
    let resource = Resource {
        kind: ResourceKind::Image,
        id: image.id.clone(),
        image: name.clone(),
        name,
        owner: image.owner.clone(),
        labels: image.own_labels(),
    };
    Reading { action: Action::ImageInspect, resource, facts: image_facts(Action::ImageInspect, image) }
}

pub fn reading(kind: ResourceKind, resource: Resource) -> Reading {
    let action = kind.inspection();
    Reading { action, facts: Facts::zero(action), resource }
}

/// What an event tells of: the thing, which is read as the view knows it, or as the event says where that names its labels.
/// `None` when it tells of the engine itself.
///
/// # Errors
/// [`UnknownForm`] for what is no event, and for things that are gone with all that was known of them.
pub fn event_reading(event: &Value, view: &View, owner: ImageOwner<'_>) -> Result<Option<Reading>, UnknownForm> {
    let Some((kind, id)) = event_subject(event)? else { return Ok(None) };
    let known = |pointer: &str| {
        let attributes = inspect::pairs(event, "/Actor/Attributes");
        let name = attributes.get(pointer).cloned().unwrap_or_default();
        (attributes, name)
    };
    Ok(Some(match kind {
        ResourceKind::Volume => {
            let labels = &view.volumes.get(&id).ok_or(UnknownForm)?.labels;
            reading(kind, existing(kind, &id, &id, labels))
        }
        ResourceKind::Network => {
            let labels = &view.networks.get(&id).ok_or(UnknownForm)?.labels;
            reading(kind, existing(kind, &id, &known("name").1, labels))
        }
        ResourceKind::Image => match view.images.get(&id) {
            Some(image) => of_image(image),
            None => {
                let (labels, name) = known("name");
                of_image(&ImageView {
                    owner: owner(&id),
                    id,
                    tags: Vec::from_iter(Some(name).filter(|n| !n.is_empty())),
                    labels,
                    ..ImageView::default()
                })
            }
        },
        ResourceKind::Service | ResourceKind::Secret | ResourceKind::Config | ResourceKind::Node => {
            let labels = &view.objects.get(&(kind, id.clone())).ok_or(UnknownForm)?.labels;
            reading(kind, existing(kind, &id, &known("name").1, labels))
        }
        // A container's labels are among the attributes of its events.
        _ => {
            let (labels, name) = known("name");
            let image = labels.get("image").cloned().unwrap_or_default();
            let owner = owner::of_event(&labels, &image);
            let image = ImageRef::parse(&image).map_or(image, |r| r.to_string());
            reading(kind, Resource { image, owner, ..existing(kind, &id, &name, &labels) })
        }
    }))
}

/// The container that an event of a network or a volume names, as what it would be to read it: as it is, or somebody's when it is gone.
pub fn event_container(event: &Value, view: &View) -> Option<Reading> {
    let id = event_attached(event)?;
    let gone = || Resource { owner: UNKNOWN_OWNER.to_owned(), ..Resource::bare(ResourceKind::Container, &id) };
    let container = view.containers.get(&id).map_or_else(gone, container_resource);
    Some(reading(ResourceKind::Container, container))
}

/// Its id.
pub fn event_attached(event: &Value) -> Option<String> {
    let of_either = ["network", "volume"].contains(&text(event, "/Type").as_str());
    Some(text(event, "/Actor/Attributes/container")).filter(|id| of_either && !id.is_empty())
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
    use crate::view::ContainerView;
    use serde_json::json;

    #[test]
    fn events_are_about_things_or_about_the_engine() {
        let nobody = |_: &str| String::new();
        let event = json!({"Type": "container", "Action": "start", "Actor": {"ID": "c1",
            "Attributes": {"image": "app", "name": "web", "io.wharden.owner": "alice", "io.wharden.image": "sha256:1"}}});
        let read = event_reading(&event, &View::default(), &nobody).expect("an event").expect("about a container");
        assert_eq!((read.action, read.resource.owner.as_str()), (Action::ContainerInspect, "alice"));
        assert_eq!(
            (read.resource.name.as_str(), read.resource.image.as_str()),
            ("web", "docker.io/library/app:latest")
        );
        // A step of a build has the labels of its image.
        let id = format!("sha256:{}", "0".repeat(64));
        for (image, label, owner) in [("app", id.as_str(), "alice"), (&id, &id, ""), ("app", "", "")] {
            let event = json!({"Type": "container", "Actor": {"ID": "c2", "Attributes": {"image": image,
                "io.wharden.owner": "alice", "io.wharden.image": label}}});
            let read = event_reading(&event, &View::default(), &nobody).expect("an event").expect("about a container");
            assert_eq!(read.resource.owner, owner, "{image} {label}");
        }
        // What was deleted is told to whom it belonged, whatever its labels say.
        let event = json!({"Type": "image", "Action": "delete", "Actor": {"ID": "sha256:1",
            "Attributes": {"io.wharden.owner": "alice"}}});
        let bobs = |id: &str| if id == "sha256:1" { "bob".to_owned() } else { String::new() };
        let read = event_reading(&event, &View::default(), &bobs).expect("an event").expect("about an image");
        assert_eq!((read.action, read.resource.owner.as_str()), (Action::ImageInspect, "bob"));
        let joined =
            json!({"Type": "network", "Actor": {"ID": "n1", "Attributes": {"container": "c1", "name": "web"}}});
        let known = ContainerView { id: "c1".into(), name: "db".into(), ..ContainerView::default() };
        let view = View { containers: [("c1".to_owned(), known)].into(), ..View::default() };
        let named = |view: &View| event_container(&joined, view).expect("a container").resource.name;
        assert_eq!((named(&view).as_str(), named(&View::default()).as_str()), ("db", ""));
        let mounted = json!({"Type": "volume", "Actor": {"ID": "v", "Attributes": {"container": "c9"}}});
        assert_eq!(event_container(&mounted, &view).expect("a container").resource.owner, UNKNOWN_OWNER);
        assert_eq!(event_container(&event, &view), None);
        let volume = json!({"Type": "volume", "Actor": {"ID": "v", "Attributes": {"driver": "local"}}});
        assert_eq!(event_subject(&volume), Ok(Some((ResourceKind::Volume, "v".to_owned()))));
        assert_eq!(
            event_reading(&json!({"Type": "daemon", "Actor": {"ID": "x"}}), &View::default(), &nobody),
            Ok(None)
        );
        assert_eq!(event_subject(&json!({"Type": "container", "Actor": {}})), Err(UnknownForm));
        assert_eq!(event_subject(&json!({"Type": "new", "Actor": {"ID": "x"}})), Err(UnknownForm));
    }
}
