//! Facts of volumes.

use super::{Sheet, Source, create_mounts::foreign_of};
use crate::{
    doc::Doc,
    mounts::{HostPath, file_system, is_local, local_paths},
    paths::{reaches_private, sensitive},
};
use std::collections::BTreeSet;
use wharden_model::Action;

/// The host paths that a volume to be created will mount.
pub fn paths_asked(body: Doc<'_>) -> Vec<HostPath> {
    if is_local(body.text("Driver")) { local_paths(&body.pairs("DriverOpts"), true) } else { Vec::new() }
}

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let body = source.body();
    if source.canonical.action() == Action::VolumeUpdate {
        out.put("fields", body.keys("Spec"));
        out.put("availability", body.at("Spec").text("Availability"));
        return;
    }
    let driver = body.text("Driver");
    out.put("name", body.text("Name"));
    out.put("driver", if driver.is_empty() { "local" } else { driver });
    let kind = is_local(driver).then(|| file_system(&body.pairs("DriverOpts"))).flatten();
    out.put("file_systems", kind.into_iter().collect::<BTreeSet<_>>());
    out.put("driver_options", super::options(body.pairs("DriverOpts").iter()));
    let mut paths = paths_asked(body);
    // The name may be taken: then what is mounted is what it was made with.
    if let Some(existing) = source.view.volumes.get(body.text("Name")) {
        paths.extend(crate::mounts::volume_paths(existing, true));
    }
    out.put("replaceable_paths", source.replaceable(&paths));
    let paths: BTreeSet<String> = paths.iter().flat_map(|p| source.host_path(&p.path)).collect();
    out.put("sensitive_paths", sensitive(&paths));
    out.put("engine_socket", reaches_private(&paths, source.asker.private));
    out.put("volume_paths", paths.clone());
    out.put("host_paths", paths);
    // One that is there is what is decided on.
    let new = Some(body.text("Name")).filter(|name| !source.view.volumes.contains_key(*name));
    out.put("foreign_volumes", foreign_of(source, new.into_iter()));
    out.put("labels", body.pair_set("Labels"));
    out.put("cluster", body.has("ClusterVolumeSpec"));
}
