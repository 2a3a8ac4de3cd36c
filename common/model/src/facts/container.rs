//! Facts of what is done with containers that exist, and of what runs in them.

use super::{FactSpec, FactType, fact};

/// `container.update`. A number is 0 where the request leaves it as it is; `fields` says what it sets.
pub const UPDATE: &[FactSpec] = &[
    fact("fields", FactType::Set, "$", "", "names of the fields that the request sets, as the engine spells them"),
    fact("memory", FactType::Long, "$.Memory", "5.11", "bytes"),
    fact("memory_swap", FactType::Long, "$.MemorySwap", "5.11", "bytes with memory; -1 is unlimited"),
    fact("memory_reservation", FactType::Long, "$.MemoryReservation", "5.11", "bytes"),
    fact("nano_cpus", FactType::Long, "$.NanoCpus", "5.12", "billionths of a CPU"),
    fact("cpu_shares", FactType::Long, "$.CpuShares", "5.12", "relative weight"),
    fact("cpu_quota", FactType::Long, "$.CpuQuota", "5.12", "microseconds a period; -1 is unlimited"),
    fact("cpuset_cpus", FactType::String, "$.CpusetCpus", "5.12", "as given"),
    fact(
        "pids_limit",
        FactType::Long,
        "$.PidsLimit",
        "5.29",
        "processes; with PidsLimit in fields, 0 and -1 are unlimited",
    ),
    fact(
        "restart_policy",
        FactType::String,
        "$.RestartPolicy.Name",
        "5.15",
        "no, always, unless-stopped or on-failure",
    ),
    fact("restart_max_retries", FactType::Long, "$.RestartPolicy.MaximumRetryCount", "5.15", "0 is no limit"),
    fact("blkio_weight", FactType::Long, "$.BlkioWeight", "", "10 to 1000"),
    fact("devices", FactType::Set, "$.Devices", "5.18", "host devices; engines so far ignore them in an update"),
    fact(
        "device_cgroup_rules",
        FactType::Set,
        "$.DeviceCgroupRules",
        "5.18",
        "engines so far ignore them in an update",
    ),
    fact("cgroup_parent", FactType::String, "$.CgroupParent", "5.25", "engines so far ignore it in an update"),
    fact("ulimits", FactType::Set, "$.Ulimits", "5.19", "name=soft:hard; engines so far ignore them in an update"),
];

/// `container.exec`.
pub const EXEC: &[FactSpec] = &[
    fact("privileged", FactType::Bool, "$.Privileged", "5.23", "runs with every capability"),
    fact(
        "user",
        FactType::String,
        "$.User",
        "5.24",
        "user that will run, the container's where the request names none",
    ),
    fact(
        "root_user",
        FactType::Bool,
        "$.User",
        "5.24",
        "that user is or may be uid 0 of the container, see container.create",
    ),
    fact("user_by_name", FactType::Bool, "$.User", "5.24", "that user is a name other than root, or its group is one"),
    fact("command", FactType::String, "$.Cmd", "5.7", "words joined by a space"),
    fact("env_names", FactType::Set, "$.Env", "", "names of the environment variables; values are never facts"),
    fact("working_dir", FactType::String, "$.WorkingDir", "", "as given"),
    fact("attach_stdin", FactType::Bool, "$.AttachStdin", "", "the caller will be able to type"),
    fact("tty", FactType::Bool, "$.Tty", "", "has a terminal"),
    fact("container_privileged", FactType::Bool, "", "5.5", "the container itself is privileged"),
    HOST_ACCESS,
    HOST_PATHS,
    fact("runs_as_owner", FactType::Bool, "$.User", "", "see container.create"),
];

/// `exec.start`: what `container.exec` asked for, as the engine keeps it, and what the container sees.
pub const EXEC_START: &[FactSpec] =
    &[DETACH, EXEC_ITSELF[0], EXEC_ITSELF[1], EXEC_ITSELF[2], EXEC_ITSELF[3], HOST_PATHS];

/// `exec.inspect`: what `container.exec` asked for.
pub const EXEC_INSPECT: &[FactSpec] = &[DETACH, EXEC_ITSELF[0], EXEC_ITSELF[1], EXEC_ITSELF[2], EXEC_ITSELF[3]];

const HOST_PATHS: FactSpec = fact("host_paths", FactType::Set, "", "5.6", "every host path that the container can see");

const HOST_ACCESS: FactSpec = fact(
    "host_access",
    FactType::Set,
    "",
    "5.5",
    "what the container has of the host beside files: `privileged`, `devices`, and namespaces as in host_namespaces but for cgroup",
);

const DETACH: FactSpec = fact(
    "detach",
    FactType::Bool,
    "$.Detach",
    "",
    "runs in the background; false means that the connection is hijacked",
);

/// What an exec is.
const EXEC_ITSELF: [FactSpec; 4] = [
    fact("privileged", FactType::Bool, "", "5.23", "runs with every capability"),
    fact("user", FactType::String, "", "5.24", "user that it runs as, as asked for"),
    fact("tty", FactType::Bool, "", "", "has a terminal"),
    fact("command", FactType::String, "", "5.7", "words joined by a space"),
];

/// `container.start`. A folder of checkpoints is among `host_paths` too.
pub const START: &[FactSpec] = &[
    fact("checkpoint", FactType::String, "query:checkpoint", "2.18", "checkpoint to resume from"),
    fact("checkpoint_dir", FactType::String, "query:checkpoint-dir", "2.18", "host path that the engine reads it from"),
];

