//! Which facts suggested rules hold: all but those that are named here, each with its reason. So a fact that is new is held.

use super::Terms;
use wharden_model::{Action, ResourceKind, api::Wildcard, facts};

/// Names of facts, and why rules leave them open.
type Free = &'static [(&'static str, &'static str)];

/// Of every action.
const FREE: Free = &[
    ("api_version", "changes with the client"),
    ("method", "follows from the action"),
    ("path", "the action and the thing said again, with ids"),
    ("name", "the thing's name said again"),
    ("image", IMAGE),
    ("image_registry", IMAGE),
    ("image_repository", IMAGE),
    ("image_tag", IMAGE),
    ("image_digest", IMAGE),
    ("image_id", "changes with every version of an image under the same name"),
    ("image_names", "changes with what else the image is called"),
    ("container_id", "changes each time that the container is made"),
    ("container_networks", "changes with what was connected before"),
    ("container_labels", LABELS),
    ("labels", LABELS),
    ("ps_args", "other columns about the same processes"),
    ("quiet", "what the client shows"),
    ("registry_credentials", "the client's, and the registry judges them"),
];

const IMAGE: &str = "the resource's image said again";
const LABELS: &str = "tools write them anew each time, and the engine does nothing by them";

/// Of `container.create`, and of the start of what was created.
const FREE_OF_CREATE: Free = &[
    ("sensitive_paths", "follows from host_paths"),
    ("replaceable_paths", "follows from host_paths, and changes with what is on the host"),
    ("unreachable_paths", "follows from host_paths, and changes with what is on the host"),
    ("engine_socket", "follows from host_paths"),
    ("volume_paths", "follows from host_paths, volumes and volume_options"),
    ("file_systems", "follows from volume_options"),
    ("foreign_volumes", "follows from volumes, and changes with whose they are"),
    ("foreign_namespaces", "follows from shared_namespaces, and changes with whose they are"),
    ("foreign_networks", "follows from networks, and changes with whose they are"),
    ("routing_sysctls", "follows from sysctls and endpoint_options"),
    ("anonymous_volumes", "new and the container's own, with what its image has there"),
    ("tmpfs_options", "of memory that is empty and the container's own"),
    ("pid_mode", NAMESPACES),
    ("ipc_mode", NAMESPACES),
    ("uts_mode", NAMESPACES),
    ("userns_mode", NAMESPACES),
    ("cgroupns_mode", NAMESPACES),
    ("links", "follows from shared_namespaces, but for the names inside"),
    ("privileged_ports", "follows from host_ports"),
    ("seccomp", SECURITY),
    ("apparmor", SECURITY),
    ("label_disabled", SECURITY),
    ("selinux_label", SECURITY),
    ("no_new_privileges", SECURITY),
    ("root_user", "follows from user"),
    ("user_by_name", "follows from user"),
    ("runs_as_owner", "follows from user and group_add, and whose the container is"),
    ("memory", LIMIT),
    ("memory_swap", LIMIT),
    ("memory_reservation", LIMIT),
    ("nano_cpus", LIMIT),
    ("cpu_shares", LIMIT),
    ("cpu_quota", LIMIT),
    ("cpuset_cpus", LIMIT),
    ("blkio_weight", LIMIT),
    ("pids_limit", LIMIT),
    ("shm_size", LIMIT),
    ("storage_opt", LIMIT),
    ("restart_policy", AGAIN),
    ("restart_max_retries", AGAIN),
    ("auto_remove", "whether the container itself stays"),
    ("init", "the engine's own, which only passes signals on"),
    ("isolation", "Windows only"),
    ("container_id_file", "a file of the client's"),
    ("own_image", "follows from image_owner"),
    ("stop_signal", "how the container itself ends"),
    ("hostname", "a name inside; where none is given it changes with the container"),
    ("on_build", "is run when an image made of this one is built, which is another action"),
];

const NAMESPACES: &str = "follows from host_namespaces and shared_namespaces, or is the container's own";
const SECURITY: &str = "follows from security_opt";
const LIMIT: &str = "how much of the host it may use changes from run to run; rules about limits are forbids";
const AGAIN: &str = "how often the same runs again";

