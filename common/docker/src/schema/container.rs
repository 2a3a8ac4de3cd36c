//! Containers and what runs in them.

use super::{mount::MOUNT, network};
use crate::json::{EMPTY, Field, Shape, TEXT_MAP, TEXTS};
use Shape::{Bool, Ignored, Int, Legacy, List, Map, Object, Text, Uint, Words};

pub const ULIMITS: Shape = List(&Object(&[("Name", Text), ("Soft", Int), ("Hard", Int)]));

pub const HEALTHCHECK: Shape = Object(&[
    ("Test", TEXTS),
    ("Interval", Int),
    ("Timeout", Int),
    ("StartPeriod", Int),
    ("StartInterval", Int),
    ("Retries", Int),
    ("NoWait", Bool),
]);

const DEVICES: Shape = List(&Object(&[("PathOnHost", Text), ("PathInContainer", Text), ("CgroupPermissions", Text)]));
const DEVICE_REQUESTS: Shape = List(&Object(&[
    ("Driver", Text),
    ("Count", Int),
    ("DeviceIDs", TEXTS),
    ("Capabilities", List(&TEXTS)),
    ("Options", TEXT_MAP),
]));
const RATES: Shape = List(&Object(&[("Path", Text), ("Rate", Uint)]));
const RESTART: Shape = Object(&[("Name", Text), ("MaximumRetryCount", Int)]);

/// Fields that an update and the host config of a container have in common.
macro_rules! resources {
    ($($more:expr,)*) => {
        &[
            ("CpuShares", Int),
            ("Memory", Int),
            ("NanoCpus", Int),
            ("CgroupParent", Text),
            ("BlkioWeight", Uint),
            ("BlkioWeightDevice", List(&Object(&[("Path", Text), ("Weight", Uint)]))),
            ("BlkioDeviceReadBps", RATES),
            ("BlkioDeviceWriteBps", RATES),
            ("BlkioDeviceReadIOps", RATES),
            ("BlkioDeviceWriteIOps", RATES),
            ("CpuPeriod", Int),
            ("CpuQuota", Int),
            ("CpuRealtimePeriod", Int),
            ("CpuRealtimeRuntime", Int),
            ("CpusetCpus", Text),
            ("CpusetMems", Text),
            ("Devices", DEVICES),
            ("DeviceCgroupRules", TEXTS),
            ("DeviceRequests", DEVICE_REQUESTS),
            ("KernelMemory", Int),
            ("KernelMemoryTCP", Int),
            ("MemoryReservation", Int),
            ("MemorySwap", Int),
            ("MemorySwappiness", Int),
            ("OomKillDisable", Bool),
            ("PidsLimit", Int),
            ("Ulimits", ULIMITS),
            ("CpuCount", Int),
            ("CpuPercent", Int),
            ("IOMaximumIOps", Uint),
            ("IOMaximumBandwidth", Uint),
            ("RestartPolicy", RESTART),
            $($more,)*
        ]
    };
}

pub const UPDATE: Shape = Object(resources!());

const HOST_CONFIG_FIELDS: &[Field] = resources!(
    ("Binds", TEXTS),
    ("ContainerIDFile", Text),
    ("LogConfig", Object(&[("Type", Text), ("Config", TEXT_MAP)])),
    ("NetworkMode", Text),
    ("PortBindings", Map(&List(&Object(&[("HostIp", Text), ("HostPort", Text)])))),
    ("AutoRemove", Bool),
    ("VolumeDriver", Text),
    ("VolumesFrom", TEXTS),
    ("ConsoleSize", List(&Uint)),
    ("Annotations", TEXT_MAP),
    ("CapAdd", Words),
    ("CapDrop", Words),
    ("CgroupnsMode", Text),
    ("Dns", TEXTS),
    ("DnsOptions", TEXTS),
    ("DnsSearch", TEXTS),
    ("ExtraHosts", TEXTS),
    ("GroupAdd", TEXTS),
    ("IpcMode", Text),
    ("Cgroup", Text),
    ("Links", TEXTS),
    ("OomScoreAdj", Int),
    ("PidMode", Text),
    ("Privileged", Bool),
    ("PublishAllPorts", Bool),
    ("ReadonlyRootfs", Bool),
    ("SecurityOpt", TEXTS),
    ("StorageOpt", TEXT_MAP),
    ("Tmpfs", TEXT_MAP),
    ("UTSMode", Text),
    ("UsernsMode", Text),
    ("ShmSize", Int),
    ("Sysctls", TEXT_MAP),
    ("Runtime", Text),
    ("Isolation", Text),
    ("Mounts", List(&MOUNT)),
    ("MaskedPaths", TEXTS),
    ("ReadonlyPaths", TEXTS),
    ("Init", Bool),
);

pub const HOST_CONFIG: Shape = Object(HOST_CONFIG_FIELDS);