/// `container.stop`, `container.restart`, `container.kill`.
pub const SIGNAL: &[FactSpec] =
    &[fact("signal", FactType::String, "query:signal", "", "as given; empty is the default")];

/// `container.rename`.
pub const RENAME: &[FactSpec] = &[fact("new_name", FactType::String, "query:name", "", "without the slash")];

/// `container.delete`.
pub const DELETE: &[FactSpec] = &[
    fact("force", FactType::Bool, "query:force", "", "also while it runs"),
    fact("volumes", FactType::Bool, "query:v", "", "its anonymous volumes too"),
    fact("link", FactType::Bool, "query:link", "", "only the link of this name"),
];

/// `container.attach`, over HTTP and over a websocket.
pub const ATTACH: &[FactSpec] = &[
    fact("stdin", FactType::Bool, "query:stdin", "", "the caller can type"),
    fact("stdout", FactType::Bool, "query:stdout", "", "the caller can read the output"),
    fact("stderr", FactType::Bool, "query:stderr", "", "the caller can read the errors"),
    fact("stream", FactType::Bool, "query:stream", "", "from now on"),
    fact("logs", FactType::Bool, "query:logs", "", "what was written before, too"),
    fact("websocket", FactType::Bool, "path", "", "over a websocket, which is a GET"),
    HOST_ACCESS,
    fact(
        "container_root_user",
        FactType::Bool,
        "",
        "4.1",
        "what runs there is or may be uid 0 of the container, see container.create",
    ),
    HOST_PATHS,
];

/// `container.top`.
pub const TOP: &[FactSpec] = &[fact("ps_args", FactType::String, "query:ps_args", "", "arguments of ps on the host")];

/// `container.commit`.
pub const COMMIT: &[FactSpec] = &[
    fact("container", FactType::String, "query:container", "", "as given; the resource is what it means now"),
    fact("target", FactType::String, "query:repo, query:tag", "", "reference that the image gets; empty when none"),
    fact("target_registry", FactType::String, "query:repo", "", "e.g. docker.io"),
    fact("target_repository", FactType::String, "query:repo", "", "e.g. library/nginx"),
    fact("target_tag", FactType::String, "query:tag", "", "latest when none is given"),
    fact("changes", FactType::Set, "query:changes", "4.1", "Dockerfile instructions, each once, without values of ENV"),
    fact("fields", FactType::Set, "$", "", "fields of the image's configuration that the body sets"),
    fact("user", FactType::String, "$.User", "4.1", "user that the body sets"),
    fact("labels", FactType::Set, "$.Labels", "", "key=value"),
];

/// Of what is copied from and into containers.
const FOREIGN_VOLUMES: FactSpec = fact(
    "foreign_volumes",
    FactType::Set,
    "query:path",
    "",
    "volumes mounted anywhere in the container that are not its owner's",
);

/// The engine mounts for a copy all that the container has, and looks up the places before it does.
const MOUNTED: FactSpec =
    fact("mounted", FactType::Set, "", "", "places in the container where anything is mounted, volumes too");

/// What runs in the container can put links in the way.
const RACES: FactSpec = fact(
    "races",
    FactType::Bool,
    "",
    "",
    "the container may run meanwhile, and the engine, before version 24, goes through it by paths, as root",
);

/// `container.archive_read` and `container.archive_stat`.
pub const ARCHIVE_READ: &[FactSpec] = &[
    fact("container_path", FactType::String, "query:path", "", "path in the container, cleaned"),
    fact(
        "host_paths",
        FactType::Set,
        "query:path",
        "",
        "host paths that are mounted anywhere in the container, of volumes too, since links in it may lead to any of them; at or below a mount, the path there",
    ),
    FOREIGN_VOLUMES,
    MOUNTED,
    RACES,
];

/// `container.archive_write`.
pub const ARCHIVE_WRITE: &[FactSpec] = &[
    fact("container_path", FactType::String, "query:path", "", "path in the container, cleaned"),
    fact(
        "host_paths",
        FactType::Set,
        "query:path",
        "",
        "host paths that are mounted writable anywhere in the container, of volumes too, since links in it may lead to any of them; at or below a mount, the path there",
    ),
    FOREIGN_VOLUMES,
    MOUNTED,
    RACES,
    fact("copy_uid_gid", FactType::Bool, "query:copyUIDGID", "", "files keep the owners that the archive names"),
];

/// `container.checkpoint_create`.
pub const CHECKPOINT: &[FactSpec] = &[
    fact("checkpoint", FactType::String, "$.CheckpointID", "", "its name"),
    fact("checkpoint_dir", FactType::String, "$.CheckpointDir", "2.18", "host path that the engine writes it to"),
    fact("host_paths", FactType::Set, "$.CheckpointDir", "2.18", "that path, cleaned, links resolved"),
    fact("exit", FactType::Bool, "$.Exit", "", "the container ends afterwards"),
];

/// `container.checkpoint_list` and `container.checkpoint_delete`.
pub const CHECKPOINT_DIR: &[FactSpec] = &[
    fact("checkpoint_dir", FactType::String, "query:dir", "2.18", "host path that the engine looks into"),
    fact("host_paths", FactType::Set, "query:dir", "2.18", "that path, cleaned, links resolved"),
];
