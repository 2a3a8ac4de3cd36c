//! Things that a request names beside what it acts on: a list may begin or end at one, a container is attached to a network, a
//! network is made like another. The answer tells whether that is there, so it is decided on as reading it by itself is.

use crate::{
    canonical::Canonical,
    creation,
    doc::Doc,
    facts::{service_networks, wanted_mounts},
    listing::{self, Reading},
    lookup::{containers, is_network_name, networks, shared_with},
    mounts::Mount,
    refusal::{Refusal, shorten},
    resolve,
    version::ApiVersion,
    view::{Lookup, View},
};
use serde_json::Value;
use wharden_model::{Action, Resource, ResourceKind};

/// One that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// It, as it would be to read it.
    pub reading: Reading,
    /// What is answered when it must not be seen: that it is not there.
    pub unseen: Refusal,
    /// The request is for those only who may read it.
    pub read: bool,
}

/// Filters of lists that name a thing which must be there, and its kind; Engine API 1.24 to the newest.
const fn filters(action: Action) -> &'static [(&'static str, ResourceKind)] {
    use ResourceKind as K;
    match action {
        Action::ContainerList => &[("before", K::Container), ("since", K::Container)],
        Action::ImageList => &[("before", K::Image), ("since", K::Image)],
        Action::TaskList => &[("service", K::Service), ("node", K::Node)],
        _ => &[],
    }
}

/// What must be looked up.
pub fn lookups(canonical: &Canonical) -> Vec<Lookup> {
    let lookup = |(kind, name)| match kind {
        ResourceKind::Image => Lookup::Image(name),
        ResourceKind::Container => Lookup::Container(name),
        kind => Lookup::Object(kind, name),
    };
    filtered(canonical).unwrap_or_default().into_iter().map(lookup).collect()
}

/// Those that were found; the engine says of the others that they are not there.
///
/// # Errors
/// 400 for filters that two readers could read in two ways.
pub fn of(canonical: &Canonical, view: &View) -> Result<Vec<Neighbour>, Refusal> {
    let doc = canonical.doc();
    match canonical.action() {
        Action::NetworkConnect | Action::NetworkDisconnect => {
            let (kind, name) = (ResourceKind::Container, doc.text("Container"));
            let found = view.containers.get(name).map(resolve::container_resource);
            return Ok(named(kind, name, found));
        }
        Action::NetworkCreate => {
            let (kind, name) = (ResourceKind::Network, doc.at("ConfigFrom").text("Network"));
            return Ok(named(kind, name, view.networks.get(name).map(resolve::network_resource)));
        }
        Action::ContainerCreate => {
            let mut beside = unless_hidden(containers(doc), networks(doc), view);
            beside.extend(mounted_images(doc, view));
            return Ok(beside);
        }
        Action::ImageBuild => {
            let mode = canonical.query.get("networkmode");
            return Ok(unless_hidden(shared_with(mode), Some(mode), view));
        }
        Action::ServiceCreate | Action::ServiceUpdate => return Ok(unless_hidden([], service_networks(doc), view)),
        _ => {}
    }
    let reading = |kind, name: &str| {
        Some(match kind {
            ResourceKind::Image => listing::of_image(view.images.get(name)?),
            ResourceKind::Container => listing::reading(kind, resolve::container_resource(view.containers.get(name)?)),
            kind => {
                let found = view.objects.get(&(kind, name.to_owned()))?;
                listing::reading(kind, resolve::existing(kind, &found.id, &found.name, &found.labels))
            }
        })
    };
    let found = |(kind, name): (ResourceKind, String)| {
        let unseen = missing(kind, &name, canonical.engine_api);
        Some(Neighbour { reading: reading(kind, &name)?, unseen, read: true })
    };
    Ok(filtered(canonical)?.into_iter().filter_map(found).collect())
}

fn named(kind: ResourceKind, name: &str, found: Option<Resource>) -> Vec<Neighbour> {
    let unseen = || resolve::missing(kind, name);
    found
        .map(|it| Neighbour { reading: listing::reading(kind, it), unseen: unseen(), read: true })
        .into_iter()
        .collect()
}

/// Whoever may not read these may still not be kept from naming them; what is hidden is not there.
fn unless_hidden<'n>(
    containers: impl IntoIterator<Item = &'n str>,
    networks: impl IntoIterator<Item = &'n str>,
    view: &View,
) -> Vec<Neighbour> {
    let containers = containers.into_iter().flat_map(|name| {
        named(ResourceKind::Container, name, view.containers.get(name).map(resolve::container_resource))
    });
    let networks = networks
        .into_iter()
        .filter(|name| is_network_name(name))
        .flat_map(|name| named(ResourceKind::Network, name, view.networks.get(name).map(resolve::network_resource)));
    let beside = |it: Neighbour| Neighbour { read: false, unseen: creation::beside(it.unseen), ..it };
    containers.chain(networks).map(beside).collect()
}

