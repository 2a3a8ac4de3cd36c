//! Things are known by several names. Here a request's names become the things that they mean now: what must be
//! looked up for it, which resources it acts on, and the same request with full ids in the place of names, so that a
//! rename between the decision and the execution changes nothing.

use crate::{
    canonical::{Asker, Canonical},
    doc::Doc,
    exports,
    facts::without_credentials,
    image_ref::ImageRef,
    lookup, owner, platform,
    refusal::{Refusal, shorten},
    texts,
    view::{ContainerView, ImageView, NetworkView, ObjectView, View, VolumeView},
};
use std::collections::BTreeMap;
use wharden_model::{Action, Resource, ResourceKind, decision::UNKNOWN_OWNER};

/// What a request acts on, and the parts of it that carry ids now.
#[derive(Debug)]
pub struct Resolved<'a> {
    pub resources: Vec<Resource>,
    /// In the place of what the path's pattern captured.
    pub captures: Vec<String>,
    /// In the place of a query parameter.
    pub query: Option<(&'static str, String)>,
    pub container: Option<&'a ContainerView>,
    pub image: Option<&'a ImageView>,
    pub network: Option<&'a NetworkView>,
}

impl Resolved<'_> {
    /// Whose the thing is that the request acts on first; empty when nobody is known to own it.
    pub fn maker(&self) -> &str {
        self.resources.first().map(|thing| thing.owner.as_str()).unwrap_or_default()
    }
}

/// How the path names the image of an action: `None` when it does not.
pub fn image_asked(canonical: &Canonical) -> Option<String> {
    let first = || canonical.route.captures.first().cloned();
    match canonical.action() {
        Action::ImagePush => {
            let (name, tag) = (first()?, canonical.query.get("tag"));
            let digest = tag.contains(':');
            Some(if tag.is_empty() { name } else { format!("{name}{}{tag}", if digest { '@' } else { ':' }) })
        }
        Action::ContainerCreate => Some(canonical.doc().text("Image").to_owned()).filter(|i| !i.is_empty()),
        action if action.resource() == ResourceKind::Image => first(),
        _ => None,
    }
}

/// The resources of a request and its resolved parts.
///
/// # Errors
/// 404 in the Engine's words for a thing that does not exist, 400 for a request that names none.
pub fn resolve<'a>(canonical: &Canonical, view: &'a View, asker: &Asker<'_>) -> Result<Resolved<'a>, Refusal> {
    let mut out = Resolved {
        resources: Vec::new(),
        captures: canonical.route.captures.clone(),
        query: None,
        container: None,
        image: None,
        network: None,
    };
    let action = canonical.action();
    match action.resource() {
        ResourceKind::Container => containers(canonical, view, asker, &mut out)?,
        ResourceKind::Exec => exec(view, &mut out)?,
        ResourceKind::Image => images(canonical, view, &mut out)?,
        ResourceKind::Volume => volume(canonical, view, asker, &mut out)?,
        ResourceKind::Network => network(canonical, view, asker, &mut out)?,
        ResourceKind::Engine => out.resources.push(Resource::bare(ResourceKind::Engine, asker.host_id.as_str())),
        kind => others(canonical, kind, view, asker, &mut out)?,
    }
    Ok(out)
}

/// Something that is about to be made: it belongs to whoever asks.
fn to_be(kind: ResourceKind, name: &str, body: Doc<'_>, asker: &Asker<'_>) -> Resource {
    Resource {
        name: name.to_owned(),
        owner: asker.owner.to_owned(),
        labels: body.pairs("Labels"),
        ..Resource::bare(kind, if name.is_empty() { "new" } else { name })
    }
}

/// A thing that exists and is no image; its owner is the one that its labels name, which of a container is not enough.
pub fn existing(kind: ResourceKind, id: &str, name: &str, labels: &BTreeMap<String, String>) -> Resource {
    Resource { name: name.to_owned(), owner: owner::of(labels), labels: labels.clone(), ..Resource::bare(kind, id) }
}

