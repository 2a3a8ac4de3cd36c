//! What must be looked up before a request can be judged.

use crate::{
    canonical::Canonical,
    doc::Doc,
    exports,
    facts::{SERVICE_FILES, service_networks, wanted_mounts},
    mounts::{HostPath, Mount, NO_COPY, container_paths, split_volumes_from, volume_paths},
    neighbours,
    paths::clean,
    resolve::image_asked,
    version::ApiVersion,
    view::{ContainerView, Lookup, View},
    volumes,
};
use std::collections::BTreeSet;
use wharden_model::{Action, ResourceKind};

/// The fields of a host config that may name a container, as `container:NAME`.
pub const SHARED: &[(&str, &str)] =
    &[("PidMode", "pid"), ("IpcMode", "ipc"), ("NetworkMode", "network"), ("Cgroup", "cgroup")];

/// The container that a mode like `container:NAME` names.
pub fn shared_with(mode: &str) -> Option<&str> {
    mode.strip_prefix("container:").filter(|name| !name.is_empty())
}

/// The container that a link names: `name`, `name:alias`, or in the engine's own form `/name:/other/alias`.
pub fn linked(link: &str) -> &str {
    link.split(':').next().unwrap_or_default().trim_start_matches('/')
}

/// The container that loses a link, and the link's alias: `DELETE /containers/web/db?link=1` takes `db` from `web`.
pub fn unlinked(canonical: &Canonical) -> Option<(&str, &str)> {
    let unlinks = canonical.action() == Action::ContainerDelete && canonical.query.truth("link");
    canonical.route.captures.first().filter(|_| unlinks)?.rsplit_once('/')
}

/// Networks that every engine has, and modes that are no networks.
pub fn is_network_name(mode: &str) -> bool {
    !matches!(mode, "" | "default" | "bridge" | "host" | "none") && !mode.starts_with("container:")
}

/// What the request itself names.
pub fn of_request(canonical: &Canonical) -> BTreeSet<Lookup> {
    let mut out = BTreeSet::new();
    let first = canonical.route.captures.first();
    let action = canonical.action();
    match (action.resource(), first) {
        (ResourceKind::Container, Some(name)) => {
            out.insert(Lookup::Container(name.clone()));
            out.extend(unlinked(canonical).map(|(parent, _)| Lookup::Container(parent.to_owned())));
        }
        (ResourceKind::Exec, Some(id)) => {
            out.insert(Lookup::Exec(id.clone()));
        }
        (ResourceKind::Volume, Some(name)) => {
            out.insert(Lookup::Volume(name.clone()));
        }
        (ResourceKind::Network, Some(name)) => {
            out.insert(Lookup::Network(name.clone()));
        }
        (_, Some(name)) if matches!(action, Action::TaskInspect | Action::TaskLogs) => {
            out.insert(Lookup::Task(name.clone()));
        }
        (
            kind @ (ResourceKind::Service
            | ResourceKind::Secret
            | ResourceKind::Config
            | ResourceKind::Node
            | ResourceKind::Plugin),
            Some(name),
        ) => {
            out.insert(Lookup::Object(kind, name.clone()));
        }
        _ => {}
    }
    match action {
        Action::ContainerCreate => {
            out.extend(image_asked(canonical).map(Lookup::Image));
            let mounts = wanted_mounts(canonical.doc().at("HostConfig"));
            let copied = mounts.iter().filter(|mount| !mount.options.contains(NO_COPY));
            out.extend(copied.filter_map(Mount::volume).map(|name| Lookup::VolumeUsers(name.to_owned())));
            making(canonical.doc(), &mut out);
        }
        Action::ContainerCommit => {
            out.extend(named(canonical.query.get("container")).map(Lookup::Container));
        }
        Action::NetworkConnect | Action::NetworkDisconnect => {
            out.extend(named(canonical.doc().text("Container")).map(Lookup::Container));
        }
        Action::ImageExport => {
            out.extend(exports::asked(canonical).into_iter().map(|name| Lookup::Image(name.to_owned())));
            out.extend(exports::repositories(canonical).map(|name| Lookup::Repository(name.to_owned())));
        }
        Action::ContainerList | Action::ImageList | Action::TaskList => out.extend(neighbours::lookups(canonical)),
        Action::DistributionInspect => {}
        Action::ImageBuild => {
            let mode = canonical.query.get("networkmode");
            out.extend(shared_with(mode).map(|c| Lookup::Container(c.to_owned())));
            out.extend(Some(mode).filter(|m| is_network_name(m)).map(|n| Lookup::Network(n.to_owned())));
        }
        Action::ServiceCreate | Action::ServiceUpdate => service(canonical.doc(), &mut out),
        Action::NetworkCreate => {
            out.extend(named(canonical.doc().at("ConfigFrom").text("Network")).map(Lookup::Network));
            // Testcontainers call theirs like short ids, which are only somebody's where there is a network of that id.
            let name = Some(canonical.doc().text("Name")).filter(|name| may_be_id(name));
            out.extend(name.map(|name| Lookup::Network(name.to_owned())));
        }
        Action::VolumeCreate => {
            out.extend(named(canonical.doc().text("Name")).map(Lookup::Volume));
            out.extend(host_paths(crate::facts::volume_paths_asked(canonical.doc())));
        }
        Action::ContainerStart => path(canonical.query.get("checkpoint-dir"), &mut out),
        Action::ContainerCheckpointCreate => path(canonical.doc().text("CheckpointDir"), &mut out),
        Action::ContainerCheckpointList | Action::ContainerCheckpointDelete => {
            path(canonical.query.get("dir"), &mut out);
        }
        _ => out.extend(image_asked(canonical).map(Lookup::Image)),
    }
    out
}

