//! Facts of what is done with containers that exist, and of what runs in them.

use super::{Sheet, Source, create, create_mounts, create_network, env_names, instructions, ulimits};
use crate::{
    account::account,
    doc::Doc,
    image_ref::ImageRef,
    mounts::volume_paths,
    owner,
    paths::{clean, is_within},
    version::ApiVersion,
    view::ContainerView,
};
use std::collections::BTreeSet;
use wharden_model::Action;

/// From here on the engine asks a websocket which streams it is for.
const WEBSOCKETS_CHOOSE: ApiVersion = ApiVersion { major: 1, minor: 42 };

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let (body, query) = (source.body(), source.query());
    match source.canonical.action() {
        Action::ContainerUpdate => update(source, out),
        Action::ContainerExec => exec(source, out),
        Action::ContainerCommit => commit(source, out),
        Action::ExecStart | Action::ExecInspect => {
            out.put("detach", body.truth("Detach"));
            if source.canonical.action() == Action::ExecStart {
                host_paths(source, out);
            }
            let id = source.resolved.captures.first();
            let Some(exec) = source.view.execs.values().find(|e| Some(&e.id) == id) else { return };
            out.put("privileged", exec.privileged);
            out.put("user", exec.user.as_str());
            out.put("tty", exec.tty);
            out.put("command", exec.command.join(" "));
        }
        Action::ContainerStart => {
            create::fill(source, out);
            out.put("checkpoint", query.get("checkpoint"));
            let dir = query.get("checkpoint-dir");
            out.put("checkpoint_dir", dir);
            if !dir.is_empty() {
                out.join("host_paths", source.host_path(dir));
            }
        }
        Action::ContainerRestart => {
            create::fill(source, out);
            out.put("signal", query.get("signal"));
        }
        Action::ContainerCheckpointCreate => {
            out.put("checkpoint", body.text("CheckpointID"));
            out.put("exit", body.truth("Exit"));
            checkpoint_dir(source, body.text("CheckpointDir"), out);
        }
        Action::ContainerCheckpointList | Action::ContainerCheckpointDelete => {
            checkpoint_dir(source, query.get("dir"), out);
        }
        Action::ContainerStop | Action::ContainerKill => {
            out.put("signal", query.get("signal"));
        }
        Action::ContainerRename => out.put("new_name", query.get("name").trim_start_matches('/')),
        Action::ContainerDelete => {
            out.put("force", query.truth("force"));
            out.put("volumes", query.truth("v"));
            out.put("link", query.truth("link"));
        }
        Action::ContainerAttach => {
            let websocket = source.canonical.method == "GET";
            // Before this version the engine does not ask which of them a websocket is for: it opens all three.
            let opens_all = websocket && source.canonical.version.is_none_or(|version| version < WEBSOCKETS_CHOOSE);
            for name in ["stdin", "stdout", "stderr"] {
                out.put(name, opens_all || query.truth(name));
            }
            for name in ["stream", "logs"] {
                out.put(name, query.truth(name));
            }
            out.put("websocket", websocket);
            if let Some(container) = source.resolved.container {
                out.put("host_access", host_access(container));
                out.put("container_root_user", account(&container.user).may_be_root);
            }
            host_paths(source, out);
        }
        Action::ContainerTop => out.put("ps_args", query.get("ps_args")),
        Action::ContainerArchiveRead | Action::ContainerArchiveStat => archive(source, out),
        Action::ContainerArchiveWrite => {
            archive(source, out);
            out.put("copy_uid_gid", query.truth("copyUIDGID"));
        }
        _ => {}
    }
}

fn checkpoint_dir(source: &Source<'_>, dir: &str, out: &mut Sheet) {
    out.put("checkpoint_dir", dir);
    if !dir.is_empty() {
        out.put("host_paths", source.host_path(dir).collect::<BTreeSet<_>>());
    }
}

fn update(source: &Source<'_>, out: &mut Sheet) {
    let body = source.body();
    out.put("fields", body.own_keys());
    for (name, field) in [
        ("memory", "Memory"),
        ("memory_swap", "MemorySwap"),
        ("memory_reservation", "MemoryReservation"),
        ("nano_cpus", "NanoCpus"),
        ("cpu_shares", "CpuShares"),
        ("cpu_quota", "CpuQuota"),
        ("pids_limit", "PidsLimit"),
        ("blkio_weight", "BlkioWeight"),
    ] {
        out.put(name, body.number(field));
    }
    out.put("cpuset_cpus", body.text("CpusetCpus"));
    out.put("restart_policy", body.at("RestartPolicy").text("Name"));
    out.put("restart_max_retries", body.at("RestartPolicy").number("MaximumRetryCount"));
    out.put("devices", body.items("Devices").map(|d| clean(d.text("PathOnHost"))).collect::<BTreeSet<_>>());
    out.put("device_cgroup_rules", body.text_set("DeviceCgroupRules"));
    out.put("cgroup_parent", body.text("CgroupParent"));
    out.put("ulimits", ulimits(body.items("Ulimits")));
}