/// Its image is called as in lists, events and creations: by the whole reference.
pub fn container_resource(view: &ContainerView) -> Resource {
    let image = ImageRef::parse(&view.image).map_or_else(|| view.image.clone(), |r| r.to_string());
    let owner = view.owner();
    Resource { image, owner, ..existing(ResourceKind::Container, &view.id, &view.name, &view.labels) }
}

/// What a name of an image meant when the creation was decided is what the container was made of. Before it was
/// created the name may have gone to another image.
fn same_image(view: &ContainerView, asked: &str) -> Result<(), Refusal> {
    match view.labels.get(owner::IMAGE_LABEL) {
        Some(judged) if !owner::same_image(judged, &view.image_id) => {
            // Nothing of it is told that was not asked for.
            let message = format!(
                "container {}: its image became another one while the container was created, so that nobody knows whose it is; \
                 create it again by another name",
                shorten(asked)
            );
            Err(Refusal::with(409, message))
        }
        _ => Ok(()),
    }
}

/// A container by any of its names.
///
/// # Errors
/// 404 when it does not exist.
pub fn container<'a>(view: &'a View, reference: &str) -> Result<&'a ContainerView, Refusal> {
    view.containers.get(reference).ok_or_else(|| Refusal::missing("container", reference))
}

fn containers<'a>(
    canonical: &Canonical,
    view: &'a View,
    asker: &Asker<'_>,
    out: &mut Resolved<'a>,
) -> Result<(), Refusal> {
    match canonical.action() {
        Action::ContainerCreate => {
            let image = image_asked(canonical).ok_or_else(|| Refusal::bad("field Image: an image is needed"))?;
            let found = view.images.get(&image).ok_or_else(|| no_image(&image))?;
            let platform = canonical.query.get("platform");
            if !platform.is_empty() && !platform::is(platform, &found.platform) {
                // In the engine's words, upon which clients fetch it.
                return Err(Refusal::with(
                    404,
                    format!(
                        "image with reference {} was found but does not provide the specified platform ({}): what is here is {}",
                        shorten(&image),
                        shorten(platform),
                        found.platform
                    ),
                ));
            }
            let name = canonical.query.get("name").trim_start_matches('/');
            let mut resource = to_be(ResourceKind::Container, name, canonical.doc(), asker);
            resource.image = reference_of(&image, Some(found));
            let mut labels = found.own_labels();
            labels.append(&mut resource.labels);
            labels.insert(owner::IMAGE_LABEL.to_owned(), found.id.clone());
            resource.labels = labels;
            out.image = Some(found);
            out.resources.push(resource);
        }
        Action::ContainerCommit => {
            let asked = canonical.query.get("container");
            if asked.is_empty() {
                return Err(Refusal::bad("query parameter container: it is needed"));
            }
            let found = container(view, asked)?;
            out.query = Some(("container", found.id.clone()));
            out.container = Some(found);
            out.resources.push(container_resource(found));
        }
        action => {
            let Some(asked) = out.captures.first_mut() else { return Err(Refusal::bad("path: no container in it")) };
            let found = container(view, asked)?;
            if action.starts_container() {
                out.image = view.images.get(&found.image_id);
                same_image(found, asked)?;
                texts::check_made(Doc::new(Some(&found.made.0)))?;
            }
            // A link is deleted by its name, the alias that one container has for the other: both are changed.
            let unlinks = action == Action::ContainerDelete && canonical.query.truth("link");
            let parent = lookup::unlinked(canonical).map(|(parent, alias)| Ok((container(view, parent)?, alias)));
            let parent = parent.transpose()?;
            if let Some((parent, alias)) = parent {
                *asked = format!("{}/{alias}", parent.name);
            } else if !unlinks {
                asked.clone_from(&found.id);
            }
            out.container = Some(found);
            out.resources.push(container_resource(found));
            out.resources.extend(parent.map(|(parent, _)| container_resource(parent)));
        }
    }
    Ok(())
}