/// As long as the shortest id that is shown, and of digits and letters as those of networks are, the swarm's too.
fn may_be_id(name: &str) -> bool {
    name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn named(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|t| !t.is_empty())
}

fn path(text: &str, out: &mut BTreeSet<Lookup>) {
    out.extend(named(text).map(|p| Lookup::HostPath(clean(&p))));
}

fn host_paths(paths: Vec<HostPath>) -> impl Iterator<Item = Lookup> {
    paths.into_iter().map(|p| Lookup::HostPath(p.path))
}

/// What a service names by its specification.
fn service(body: Doc<'_>, out: &mut BTreeSet<Lookup>) {
    let container = body.at("TaskTemplate").at("ContainerSpec");
    // Where it is on this host.
    out.extend(named(container.text("Image")).map(Lookup::Image));
    for mount in container.items("Mounts").map(Mount::of_mount) {
        out.extend(mount.volume().map(|v| Lookup::Volume(v.to_owned())));
        out.extend(host_paths(mount.host_paths()));
    }
    for (_, _, kind, list, [_, id]) in SERVICE_FILES {
        out.extend(container.items(list).filter_map(|file| named(file.text(id))).map(|id| Lookup::Object(*kind, id)));
    }
    out.extend(service_networks(body).filter(|n| is_network_name(n)).map(|n| Lookup::Network(n.to_owned())));
}

/// What a container to be, or one that is, names by its configuration.
fn making(body: Doc<'_>, out: &mut BTreeSet<Lookup>) {
    let host = body.at("HostConfig");
    for mount in wanted_mounts(host) {
        out.extend(mount.volume().map(|v| Lookup::Volume(v.to_owned())));
        out.extend(host_paths(mount.host_paths()));
        out.extend(mount.image().map(|image| Lookup::Image(image.to_owned())));
    }
    for device in host.items("Devices") {
        path(device.text("PathOnHost"), out);
    }
    out.extend(containers(body).filter_map(named).map(Lookup::Container));
    out.extend(networks(body).into_iter().filter(|n| is_network_name(n)).map(|n| Lookup::Network(n.to_owned())));
}

/// The containers with which one to be is to share something, as the request spells them.
pub fn containers(body: Doc<'_>) -> impl Iterator<Item = &str> {
    let host = body.at("HostConfig");
    let modes = SHARED.iter().filter_map(move |(field, _)| shared_with(host.text(field)));
    let from = host.texts("VolumesFrom").map(|entry| split_volumes_from(entry).0);
    modes.chain(from).chain(host.texts("Links").map(linked))
}

/// The networks that a container to be is to join, as the request spells them.
pub fn networks(body: Doc<'_>) -> BTreeSet<&str> {
    let mut out: BTreeSet<&str> =
        body.at("NetworkingConfig").members("EndpointsConfig").map(|(name, _)| name).collect();
    out.insert(body.at("HostConfig").text("NetworkMode"));
    out
}