/// The same of images that a container to be is to mount.
fn mounted_images(doc: Doc<'_>, view: &View) -> Vec<Neighbour> {
    let neighbour = |name: &str| {
        let unseen = creation::beside(resolve::missing(ResourceKind::Image, name));
        Some(Neighbour { reading: listing::of_image(view.images.get(name)?), unseen, read: false })
    };
    wanted_mounts(doc.at("HostConfig")).iter().filter_map(Mount::image).filter_map(neighbour).collect()
}

/// In the engine's words for lists.
fn missing(kind: ResourceKind, name: &str, engine: ApiVersion) -> Refusal {
    match kind {
        ResourceKind::Container => {
            // Engines of before 25.0 take it for an error of their own.
            let status = if engine < (ApiVersion { major: 1, minor: 44 }) { 500 } else { 404 };
            Refusal::with(status, format!("no such container {}", shorten(name)))
        }
        ResourceKind::Service | ResourceKind::Node => {
            Refusal::with(404, format!("{} {} not found", kind.name().to_lowercase(), shorten(name)))
        }
        _ => resolve::missing(kind, name),
    }
}

/// The kind and name of each thing that the filters of a list name.
fn filtered(canonical: &Canonical) -> Result<Vec<(ResourceKind, String)>, Refusal> {
    let mut out: Vec<(ResourceKind, String)> = Vec::new();
    let (wanted, given) = (filters(canonical.action()), canonical.query.get("filters"));
    if wanted.is_empty() || given.is_empty() {
        return Ok(out);
    }
    let wrong = |error| Refusal::bad(format!("query parameter filters: it is not JSON: {error}"));
    let given: Value = serde_json::from_str(given).map_err(wrong)?;
    for (name, kind) in wanted {
        match given.get(name) {
            Some(Value::Object(named)) => out.extend(named.keys().map(|name| (*kind, name.clone()))),
            // As clients of before API 1.22 write it.
            Some(Value::Array(named)) => {
                out.extend(named.iter().filter_map(Value::as_str).map(|name| (*kind, name.to_owned())));
            }
            _ => {}
        }
    }
    // The node that is asked calls itself so.
    out.retain(|(kind, name)| !(name.is_empty() || *kind == ResourceKind::Node && name == "self"));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContainerView, Head, ImageView, begin};

    fn list(target: &str) -> Canonical {
        let headers = vec![("host".to_owned(), b"docker".to_vec())];
        let head = Head { method: "GET".into(), target: format!("/v1.41/{target}"), headers };
        begin(&head, ApiVersion { major: 1, minor: 41 }).expect("a good head").finish(None).expect("canonical")
    }

    #[test]
    fn what_a_list_begins_or_ends_at_is_found_however_it_is_named() {
        for (target, named) in [
            (r#"containers/json?filters={"since":{"a":true,"b":false}}"#, &["a", "b"][..]),
            (r#"containers/json?filters={"before":["a"],"label":["b"]}"#, &["a"]),
            ("containers/json?since=a", &[]),
            (r#"containers/json?filters={"since":null,"name":{"x":true}}"#, &[]),
            (r#"networks?filters={"since":{"a":true}}"#, &[]),
        ] {
            let wanted: Vec<Lookup> = named.iter().map(|name| Lookup::Container((*name).to_owned())).collect();
            assert_eq!(lookups(&list(target)), wanted, "{target}");
        }
        let tasks = list(r#"tasks?filters={"service":["web"],"node":{"self":true,"n1":true},"name":["x"]}"#);
        let wanted = [(ResourceKind::Service, "web"), (ResourceKind::Node, "n1")];
        assert_eq!(lookups(&tasks), wanted.map(|(kind, name)| Lookup::Object(kind, name.to_owned())));
        let image = list(r#"images/json?filters={"since":{"app":true}}"#);
        assert_eq!(lookups(&image), [Lookup::Image("app".to_owned())]);
    }

    #[test]
    fn each_that_is_there_is_read_by_itself() {
        let mut view = View::default();
        view.containers
            .insert("web".into(), ContainerView { id: "c1".into(), name: "web".into(), ..Default::default() });
        view.images.insert("app".into(), ImageView { id: "sha256:1".into(), ..Default::default() });
        let at = |target: &str| of(&list(target), &view).expect("good filters");
        let web = at(r#"containers/json?filters={"since":{"web":true,"gone":true}}"#);
        assert_eq!(web.len(), 1);
        assert_eq!((web[0].reading.action, &*web[0].reading.resource.id), (Action::ContainerInspect, "c1"));
        assert_eq!(web[0].unseen.message, "no such container web");
        let app = at(r#"images/json?filters={"before":{"app":true}}"#);
        assert_eq!((app[0].reading.action, &*app[0].reading.resource.id), (Action::ImageInspect, "sha256:1"));
        assert!(at("volumes").is_empty());
        let refused =
            of(&list(r#"containers/json?filters={"since":{"%5Cud800":true}}"#), &view).expect_err("lone half");
        assert_eq!(refused.status, 400);
    }
}
