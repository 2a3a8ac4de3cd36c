//! Facts of services. They run on any node: host paths are those of every node, with their links followed as they are on this one.

use super::{FactSpec, FactType, fact};

macro_rules! service {
    ($($more:expr,)*) => {
        &[
            fact("name", FactType::String, "$.Name", "", "as given"),
            fact("image", FactType::String, "$.TaskTemplate.ContainerSpec.Image", "4.2", "the reference as the engine reads it"),
            fact("image_registry", FactType::String, "$.TaskTemplate.ContainerSpec.Image", "4.2", "e.g. docker.io"),
            fact("image_repository", FactType::String, "$.TaskTemplate.ContainerSpec.Image", "4.2", "e.g. library/nginx"),
            fact("image_tag", FactType::String, "$.TaskTemplate.ContainerSpec.Image", "", "empty when a digest is given"),
            fact("image_digest", FactType::String, "$.TaskTemplate.ContainerSpec.Image", "", "sha256:... when the reference has one"),
            fact("host_paths", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "5.6", "every host path mounted, cleaned"),
            fact("host_paths_writable", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "5.6", "those that are not read-only"),
            fact("volume_paths", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "5.6", "see container.create"),
            fact("file_systems", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "", "see container.create"),
            fact("sensitive_paths", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "5.6", "see container.create"),
            fact("engine_socket", FactType::Bool, "$.TaskTemplate.ContainerSpec.Mounts[]", "5.32", "see container.create"),
            fact("replaceable_paths", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "5.6", "see container.create"),
            fact("unreachable_paths", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "5.6", "see container.create"),
            fact("mount_types", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "", "bind, volume, tmpfs, ..."),
            fact("mount_targets", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "", "where things are mounted inside"),
            fact("network_file_targets", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "", "see container.create; of secrets and configs too"),
            fact("device_targets", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "", "see container.create; of secrets and configs too"),
            fact("mount_propagation", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "5.20", "propagation modes asked for"),
            fact("volumes", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "", "named volumes mounted"),
            fact("foreign_volumes", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "", "those that exist on this node and are not the service's owner's, or that services of somebody else's would mount"),
            fact("volume_drivers", FactType::Set, "$.TaskTemplate.ContainerSpec.Mounts[]", "", "volume drivers asked for, other than local"),
            fact("cap_add", FactType::Set, "$.TaskTemplate.ContainerSpec.CapabilityAdd", "5.4", "upper case, without CAP_; ALL is itself"),
            fact("cap_drop", FactType::Set, "$.TaskTemplate.ContainerSpec.CapabilityDrop", "5.4", "upper case, without CAP_"),
            fact("seccomp", FactType::String, "$.TaskTemplate.ContainerSpec.Privileges.Seccomp", "5.22", "default, unconfined or custom"),
            fact("apparmor", FactType::String, "$.TaskTemplate.ContainerSpec.Privileges.AppArmor", "5.2", "default or disabled"),
            fact("label_disabled", FactType::Bool, "$.TaskTemplate.ContainerSpec.Privileges.SELinuxContext", "5.3", "SELinux labels off"),
            fact("selinux_label", FactType::String, "$.TaskTemplate.ContainerSpec.Privileges.SELinuxContext", "5.3", "user:role:type:level asked for"),
            fact("no_new_privileges", FactType::Bool, "$.TaskTemplate.ContainerSpec.Privileges.NoNewPrivileges", "5.26", "set-uid programs gain nothing"),
            fact("user", FactType::String, "$.TaskTemplate.ContainerSpec.User", "4.1", "as given; empty is the image's"),
            fact("root_user", FactType::Bool, "$.TaskTemplate.ContainerSpec.User", "4.1", "that user is or may be uid 0; true when none is given"),
            fact("user_by_name", FactType::Bool, "$.TaskTemplate.ContainerSpec.User", "4.1", "that user is a name other than root, or one of its groups is a name"),
            fact("group_add", FactType::Set, "$.TaskTemplate.ContainerSpec.Groups", "", "supplementary groups"),
            fact("runs_as_owner", FactType::Bool, "$.TaskTemplate.ContainerSpec.User, $.TaskTemplate.ContainerSpec.Groups", "", "see container.create; and no_new_privileges is on"),
            fact("readonly_rootfs", FactType::Bool, "$.TaskTemplate.ContainerSpec.ReadOnly", "5.13", "root file system is read-only"),
            fact("sysctls", FactType::Set, "$.TaskTemplate.ContainerSpec.Sysctls", "", "key=value"),
            fact("routing_sysctls", FactType::Set, "$.TaskTemplate.ContainerSpec.Sysctls, $.TaskTemplate.Networks, $.Networks", "", "see container.create"),
            fact("ulimits", FactType::Set, "$.TaskTemplate.ContainerSpec.Ulimits", "5.19", "name=soft:hard"),
            fact("oom_score_adj", FactType::Long, "$.TaskTemplate.ContainerSpec.OomScoreAdj", "", "-1000 to 1000"),
            fact("secrets", FactType::Set, "$.TaskTemplate.ContainerSpec.Secrets", "7.4", "names and ids of secrets given to it"),
            fact("foreign_secrets", FactType::Set, "$.TaskTemplate.ContainerSpec.Secrets", "7.4", "names of those that somebody else made, and ids that are not found"),
            fact("configs", FactType::Set, "$.TaskTemplate.ContainerSpec.Configs", "", "names and ids of configs given to it"),
            fact("foreign_configs", FactType::Set, "$.TaskTemplate.ContainerSpec.Configs", "", "the same of configs"),
            fact("file_targets", FactType::Set, "$.TaskTemplate.ContainerSpec.Secrets, $.TaskTemplate.ContainerSpec.Configs", "", "files that they appear as"),
            fact("extra_hosts", FactType::Set, "$.TaskTemplate.ContainerSpec.Hosts", "", "entries added to /etc/hosts"),
            fact("networks", FactType::Set, "$.TaskTemplate.Networks, $.Networks", "5.10", "networks joined, by name where it is known"),
            fact("foreign_networks", FactType::Set, "$.TaskTemplate.Networks, $.Networks", "", "those that somebody else made"),
            fact("host_network", FactType::Bool, "$.TaskTemplate.Networks, $.Networks", "5.10", "uses the host's network"),
            fact("log_driver", FactType::String, "$.TaskTemplate.LogDriver", "", "empty is the engine's default"),
            fact("runtime", FactType::String, "$.TaskTemplate.Runtime", "", "container, plugin or attachment; container when none is given"),
            fact("plugin", FactType::String, "$.TaskTemplate.PluginSpec.Remote", "", "plugin installed on each node"),
            fact("plugin_privileges", FactType::Set, "$.TaskTemplate.PluginSpec.PluginPrivilege", "", "granted without a prompt, name=value,..."),
            fact("attaches_container", FactType::String, "$.TaskTemplate.NetworkAttachmentSpec", "", "id of a container attached to networks"),
            fact("constraints", FactType::Set, "$.TaskTemplate.Placement.Constraints", "", "as given, without spaces"),
            fact("memory", FactType::Long, "$.TaskTemplate.Resources.Limits", "5.11", "bytes; 0 is unlimited"),
            fact("nano_cpus", FactType::Long, "$.TaskTemplate.Resources.Limits", "5.12", "billionths of a CPU; 0 is unlimited"),
            fact("pids_limit", FactType::Long, "$.TaskTemplate.Resources.Limits", "5.29", "processes; 0 is unlimited"),
            fact("host_ports", FactType::LongSet, "$.EndpointSpec.Ports", "5.8 7.2", "ports published; 0 is a random one"),
            fact("privileged_ports", FactType::Bool, "$.EndpointSpec.Ports", "5.8", "a published port is below 1024 (0 is not)"),
            fact("publish_modes", FactType::Set, "$.EndpointSpec.Ports", "5.8", "ingress or host"),
            fact("mode", FactType::String, "$.Mode", "", "replicated, global, replicated-job or global-job"),
            fact("replicas", FactType::Long, "$.Mode", "", "tasks asked for, 1 when none is given; 0 for global"),
            fact("entrypoint", FactType::String, "$.TaskTemplate.ContainerSpec.Command", "", "words joined by a space"),
            fact("command", FactType::String, "$.TaskTemplate.ContainerSpec.Args", "5.7", "words joined by a space"),
            fact("env_names", FactType::Set, "$.TaskTemplate.ContainerSpec.Env", "", "names of the environment variables"),
            fact("labels", FactType::Set, "$.Labels", "", "labels of the service as key=value"),
            fact("container_labels", FactType::Set, "$.TaskTemplate.ContainerSpec.Labels", "", "labels of its containers as key=value"),
            $($more,)*
        ]
    };
}

/// `service.create`.
pub const CREATE: &[FactSpec] = service!();

/// `service.update`. With `rollback` the engine runs the earlier specification, which nobody judged now.
pub const UPDATE: &[FactSpec] = service!(
    fact("rollback", FactType::Bool, "query:rollback", "", "the body is ignored and the earlier specification runs"),
    fact(
        "registry_auth_from",
        FactType::String,
        "query:registryAuthFrom",
        "",
        "spec or previous-spec: stored credentials are used again"
    ),
);