fn exec<'a>(view: &'a View, out: &mut Resolved<'a>) -> Result<(), Refusal> {
    let Some(asked) = out.captures.first_mut() else { return Err(Refusal::bad("path: no exec instance in it")) };
    let found = view.execs.get(asked).ok_or_else(|| Refusal::missing("exec instance", asked))?;
    asked.clone_from(&found.id);
    let container = container(view, &found.container)?;
    out.container = Some(container);
    out.resources.push(Resource { kind: ResourceKind::Exec, id: found.id.clone(), ..container_resource(container) });
    Ok(())
}

fn no_image(reference: &str) -> Refusal {
    let shown = match ImageRef::parse_name(reference) {
        Some(r) if r.tag.is_empty() && r.digest.is_empty() => format!("{reference}:latest"),
        _ => reference.to_owned(),
    };
    Refusal::missing("image", &shown)
}

/// The reference by which a request means an image, normalised; the image's id when it means it by id.
pub fn reference_of(asked: &str, found: Option<&ImageView>) -> String {
    match (named_reference(asked, found), found) {
        (Some(reference), _) => reference.to_string(),
        (None, Some(image)) => image.id.clone(),
        (None, None) => asked.to_owned(),
    }
}

/// The reference by which a request means an image; `None` when it means it by id. `abc` may be either: it is a name
/// when the image that was found is called so.
pub fn named_reference(asked: &str, found: Option<&ImageView>) -> Option<ImageRef> {
    let reference = ImageRef::parse(asked)?;
    let Some(image) = found else { return Some(reference) };
    let called = |known: &String| {
        ImageRef::parse(known).is_some_and(|k| {
            k.registry == reference.registry
                && k.repository == reference.repository
                && (k.tag == reference.tag || (!k.digest.is_empty() && k.digest == reference.digest))
        })
    };
    let by_digest = !reference.digest.is_empty();
    (by_digest || image.tags.iter().chain(&image.digests).any(called)).then_some(reference)
}

fn image_resource(asked: &str, found: Option<&ImageView>) -> Resource {
    let name = reference_of(asked, found);
    let known = found.map(|i| (i.id.clone(), i.owner.clone(), i.own_labels()));
    let (id, owner, labels) = known.unwrap_or_else(|| (name.clone(), String::new(), BTreeMap::new()));
    let name = match found.and_then(|i| i.tags.first().and_then(|t| ImageRef::parse(t))) {
        // By id: the image's own first name says more than its id.
        Some(first) if name == id => first.to_string(),
        _ => name,
    };
    Resource { name: name.clone(), image: name, owner, labels, ..Resource::bare(ResourceKind::Image, &id) }
}

fn images<'a>(canonical: &Canonical, view: &'a View, out: &mut Resolved<'a>) -> Result<(), Refusal> {
    match canonical.action() {
        Action::ImagePull => {
            let source = canonical.query.get("fromSrc");
            // The engine takes one without a scheme for one of http.
            let url = if source.contains("://") {
                source.to_owned()
            } else {
                format!("http://{}", source.trim_start_matches('/'))
            };
            if without_credentials(&url) != url {
                return Err(Refusal::bad(
                    "query parameter fromSrc: the engine would write the password of this address into the image, for \
                     everybody to read: fetch the file yourself, and docker import - < FILE",
                ));
            }
            let (image, tag) = (canonical.query.get("fromImage"), canonical.query.get("tag"));
            let name = if image.is_empty() { canonical.query.get("repo") } else { image };
            let reference = if name.is_empty() {
                "new".to_owned()
            } else {
                ImageRef::of_parts(name, tag).map_or_else(|| name.to_owned(), |r| r.to_string())
            };
            out.resources.push(Resource {
                name: reference.clone(),
                image: reference.clone(),
                ..Resource::bare(ResourceKind::Image, &reference)
            });
        }
        Action::ImageExport => {
            let names = exports::names(canonical, view);
            if names.is_empty() {
                return Err(Refusal::bad("query parameter names: at least one image is needed"));
            }
            for name in names {
                let found = view.image(&name).ok_or_else(|| no_image(&name))?;
                out.image = Some(found);
                out.resources.push(image_resource(&name, Some(found)));
            }
        }
        action => {
            let asked = image_asked(canonical).ok_or_else(|| Refusal::bad("path: no image in it"))?;
            out.image = view.images.get(&asked);
            // A push of every tag, and what is asked of a registry, need no local image of exactly this name.
            let all_tags = action == Action::ImagePush && exports::repository(&asked).is_some();
            let may_be_absent = all_tags || action == Action::DistributionInspect;
            if out.image.is_none() && !may_be_absent {
                return Err(no_image(&asked));
            }
            let local = out.image.filter(|_| action != Action::DistributionInspect);
            let mut resource = image_resource(&asked, local);
            if all_tags {
                // All tags of it are pushed, which may be anybody's.
                UNKNOWN_OWNER.clone_into(&mut resource.owner);
            }
            out.resources.push(resource);
            // Elsewhere the name itself matters: which tag is removed, pushed or exported.
            if matches!(
                action,
                Action::ImageInspect | Action::ImageHistory | Action::ImageAttestations | Action::ImageTag
            ) && let (Some(image), Some(capture)) = (local, out.captures.first_mut())
            {
                capture.clone_from(&image.id);
            }
        }
    }
    Ok(())
}