/// What the things that were found name in turn. What is made will be `owner`'s.
pub fn of_found(canonical: &Canonical, view: &View, owner: &str) -> BTreeSet<Lookup> {
    let mut out = BTreeSet::new();
    let container = canonical.route.captures.first().and_then(|name| view.containers.get(name));
    match canonical.action() {
        Action::ExecStart | Action::ExecResize | Action::ExecInspect => {
            out.extend(view.execs.values().map(|e| Lookup::Container(e.container.clone())));
            if canonical.action() == Action::ExecStart {
                out.extend(seen_by_found(view));
            }
        }
        Action::ContainerCreate => made_of(canonical.doc(), view, &mut out),
        Action::ImageDelete => {
            let parents = view.images.values().map(|image| &image.parent).filter(|parent| !parent.is_empty());
            out.extend(parents.cloned().map(Lookup::Image));
        }
        Action::ImageExport => out.extend(view.repositories.values().flatten().cloned().map(Lookup::Image)),
        action if action.starts_container() => {
            if let Some(container) = container {
                out.insert(Lookup::Image(container.image_id.clone()));
                let body = Doc::new(Some(&container.made.0));
                making(body, &mut out);
                made_of(body, view, &mut out);
            }
        }
        Action::ContainerExec
        | Action::ContainerAttach
        | Action::ContainerArchiveRead
        | Action::ContainerArchiveWrite
        | Action::ContainerArchiveStat => {
            if canonical.action() == Action::ContainerExec {
                out.extend(view.containers.values().flat_map(|found| host_paths(container_paths(found, true))));
            }
            out.extend(seen_by_found(view));
        }
        Action::NetworkConnect => out.extend(modes(canonical, view).map(|mode| Lookup::Network(mode.to_owned()))),
        Action::ServiceCreate | Action::ServiceUpdate => out.extend(paths_of_volumes(view)),
        Action::TaskInspect | Action::TaskLogs => {
            let services = view.tasks.values().filter_map(|task| named(&task.service));
            out.extend(services.map(|id| Lookup::Object(ResourceKind::Service, id)));
        }
        _ => {}
    }
    // A volume that comes into being is mounted by whatever names it.
    if volumes::named(canonical).iter().any(|name| !view.volumes.contains_key(name)) {
        out.insert(Lookup::ServiceVolumes);
    }
    // Whoever sees files of the host should be the account whose the container is.
    let runs = match canonical.action() {
        Action::ContainerCreate | Action::ServiceCreate | Action::ServiceUpdate => {
            canonical.owner_of_what_comes(view, owner).ok()
        }
        action if action == Action::ContainerExec || action.starts_container() => container.map(ContainerView::owner),
        _ => None,
    };
    let runs = runs.filter(|owner| !(owner.is_empty() || view.host_paths.is_empty()));
    out.extend(runs.map(Lookup::Account));
    out
}

/// The networks that the containers which were found were made for, where the engine looks for these once more when it connects one (from
/// 24.0 on, Engine API 1.43).
pub fn modes<'v>(canonical: &Canonical, view: &'v View) -> impl Iterator<Item = &'v str> {
    let looks = canonical.engine_api >= ApiVersion { major: 1, minor: 43 };
    let found = view.containers.values().filter(move |_| looks);
    found.map(|found| found.network_mode.as_str()).filter(|mode| is_network_name(mode))
}

/// What the things that a container's configuration names bring with them.
fn made_of(body: Doc<'_>, view: &View, out: &mut BTreeSet<Lookup>) {
    let host = body.at("HostConfig");
    for source in host.texts("VolumesFrom") {
        let Some(container) = view.containers.get(split_volumes_from(source).0) else { continue };
        out.extend(host_paths(container_paths(container, true)));
        out.extend(volumes_of(container));
    }
    out.extend(paths_of_volumes(view));
}

/// The volumes that are mounted in a container.
fn volumes_of(container: &ContainerView) -> impl Iterator<Item = Lookup> {
    container.mounts.iter().filter_map(|mount| named(&mount.name)).map(Lookup::Volume)
}

/// What says which files of the host the containers that were found see, beside their own configuration.
fn seen_by_found(view: &View) -> impl Iterator<Item = Lookup> {
    view.containers.values().flat_map(volumes_of).chain(paths_of_volumes(view))
}

/// The folders of the host that the volumes which were found are.
fn paths_of_volumes(view: &View) -> impl Iterator<Item = Lookup> {
    view.volumes.values().flat_map(|volume| host_paths(volume_paths(volume, true)))
}
