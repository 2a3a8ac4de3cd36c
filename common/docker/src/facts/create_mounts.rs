//! Facts of `container.create`: what the container will see of the host's files.

use super::{Sheet, Source};
use crate::{
    doc::Doc,
    mounts::{
        HostPath, IMAGE, Mount, container_paths, file_system, is_local, local_paths, split_volumes_from, volume_paths,
    },
    owner,
    paths::{among_devices, among_network_files, reaches_private, sensitive},
    view::{ContainerView, ImageView},
};
use std::collections::BTreeSet;

/// Everything that a host config mounts by itself.
pub fn wanted(host: Doc<'_>) -> Vec<Mount> {
    let driver = host.text("VolumeDriver");
    let binds = host.texts("Binds").map(|text| Mount::of_bind(text, driver));
    binds.chain(host.items("Mounts").map(Mount::of_mount)).collect()
}

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let body = source.body();
    let host = body.at("HostConfig");
    let mounts = wanted(host);
    let mut paths: BTreeSet<HostPath> = mounts.iter().flat_map(Mount::host_paths).collect();
    paths.extend(of_volumes(source, &mounts));
    let (mut from, mut borrowed) = (BTreeSet::new(), Vec::new());
    for entry in host.texts("VolumesFrom") {
        let (name, mode) = split_volumes_from(entry);
        let writable = !mode.split(',').any(|m| m == "ro");
        // Names were resolved before facts are read, so that the view knows it by its id or by its name.
        let known = source.view.containers.values().find(|c| c.id == name).or_else(|| source.view.containers.get(name));
        let Some(container) = known else {
            from.insert(name.to_owned());
            continue;
        };
        from.insert(container.id.clone());
        paths.extend(seen_by(source, container, writable));
        borrowed.extend(container.mounts.iter().map(|mount| mount.destination.as_str()));
    }
    put_paths(source, &paths, out);
    out.put("volumes_from", from);
    put_mounts(source, &mounts, out);
    put_volumes(host, &mounts, out);
    out.put("anonymous_volumes", body.keys("Volumes"));
    let of_image = source.resolved.image.into_iter().flat_map(|image| image.volumes.iter().map(String::as_str));
    let unnamed = body.members("Volumes").chain(host.members("Tmpfs")).map(|(target, _)| target).chain(of_image);
    let named = mounts.iter().map(|mount| mount.target.as_str()).chain(borrowed);
    let targets: Vec<&str> = named.chain(unnamed).collect();
    out.put("network_file_targets", among_network_files(targets.iter().copied()));
    out.put("device_targets", among_devices(targets));
}

/// The images that are mounted, where they are known. Names were resolved before facts are read.
pub fn images<'s>(source: &Source<'s>) -> impl Iterator<Item = Option<&'s ImageView>> {
    let images = &source.view.images;
    let mounts = wanted(source.body().at("HostConfig")).into_iter().filter(|mount| mount.kind == IMAGE);
    mounts.map(|mount| images.values().find(|image| image.id == mount.source))
}

/// The host paths of the volumes that are mounted and exist.
pub fn of_volumes<'m>(source: &Source<'m>, mounts: &'m [Mount]) -> impl Iterator<Item = HostPath> + use<'m> {
    let view = source.view;
    let found = mounts.iter().filter_map(move |mount| Some((view.volumes.get(mount.volume()?)?, mount)));
    found.flat_map(|(volume, mount)| volume_paths(volume, !mount.read_only))
}

/// The host paths that an existing container sees, by its volumes too.
pub fn seen_by(source: &Source<'_>, container: &ContainerView, writable: bool) -> Vec<HostPath> {
    let mut paths = container_paths(container, writable);
    for mount in &container.mounts {
        if let Some(volume) = source.view.volumes.get(&mount.name) {
            paths.extend(volume_paths(volume, writable && mount.writable));
        }
    }
    paths
}