fn volume_resource(view: &VolumeView) -> Resource {
    existing(ResourceKind::Volume, &view.name, &view.name, &view.labels)
}

fn volume<'a>(canonical: &Canonical, view: &'a View, asker: &Asker<'_>, out: &mut Resolved<'a>) -> Result<(), Refusal> {
    if canonical.action() == Action::VolumeCreate {
        let name = canonical.doc().text("Name");
        // To create one that exists is to take it over as it is.
        out.resources.push(match view.volumes.get(name) {
            Some(existing) => volume_resource(existing),
            None => to_be(ResourceKind::Volume, name, canonical.doc(), asker),
        });
        return Ok(());
    }
    let Some(asked) = out.captures.first_mut() else { return Err(Refusal::bad("path: no volume in it")) };
    let found = view.volumes.get(asked);
    let found = found.ok_or_else(|| missing(ResourceKind::Volume, asked))?;
    // The engine would take the name of the swarm's for one of its own.
    asked.clone_from(if found.swarm_id.is_empty() { &found.name } else { &found.swarm_id });
    if canonical.action() == Action::VolumeUpdate && found.swarm_id.is_empty() {
        return Err(Refusal::bad(format!(
            "volume {} is this engine's own: only volumes of the swarm can be updated",
            shorten(&found.name)
        )));
    }
    out.resources.push(volume_resource(found));
    Ok(())
}

pub fn network_resource(view: &NetworkView) -> Resource {
    existing(ResourceKind::Network, &view.id, &view.name, &view.labels)
}

fn network<'a>(
    canonical: &Canonical,
    view: &'a View,
    asker: &Asker<'_>,
    out: &mut Resolved<'a>,
) -> Result<(), Refusal> {
    if canonical.action() == Action::NetworkCreate {
        let name = canonical.doc().text("Name");
        let made = to_be(ResourceKind::Network, name, canonical.doc(), asker);
        // The engine takes a name before the beginning of an id.
        if view.networks.get(name).is_some_and(|it| it.name != name && it.id.starts_with(&name.to_ascii_lowercase())) {
            return Err(Refusal::bad(format!(
                "field Name: {} could be taken for the id of another network: choose another name",
                shorten(name)
            )));
        }
        let from = canonical.doc().at("ConfigFrom").text("Network");
        let is_own = |found: &NetworkView| [String::new(), made.owner.clone()].contains(&owner::of(&found.labels));
        if !from.is_empty() && !view.networks.get(from).is_some_and(is_own) {
            return Err(Refusal::with(
                404,
                format!(
                    "field ConfigFrom: network {} is not there, or was made by somebody else, whose labels the engine would take \
                     over, which say whose a network is: make a configuration of your own",
                    shorten(from)
                ),
            ));
        }
        out.resources.push(made);
        return Ok(());
    }
    let Some(asked) = out.captures.first_mut() else { return Err(Refusal::bad("path: no network in it")) };
    let found = view.networks.get(asked);
    let found = found.ok_or_else(|| missing(ResourceKind::Network, asked))?;
    asked.clone_from(&found.id);
    out.network = Some(found);
    out.resources.push(network_resource(found));
    if matches!(canonical.action(), Action::NetworkConnect | Action::NetworkDisconnect) {
        let asked = canonical.doc().text("Container");
        // A container that is gone may still be disconnected by force.
        out.container = match container(view, asked) {
            Err(error) if !canonical.doc().truth("Force") => return Err(error),
            found => found.ok(),
        };
    }
    Ok(())
}