fn exec(source: &Source<'_>, out: &mut Sheet) {
    let body = source.body();
    let container = source.resolved.container;
    let asked = body.text("User");
    let user = match container {
        Some(container) if asked.is_empty() => container.user.as_str(),
        _ => asked,
    };
    let who = account(user);
    out.put("privileged", body.truth("Privileged"));
    out.put("user", user);
    out.put("root_user", who.may_be_root);
    out.put("user_by_name", who.by_name);
    out.put("command", body.words("Cmd"));
    out.put("env_names", env_names(body.texts("Env")));
    out.put("working_dir", body.text("WorkingDir"));
    out.put("attach_stdin", body.truth("AttachStdin"));
    out.put("tty", body.truth("Tty"));
    out.put("container_privileged", container.is_some_and(|c| c.privileged));
    let Some(container) = container else { return };
    host_paths(source, out);
    out.put("host_access", host_access(container));
    // Groups that the container has on top it keeps.
    let host = Doc::new(Some(&container.made.0)).at("HostConfig");
    out.put("runs_as_owner", source.runs_as_owner(user, host.texts("GroupAdd")));
}

/// What a container has of the host beside files.
fn host_access(container: &ContainerView) -> BTreeSet<String> {
    let host = Doc::new(Some(&container.made.0)).at("HostConfig");
    let mut has = create_network::host_namespaces(host);
    // Where the host has version 1 of control groups the engine takes this one for every container by itself.
    has.remove("cgroup");
    let devices =
        ["Devices", "DeviceCgroupRules", "DeviceRequests"].iter().any(|list| host.items(list).next().is_some());
    let network = container.networks.iter().any(|network| network == "host");
    let more = [("privileged", container.privileged), ("devices", devices), ("network", network)];
    has.extend(more.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()));
    has
}

/// What the container sees of the host's files.
fn host_paths(source: &Source<'_>, out: &mut Sheet) {
    let seen = source.resolved.container.map(|container| create_mounts::seen_by(source, container, true));
    let paths = seen.iter().flatten().flat_map(|path| source.host_path(&path.path));
    out.put("host_paths", paths.collect::<BTreeSet<_>>());
}

fn commit(source: &Source<'_>, out: &mut Sheet) {
    let (body, query) = (source.body(), source.query());
    out.put("container", source.resolved.container.map_or_else(|| query.get("container"), |c| c.name.as_str()));
    if let Some(target) = ImageRef::of_parts(query.get("repo"), query.get("tag")).map(ImageRef::or_latest) {
        put_target(&target, out);
    } else {
        out.put("target", query.get("repo"));
    }
    out.put("changes", instructions(query.all("changes")));
    out.put("fields", body.own_keys());
    out.put("user", body.text("User"));
    out.put("labels", body.pair_set("Labels"));
}

/// The reference that something gets.
pub fn put_target(target: &ImageRef, out: &mut Sheet) {
    out.put("target", target.to_string());
    out.put("target_registry", target.registry.as_str());
    out.put("target_repository", target.repository.as_str());
    out.put("target_tag", target.tag.as_str());
}

/// Links in a container lead from any path of it to any other, and what runs there may change them at any moment: so a copy may
/// come from or land on all that is mounted of the host.
fn archive(source: &Source<'_>, out: &mut Sheet) {
    let path = clean(source.query().get("path"));
    let writes = source.canonical.action() == Action::ContainerArchiveWrite;
    let mounts = source.resolved.container.map(|c| c.mounts.as_slice()).unwrap_or_default();
    let mut found = BTreeSet::new();
    for mount in mounts.iter().filter(|mount| mount.writable || !writes) {
        let target = clean(&mount.destination);
        // At the mount or below it: the same way further down on the host.
        let rest = if target == "/" { path.as_str() } else { path.get(target.len()..).unwrap_or_default() };
        let rest = if is_within(&path, &target) { rest } else { "" };
        let volume = source.view.volumes.get(&mount.name).filter(|_| mount.kind == "volume");
        let of_volume = volume.into_iter().flat_map(|volume| volume_paths(volume, mount.writable));
        let bound = (mount.kind == "bind").then(|| mount.source.clone());
        for host in bound.into_iter().chain(of_volume.map(|path| path.path)) {
            found.extend(source.host_path(&format!("{host}/{rest}")));
        }
    }
    let volumes = mounts.iter().filter(|mount| mount.kind == "volume").map(|mount| mount.name.as_str());
    out.put("foreign_volumes", create_mounts::foreign_of(source, volumes));
    // Tasks are started by the swarm, and steps of builds, which are called by whole ids, by the engine.
    let may_run = source.resolved.container.is_none_or(|container| {
        container.running || container.task().is_some() || owner::is_whole_id(&container.image)
    });
    out.put("races", may_run && source.canonical.engine_api < ApiVersion::OWN_NAMESPACE);
    out.put("mounted", mounts.iter().map(|mount| clean(&mount.destination)).collect::<BTreeSet<_>>());
    out.put("container_path", path);
    out.put("host_paths", found);
}