/// What the volumes that are mounted, there or to be made, are of the host; and what the kernel is to mount for them.
fn put_volume_paths(source: &Source<'_>, mounts: &[Mount], out: &mut Sheet) {
    let made = mounts.iter().filter(|mount| is_local(&mount.driver));
    let mut paths: Vec<HostPath> = made.clone().flat_map(|mount| local_paths(&mount.driver_options, true)).collect();
    paths.extend(of_volumes(source, mounts));
    out.put("volume_paths", paths.iter().flat_map(|p| source.host_path(&p.path)).collect::<BTreeSet<_>>());
    out.put("file_systems", made.filter_map(|mount| file_system(&mount.driver_options)).collect::<BTreeSet<_>>());
}

/// Of the volumes of these names, those that exist and are somebody else's or nobody's, and those that somebody else's services would
/// mount as soon as they exist.
pub fn foreign_of<'n>(source: &Source<'_>, names: impl Iterator<Item = &'n str>) -> BTreeSet<String> {
    let is_foreign = |name: &&str| {
        let named = source.view.volume_named(name);
        let owner = named.volume.map(|volume| owner::of(&volume.labels));
        owner.into_iter().chain(named.services).any(|owner| owner != source.maker())
    };
    names.filter(is_foreign).map(str::to_owned).collect()
}

/// The facts about host paths, which services have too.
pub fn put_paths(source: &Source<'_>, paths: &BTreeSet<HostPath>, out: &mut Sheet) {
    let all: BTreeSet<String> = paths.iter().flat_map(|p| source.host_path(&p.path)).collect();
    let writable: BTreeSet<String> =
        paths.iter().filter(|p| p.writable).flat_map(|p| source.host_path(&p.path)).collect();
    out.put("sensitive_paths", sensitive(&all));
    out.put("engine_socket", reaches_private(&all, source.asker.private));
    out.put("replaceable_paths", source.replaceable(paths));
    out.put("unreachable_paths", source.unreachable(paths));
    out.put("host_paths_writable", writable);
    out.put("host_paths", all);
}

/// The facts about mounts that services have too.
pub fn put_mounts(source: &Source<'_>, mounts: &[Mount], out: &mut Sheet) {
    put_volume_paths(source, mounts, out);
    let mut foreign = foreign_of(source, mounts.iter().filter_map(Mount::volume));
    // The swarm takes any volume of the group.
    foreign
        .extend(mounts.iter().filter_map(Mount::volume).filter(|name| name.starts_with("group:")).map(str::to_owned));
    out.put("foreign_volumes", foreign);
    let set = |f: fn(&Mount) -> &String| -> BTreeSet<String> {
        mounts.iter().map(f).filter(|s| !s.is_empty()).cloned().collect()
    };
    out.put("mount_types", set(|m| &m.kind));
    out.put("mount_targets", set(|m| &m.target));
    out.put("mount_propagation", set(|m| &m.propagation));
    out.put("volumes", mounts.iter().filter_map(Mount::volume).map(str::to_owned).collect::<BTreeSet<_>>());
}

fn put_volumes(host: Doc<'_>, mounts: &[Mount], out: &mut Sheet) {
    let mut drivers: BTreeSet<String> = mounts.iter().map(|m| m.driver.clone()).collect();
    drivers.insert(host.text("VolumeDriver").to_owned());
    drivers.retain(|d| !is_local(d));
    out.put("volume_drivers", drivers);
    out.put("volume_options", super::options(mounts.iter().flat_map(|m| &m.driver_options)));
    out.put(
        "volume_subpaths",
        mounts.iter().map(|m| m.subpath.clone()).filter(|s| !s.is_empty()).collect::<BTreeSet<_>>(),
    );
    out.put("mount_options", mounts.iter().flat_map(|m| m.options.clone()).collect::<BTreeSet<_>>());
    let mut tmpfs: BTreeSet<String> = mounts.iter().flat_map(|m| m.tmpfs_options.clone()).collect();
    for (_, options) in host.members("Tmpfs") {
        tmpfs.extend(options.own_text().split(',').map(|o| o.trim().to_owned()).filter(|o| !o.is_empty()));
    }
    out.put("tmpfs_options", tmpfs);
}