/// 404 in the engine's words.
pub fn missing(kind: ResourceKind, asked: &str) -> Refusal {
    let shown = || shorten(asked);
    match kind {
        ResourceKind::Container => Refusal::missing("container", asked),
        ResourceKind::Exec => Refusal::missing("exec instance", asked),
        ResourceKind::Image => no_image(asked),
        ResourceKind::Volume => Refusal::with(404, format!("get {}: no such volume", shown())),
        ResourceKind::Network => Refusal::with(404, format!("network {} not found", shown())),
        ResourceKind::Service | ResourceKind::Secret | ResourceKind::Config | ResourceKind::Node => {
            let noun = kind.name().to_lowercase();
            let shown = shown();
            Refusal::with(404, format!("{noun} {shown} not found; an engine that is no manager of a swarm has none"))
        }
        ResourceKind::Plugin => Refusal::with(404, format!("plugin {} not found", shown())),
        ResourceKind::Engine => Refusal::with(404, "page not found"),
    }
}

/// The same of a task, which is a part of its service.
pub fn missing_task(asked: &str) -> Refusal {
    Refusal::with(404, format!("task {} not found", shorten(asked)))
}

/// Services, secrets, configs and nodes, and plugins.
fn others(
    canonical: &Canonical,
    kind: ResourceKind,
    view: &View,
    asker: &Asker<'_>,
    out: &mut Resolved<'_>,
) -> Result<(), Refusal> {
    let body = canonical.doc();
    let resource = match (canonical.action(), out.captures.first_mut()) {
        (Action::TaskInspect | Action::TaskLogs, Some(asked)) => {
            let task = view.tasks.get(asked.as_str()).ok_or_else(|| missing_task(asked))?;
            let service = view.objects.get(&(kind, task.service.clone()));
            asked.clone_from(&task.id);
            // One of a service that is gone, or of none, is somebody's too.
            match service {
                Some(found) => existing(kind, &found.id, &found.name, &found.labels),
                None => Resource { owner: UNKNOWN_OWNER.to_owned(), ..Resource::bare(kind, &task.id) },
            }
        }
        (_, Some(asked)) => {
            let found = object(view, kind, asked)?;
            // An upgrade is of what a reference names, which an id is not.
            let by_name = canonical.action() == Action::PluginUpgrade;
            asked.clone_from(if by_name { &found.name } else { &found.id });
            existing(kind, &found.id, &found.name, &found.labels)
        }
        (Action::PluginPull, None) => {
            let name = canonical.query.get("name");
            let remote = canonical.query.get("remote");
            to_be(kind, if name.is_empty() { remote } else { name }, Doc::new(None), asker)
        }
        (Action::PluginCreate, None) => to_be(kind, canonical.query.get("name"), Doc::new(None), asker),
        (_, None) => to_be(kind, body.text("Name"), body, asker),
    };
    out.resources.push(resource);
    Ok(())
}

/// A service, secret, config, node or plugin by any of its names.
///
/// # Errors
/// 404 when it does not exist, or the engine is no manager of the swarm that it would be in.
pub fn object<'a>(view: &'a View, kind: ResourceKind, reference: &str) -> Result<&'a ObjectView, Refusal> {
    let found = view.objects.get(&(kind, reference.to_owned()));
    found.ok_or_else(|| missing(kind, reference))
}
