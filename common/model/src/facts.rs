//! What a decision may look at besides who, what and on which thing: typed facts, read out of a request.
//!
//! The tables here are the one source of their names and types: `common/docker` fills them, `common/policy` makes
//! the Cedar context types from them. Every fact of an action's table is always present, so that no policy fails
//! because an attribute is missing.

use crate::action::Action;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The type of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactType {
    /// Cedar `Bool`.
    Bool,
    /// Cedar `Long`.
    Long,
    /// Cedar `String`.
    String,
    /// Cedar `Set<String>`.
    Set,
    /// Cedar `Set<Long>`.
    LongSet,
}

/// The value of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactValue {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Long(i64),
    /// A text.
    String(String),
    /// A set of numbers. An empty JSON list reads back as this; see [`Facts`].
    LongSet(BTreeSet<i64>),
    /// A set of texts.
    Set(BTreeSet<String>),
}

/// One fact: its name in policies, its type, where in the request it comes from, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct FactSpec {
    /// Name in policies, `context.NAME`.
    pub name: &'static str,
    /// Its type.
    pub ty: FactType,
    /// JSON paths (`$.HostConfig.Privileged`), `query:NAME` or `header:NAME`, comma-separated.
    pub source: &'static str,
    /// Check numbers of the CIS Docker Benchmark 1.6.0 that it serves, space-separated.
    pub cis: &'static str,
    /// Meaning, unit and special values.
    pub doc: &'static str,
}

/// The facts of one request, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(pub BTreeMap<String, FactValue>);

impl Facts {
    /// Every fact of the table at its zero value (false, 0, empty).
    pub fn zero(action: Action) -> Self {
        Self(
            specs(action)
                .map(|spec| {
                    let value = match spec.ty {
                        FactType::Bool => FactValue::Bool(false),
                        FactType::Long => FactValue::Long(0),
                        FactType::String => FactValue::String(String::new()),
                        FactType::Set => FactValue::Set(BTreeSet::new()),
                        FactType::LongSet => FactValue::LongSet(BTreeSet::new()),
                    };
                    (spec.name.to_owned(), value)
                })
                .collect(),
        )
    }