/// True for facts that rules hold.
pub(super) fn is_held(action: Action, name: &str, terms: &Terms) -> bool {
    !is_open(name, terms) && why_free(action, name).is_none()
}

/// What was asked to be left open.
fn is_open(name: &str, terms: &Terms) -> bool {
    matches!(name, "command" | "entrypoint") && terms.wildcards.contains(&Wildcard::Command)
}

/// Why rules about an action leave a fact open; `None` for those that they hold.
fn why_free(action: Action, name: &str) -> Option<&'static str> {
    let named = |list: Free| list.iter().find(|(free, _)| *free == name).map(|(_, why)| *why);
    // These have an image that is not the resource's.
    if name == "image" && action.resource() == ResourceKind::Service {
        return None;
    }
    if action == Action::ImageLoad && name.starts_with("target") {
        return Some("the one of `tags` that was decided on");
    }
    // What a start has of its own was asked for; the rest is what was created.
    let is_creation = match action {
        Action::ContainerCreate => true,
        action => action.starts_container() && !facts::of(action).iter().any(|spec| spec.name == name),
    };
    named(FREE).or_else(|| named(FREE_OF_CREATE).filter(|_| is_creation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fact_is_held_or_has_a_reason_not_to_be() {
        let terms = Terms::default();
        let (mut free, mut held) = (BTreeSet::new(), 0);
        for action in Action::ALL {
            for spec in facts::specs(*action) {
                match why_free(*action, spec.name) {
                    Some(why) => {
                        assert!(!why.is_empty() && !is_held(*action, spec.name, &terms), "{action} {}", spec.name);
                        free.insert(spec.name);
                    }
                    None => {
                        assert!(is_held(*action, spec.name, &terms), "{action} {}", spec.name);
                        held += 1;
                    }
                }
            }
        }
        assert!(held > 100, "{held}");
        // And none is named that there is not, or twice.
        for list in [FREE, FREE_OF_CREATE] {
            let names: BTreeSet<_> = list.iter().map(|(name, _)| *name).collect();
            assert_eq!(names.len(), list.len());
            assert!(names.is_subset(&free), "{:?}", names.difference(&free));
        }
        let of_create: BTreeSet<_> = facts::specs(Action::ContainerCreate).map(|spec| spec.name).collect();
        assert!(FREE_OF_CREATE.iter().all(|(name, _)| of_create.contains(name)));
    }

    /// What gives a container power, or says what runs in it.
    #[test]
    fn what_gives_power_or_content_is_held() {
        let terms = Terms::default();
        let powers = [
            (Action::ContainerCreate, "privileged host_paths host_paths_writable volumes volumes_from volume_subpaths"),
            (Action::ContainerCreate, "mount_types mount_targets mount_options cap_add cap_drop devices"),
            (Action::ContainerCreate, "device_permissions annotations runtime sysctls ulimits cpu_realtime_runtime"),
            (Action::ContainerCreate, "log_driver log_options network_disabled endpoint_options dns extra_hosts"),
            (Action::ContainerCreate, "exposed_ports readonly_rootfs healthcheck command entrypoint env_names user"),
            (Action::ContainerCreate, "image_owner platform security_opt unmasked_paths"),
            (Action::ContainerStart, "checkpoint checkpoint_dir healthcheck annotations log_options endpoint_options"),
            (Action::ContainerExec, "privileged user command env_names working_dir attach_stdin tty"),
            (Action::ImageBuild, "network_mode security_opt extra_hosts remote dockerfile build_arg_names session"),
            (Action::ServiceCreate, "image command entrypoint env_names host_paths secrets"),
            (Action::ServiceUpdate, "image rollback registry_auth_from"),
        ];
        for (action, names) in powers {
            for name in names.split(' ') {
                assert!(facts::specs(action).any(|spec| spec.name == name), "{action} {name}");
                assert!(is_held(action, name, &terms), "{action} {name}");
            }
        }
        let any_command = Terms { wildcards: BTreeSet::from([Wildcard::Command]), group: None };
        let is_held = |name| is_held(Action::ContainerCreate, name, &any_command);
        assert!(!is_held("command") && !is_held("entrypoint") && is_held("healthcheck") && is_held("env_names"));
    }
}