/// The portable part, as create and commit have it in common.
macro_rules! config {
    ($($more:expr,)*) => {
        &[
            ("Hostname", Text),
            ("Domainname", Text),
            ("User", Text),
            ("AttachStdin", Bool),
            ("AttachStdout", Bool),
            ("AttachStderr", Bool),
            ("ExposedPorts", Map(&EMPTY)),
            ("Tty", Bool),
            ("OpenStdin", Bool),
            ("StdinOnce", Bool),
            ("Env", TEXTS),
            ("Cmd", Words),
            ("Healthcheck", HEALTHCHECK),
            ("ArgsEscaped", Bool),
            ("Image", Text),
            ("Volumes", Map(&EMPTY)),
            ("WorkingDir", Text),
            ("Entrypoint", Words),
            ("NetworkDisabled", Bool),
            ("MacAddress", Text),
            ("OnBuild", TEXTS),
            ("Labels", TEXT_MAP),
            ("StopSignal", Text),
            ("StopTimeout", Int),
            ("Shell", Words),
            $($more,)*
        ]
    };
}

pub const COMMIT: Shape = Object(config!());

pub const CREATE: Shape = Object(config!(
    ("HostConfig", HOST_CONFIG),
    ("NetworkingConfig", Object(&[("EndpointsConfig", network::ENDPOINTS)])),
    // Clients that send their whole set of options as the body; both are read from the query only.
    ("name", Ignored),
    ("platform", Ignored),
    ("PortSpecs", Legacy),
    // Up to 26.x an engine reads the host config from the top level when HostConfig is absent or null.
    ("Binds", Legacy),
    ("ContainerIDFile", Legacy),
    ("LogConfig", Legacy),
    ("NetworkMode", Legacy),
    ("PortBindings", Legacy),
    ("RestartPolicy", Legacy),
    ("AutoRemove", Legacy),
    ("VolumeDriver", Legacy),
    ("VolumesFrom", Legacy),
    ("ConsoleSize", Legacy),
    ("Annotations", Legacy),
    ("CapAdd", Legacy),
    ("CapDrop", Legacy),
    ("CgroupnsMode", Legacy),
    ("Dns", Legacy),
    ("DnsOptions", Legacy),
    ("DnsSearch", Legacy),
    ("ExtraHosts", Legacy),
    ("GroupAdd", Legacy),
    ("IpcMode", Legacy),
    ("Cgroup", Legacy),
    ("Links", Legacy),
    ("OomScoreAdj", Legacy),
    ("PidMode", Legacy),
    ("Privileged", Legacy),
    ("PublishAllPorts", Legacy),
    ("ReadonlyRootfs", Legacy),
    ("SecurityOpt", Legacy),
    ("StorageOpt", Legacy),
    ("Tmpfs", Legacy),
    ("UTSMode", Legacy),
    ("UsernsMode", Legacy),
    ("ShmSize", Legacy),
    ("Sysctls", Legacy),
    ("Runtime", Legacy),
    ("Isolation", Legacy),
    ("Mounts", Legacy),
    ("MaskedPaths", Legacy),
    ("ReadonlyPaths", Legacy),
    ("Init", Legacy),
    ("CpuShares", Legacy),
    ("Memory", Legacy),
    ("NanoCpus", Legacy),
    ("CgroupParent", Legacy),
    ("BlkioWeight", Legacy),
    ("BlkioWeightDevice", Legacy),
    ("BlkioDeviceReadBps", Legacy),
    ("BlkioDeviceWriteBps", Legacy),
    ("BlkioDeviceReadIOps", Legacy),
    ("BlkioDeviceWriteIOps", Legacy),
    ("CpuPeriod", Legacy),
    ("CpuQuota", Legacy),
    ("CpuRealtimePeriod", Legacy),
    ("CpuRealtimeRuntime", Legacy),
    ("Cpuset", Legacy),
    ("CpusetCpus", Legacy),
    ("CpusetMems", Legacy),
    ("Devices", Legacy),
    ("DeviceCgroupRules", Legacy),
    ("DeviceRequests", Legacy),
    ("DiskQuota", Legacy),
    ("KernelMemory", Legacy),
    ("KernelMemoryTCP", Legacy),
    ("MemoryReservation", Legacy),
    ("MemorySwap", Legacy),
    ("MemorySwappiness", Legacy),
    ("OomKillDisable", Legacy),
    ("PidsLimit", Legacy),
    ("Ulimits", Legacy),
    ("CpuCount", Legacy),
    ("CpuPercent", Legacy),
    ("IOMaximumIOps", Legacy),
    ("IOMaximumBandwidth", Legacy),
));

pub const EXEC: Shape = Object(&[
    ("User", Text),
    ("Privileged", Bool),
    ("Tty", Bool),
    ("ConsoleSize", List(&Uint)),
    ("AttachStdin", Bool),
    ("AttachStderr", Bool),
    ("AttachStdout", Bool),
    ("Detach", Bool),
    ("DetachKeys", Text),
    ("Env", TEXTS),
    ("WorkingDir", Text),
    ("Cmd", TEXTS),
    // docker-py repeats the container of the path.
    ("Container", Ignored),
]);

pub const EXEC_START: Shape = Object(&[
    ("Detach", Bool),
    ("Tty", Bool),
    ("ConsoleSize", List(&Uint)),
    // dockerode sends its own options along.
    ("hijack", Ignored),
    ("stdin", Ignored),
    ("stdout", Ignored),
    ("stderr", Ignored),
]);

pub const CHECKPOINT: Shape = Object(&[("CheckpointID", Text), ("CheckpointDir", Text), ("Exit", Bool)]);