    /// Sets a fact.
    pub fn set(&mut self, name: &str, value: impl Into<FactValue>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The value of a fact.
    pub fn get(&self, name: &str) -> Option<&FactValue> {
        self.0.get(name)
    }
}

impl From<bool> for FactValue {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}
impl From<i64> for FactValue {
    fn from(v: i64) -> Self {
        Self::Long(v)
    }
}
impl From<String> for FactValue {
    fn from(v: String) -> Self {
        Self::String(v)
    }
}
impl From<&str> for FactValue {
    fn from(v: &str) -> Self {
        Self::String(v.to_owned())
    }
}
impl From<BTreeSet<String>> for FactValue {
    fn from(v: BTreeSet<String>) -> Self {
        Self::Set(v)
    }
}
impl From<BTreeSet<i64>> for FactValue {
    fn from(v: BTreeSet<i64>) -> Self {
        Self::LongSet(v)
    }
}

const fn fact(
    name: &'static str,
    ty: FactType,
    source: &'static str,
    cis: &'static str,
    doc: &'static str,
) -> FactSpec {
    FactSpec { name, ty, source, cis, doc }
}

/// Facts that every request has.
pub const COMMON: &[FactSpec] = &[
    fact("api_version", FactType::Long, "path", "", "minor number of the Engine API version spoken, e.g. 41"),
    fact("method", FactType::String, "method", "", "HTTP method"),
    fact("path", FactType::String, "path", "", "canonical path without the version, e.g. /containers/create"),
];

/// Facts of `container.create` (`POST /containers/create`).
pub const CONTAINER_CREATE: &[FactSpec] = &[
    fact("privileged", FactType::Bool, "$.HostConfig.Privileged", "5.5", "runs with every capability and device"),
    fact(
        "cap_add",
        FactType::Set,
        "$.HostConfig.CapAdd",
        "5.4",
        "capabilities added, upper case, without CAP_; ALL is itself",
    ),
    fact("cap_drop", FactType::Set, "$.HostConfig.CapDrop", "5.4", "capabilities dropped, upper case, without CAP_"),
    fact(
        "host_paths",
        FactType::Set,
        "$.HostConfig.Binds, $.HostConfig.Mounts[].Type, $.HostConfig.Mounts[].Source",
        "5.6",
        "every host path that the container can see: binds, bind mounts, and devices of local volumes; cleaned, links resolved where the host shows them",
    ),
    fact(
        "host_paths_writable",
        FactType::Set,
        "$.HostConfig.Mounts[].ReadOnly",
        "5.6",
        "those of host_paths that are not read-only",
    ),
    fact(
        "sensitive_paths",
        FactType::Set,
        "$.HostConfig.Binds, $.HostConfig.Mounts[].Source",
        "5.6",
        "the sensitive places that a host path is, contains or lies in: / /boot /dev /etc /home /lib /proc /root /run /sys /usr /var/lib/docker /var/run ...",
    ),
    fact(
        "engine_socket",
        FactType::Bool,
        "$.HostConfig.Binds, $.HostConfig.Mounts[].Source",
        "5.32",
        "a host path is or contains the socket of the engine, of containerd or of the guard",
    ),
    fact("mount_types", FactType::Set, "$.HostConfig.Mounts[].Type", "", "bind, volume, tmpfs, image, npipe, cluster"),
    fact(
        "mount_targets",
        FactType::Set,
        "$.HostConfig.Mounts[].Target",
        "",
        "where things are mounted inside the container",
    ),
    fact(
        "mount_propagation",
        FactType::Set,
        "$.HostConfig.Mounts[].BindOptions.Propagation",
        "5.20",
        "propagation modes asked for, from binds and mounts",
    ),
    fact(
        "mount_options",
        FactType::Set,
        "$.HostConfig.Mounts[].BindOptions.NonRecursive, $.HostConfig.Mounts[].BindOptions.ReadOnlyNonRecursive, $.HostConfig.Mounts[].BindOptions.CreateMountpoint",
        "",
        "non_recursive, read_only_non_recursive, create_mountpoint, and the options of binds",
    ),
    fact("volumes", FactType::Set, "$.HostConfig.Mounts[].Source, $.HostConfig.Binds", "", "named volumes mounted"),
    fact(
        "volumes_from",
        FactType::Set,
        "$.HostConfig.VolumesFrom",
        "5.6",
        "containers whose mounts are taken over, resolved ids where they exist",
    ),
    fact("anonymous_volumes", FactType::Set, "$.Volumes", "", "paths of anonymous volumes"),
    fact(
        "volume_drivers",
        FactType::Set,
        "$.HostConfig.VolumeDriver, $.HostConfig.Mounts[].VolumeOptions.DriverConfig.Name",
        "",
        "volume drivers asked for; empty and local are left out",
    ),
    fact(
        "volume_options",
        FactType::Set,
        "$.HostConfig.Mounts[].VolumeOptions.DriverConfig.Options",
        "5.6",
        "driver options as key=value",
    ),
    fact("volume_subpaths", FactType::Set, "$.HostConfig.Mounts[].VolumeOptions.Subpath", "", "paths inside volumes"),
    fact(
        "tmpfs_options",
        FactType::Set,
        "$.HostConfig.Tmpfs, $.HostConfig.Mounts[].TmpfsOptions.Options",
        "5.13",
        "options of tmpfs mounts, each once",
    ),
    fact(
        "host_namespaces",
        FactType::Set,
        "$.HostConfig.PidMode, $.HostConfig.IpcMode, $.HostConfig.UTSMode, $.HostConfig.UsernsMode, $.HostConfig.CgroupnsMode, $.HostConfig.NetworkMode",
        "5.10 5.16 5.17 5.21 5.31",
        "which of pid ipc uts user cgroup network are the host's",
    ),
    fact(
        "shared_namespaces",
        FactType::Set,
        "$.HostConfig.PidMode, $.HostConfig.IpcMode, $.HostConfig.NetworkMode, $.HostConfig.Cgroup",
        "",
        "namespaces of other containers, e.g. pid:3f2a...",
    ),
    fact("pid_mode", FactType::String, "$.HostConfig.PidMode", "5.16", "as given"),
    fact("ipc_mode", FactType::String, "$.HostConfig.IpcMode", "5.17", "as given"),
    fact("uts_mode", FactType::String, "$.HostConfig.UTSMode", "5.21", "as given"),
    fact("userns_mode", FactType::String, "$.HostConfig.UsernsMode", "5.31", "as given"),
    fact("cgroupns_mode", FactType::String, "$.HostConfig.CgroupnsMode", "", "as given"),
    fact("cgroup", FactType::String, "$.HostConfig.Cgroup", "", "as given"),
    fact("cgroup_parent", FactType::String, "$.HostConfig.CgroupParent", "5.25", "as given"),
    fact("network_mode", FactType::String, "$.HostConfig.NetworkMode", "5.10", "as given; default when empty"),
    fact("network_disabled", FactType::Bool, "$.NetworkDisabled", "", "no network at all"),
    fact(
        "networks",
        FactType::Set,
        "$.NetworkingConfig.EndpointsConfig, $.HostConfig.NetworkMode",
        "",
        "names of the networks joined",
    ),
    fact(
        "endpoint_options",
        FactType::Set,
        "$.NetworkingConfig.EndpointsConfig.{}.DriverOpts",
        "",
        "driver options of endpoints as key=value",
    ),
    fact("links", FactType::Set, "$.HostConfig.Links", "", "links as given"),
    fact("extra_hosts", FactType::Set, "$.HostConfig.ExtraHosts", "", "entries added to /etc/hosts"),
    fact("dns", FactType::Set, "$.HostConfig.Dns", "", "name servers"),
    fact("publish_all_ports", FactType::Bool, "$.HostConfig.PublishAllPorts", "5.9", "publishes every exposed port"),
    fact(
        "host_ports",
        FactType::LongSet,
        "$.HostConfig.PortBindings.{}.HostPort",
        "5.8 5.9",
        "ports published on the host; 0 is a random one; ranges are spelled out up to 1024 ports, beyond that their ends",
    ),
    fact(
        "privileged_ports",
        FactType::Bool,
        "$.HostConfig.PortBindings.{}.HostPort",
        "5.8",
        "a published port may be below 1024 (0 is not)",
    ),
    fact(
        "host_ips",
        FactType::Set,
        "$.HostConfig.PortBindings.{}.HostIp",
        "5.14",
        "addresses bound on the host; 0.0.0.0 where none was given",
    ),
    fact("exposed_ports", FactType::Set, "$.ExposedPorts", "", "exposed ports, e.g. 80/tcp"),
    fact(
        "security_opt",
        FactType::Set,
        "$.HostConfig.SecurityOpt",
        "",
        "as key=value, seccomp profiles given inline as seccomp=custom",
    ),
    fact("seccomp", FactType::String, "$.HostConfig.SecurityOpt", "5.22", "default, unconfined or custom"),
    fact("apparmor", FactType::String, "$.HostConfig.SecurityOpt", "5.2", "default, unconfined or the profile's name"),
    fact("label_disabled", FactType::Bool, "$.HostConfig.SecurityOpt", "5.3", "SELinux labels off"),
    fact("no_new_privileges", FactType::Bool, "$.HostConfig.SecurityOpt", "5.26", "set-uid programs gain nothing"),
    fact(
        "unmasked_paths",
        FactType::Bool,
        "$.HostConfig.MaskedPaths",
        "",
        "the list of masked paths in /proc and /sys is replaced",
    ),
    fact(
        "writable_proc_paths",
        FactType::Bool,
        "$.HostConfig.ReadonlyPaths",
        "",
        "the list of read-only paths in /proc is replaced",
    ),
    fact("devices", FactType::Set, "$.HostConfig.Devices[].PathOnHost", "5.18", "host devices"),
    fact("device_permissions", FactType::Set, "$.HostConfig.Devices[].CgroupPermissions", "5.18", "r, w, m, each once"),
    fact("device_cgroup_rules", FactType::Set, "$.HostConfig.DeviceCgroupRules", "5.18", "as given"),
    fact(
        "device_requests",
        FactType::Set,
        "$.HostConfig.DeviceRequests",
        "5.18",
        "driver and device ids or count, e.g. nvidia:all",
    ),
    fact("runtime", FactType::String, "$.HostConfig.Runtime", "", "OCI runtime; empty is the engine's default"),
    fact("annotations", FactType::Set, "$.HostConfig.Annotations", "", "key=value"),
    fact("sysctls", FactType::Set, "$.HostConfig.Sysctls", "", "key=value"),
    fact("user", FactType::String, "$.User", "4.1", "user that will run, the image's where the request names none"),
    fact("root_user", FactType::Bool, "$.User", "4.1", "that user is or may be uid 0 of the container"),
    fact("group_add", FactType::Set, "$.HostConfig.GroupAdd", "", "supplementary groups"),
    fact("readonly_rootfs", FactType::Bool, "$.HostConfig.ReadonlyRootfs", "5.13", "root file system is read-only"),
    fact("memory", FactType::Long, "$.HostConfig.Memory", "5.11", "bytes; 0 is unlimited"),
    fact("memory_swap", FactType::Long, "$.HostConfig.MemorySwap", "5.11", "bytes with memory; -1 is unlimited"),
    fact("memory_reservation", FactType::Long, "$.HostConfig.MemoryReservation", "", "bytes"),
    fact("nano_cpus", FactType::Long, "$.HostConfig.NanoCpus", "5.12", "billionths of a CPU; 0 is unlimited"),
    fact("cpu_shares", FactType::Long, "$.HostConfig.CpuShares", "5.12", "relative weight; 0 is the default"),
    fact("cpu_quota", FactType::Long, "$.HostConfig.CpuQuota", "5.12", "microseconds a period; 0 is unlimited"),
    fact("cpu_realtime_runtime", FactType::Long, "$.HostConfig.CpuRealtimeRuntime", "", "microseconds"),
    fact("cpuset_cpus", FactType::String, "$.HostConfig.CpusetCpus", "", "as given"),
    fact("blkio_weight", FactType::Long, "$.HostConfig.BlkioWeight", "", "10 to 1000; 0 is the default"),
    fact("pids_limit", FactType::Long, "$.HostConfig.PidsLimit", "5.29", "processes; 0 is unlimited"),
    fact("ulimits", FactType::Set, "$.HostConfig.Ulimits", "5.19", "name=soft:hard"),
    fact(
        "oom_kill_disable",
        FactType::Bool,
        "$.HostConfig.OomKillDisable",
        "",
        "the kernel may not kill it when memory is short",
    ),
    fact("oom_score_adj", FactType::Long, "$.HostConfig.OomScoreAdj", "", "-1000 to 1000"),
    fact("shm_size", FactType::Long, "$.HostConfig.ShmSize", "", "bytes"),
    fact("storage_opt", FactType::Set, "$.HostConfig.StorageOpt", "", "key=value"),
    fact(
        "restart_policy",
        FactType::String,
        "$.HostConfig.RestartPolicy.Name",
        "5.15",
        "no, always, unless-stopped or on-failure",
    ),
    fact(
        "restart_max_retries",
        FactType::Long,
        "$.HostConfig.RestartPolicy.MaximumRetryCount",
        "5.15",
        "0 is no limit",
    ),
    fact("auto_remove", FactType::Bool, "$.HostConfig.AutoRemove", "", "removed when it ends"),
    fact("log_driver", FactType::String, "$.HostConfig.LogConfig.Type", "", "empty is the engine's default"),
    fact("log_options", FactType::Set, "$.HostConfig.LogConfig.Config", "", "key=value"),
    fact("init", FactType::Bool, "$.HostConfig.Init", "", "runs an init inside"),
    fact("isolation", FactType::String, "$.HostConfig.Isolation", "", "Windows only"),
    fact("container_id_file", FactType::String, "$.HostConfig.ContainerIDFile", "", "file that the client writes"),
    fact(
        "image",
        FactType::String,
        "$.Image",
        "",
        "the reference as the engine reads it: registry/repository:tag or @digest",
    ),
    fact("image_registry", FactType::String, "$.Image", "", "e.g. docker.io"),
    fact("image_repository", FactType::String, "$.Image", "", "e.g. library/nginx"),
    fact("image_tag", FactType::String, "$.Image", "5.28", "empty when a digest or id is given"),
    fact("image_digest", FactType::String, "$.Image", "", "sha256:... when the reference has one"),
    fact(
        "image_id",
        FactType::String,
        "$.Image",
        "",
        "id of the local image that the reference means now; empty when there is none",
    ),
    fact("platform", FactType::String, "query:platform", "", "as given"),
    fact("name", FactType::String, "query:name", "", "name asked for; empty when the engine will choose"),
    fact("entrypoint", FactType::String, "$.Entrypoint", "", "words joined by a space"),
    fact("command", FactType::String, "$.Cmd", "5.7", "words joined by a space"),
    fact("env_names", FactType::Set, "$.Env", "", "names of the environment variables; values are never facts"),
    fact("labels", FactType::Set, "$.Labels", "", "key=value"),
    fact("healthcheck", FactType::String, "$.Healthcheck.Test", "5.27", "words joined by a space; NONE is off"),
    fact("stop_signal", FactType::String, "$.StopSignal", "", "as given"),
    fact("hostname", FactType::String, "$.Hostname", "", "as given"),
    fact("on_build", FactType::Set, "$.OnBuild", "", "as given"),
];

/// The facts that an action has besides [`COMMON`].
pub const fn of(action: Action) -> &'static [FactSpec] {
    match action {
        Action::ContainerCreate => CONTAINER_CREATE,
        _ => &[],
    }
}

/// All facts of an action, common ones first.
pub fn specs(action: Action) -> impl Iterator<Item = &'static FactSpec> {
    COMMON.iter().chain(of(action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_within_an_action() {
        for action in Action::ALL {
            let names: BTreeSet<_> = specs(*action).map(|s| s.name).collect();
            assert_eq!(names.len(), specs(*action).count(), "{action}");
        }
    }
}
