//! Types that the Engine reads bodies into (moby `api/types`, 20.10), enough of them to have every kind of field, and what
//! it makes of them. `go/reader.go` has the same ones in Go.

use crate::go_json::{
    Outcome,
    Type::{self, Array, Bool, Int, Map, Pointer, Slice, Struct, Text, Uint, Words},
    decode,
};
use serde_json::{Value, json};

type Fields = &'static [(&'static str, Type)];

const TEXTS: Type = Slice(&Text);
const TEXT_MAP: Type = Map(&Text);
const EMPTY: Type = Struct(&[]);

const HEALTH: Type = Struct(&[
    ("Test", TEXTS),
    ("Interval", Int(64)),
    ("Timeout", Int(64)),
    ("StartPeriod", Int(64)),
    ("Retries", Int(64)),
]);

const CONFIG: Fields = &[
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
    ("Healthcheck", Pointer(&HEALTH)),
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
    ("StopTimeout", Pointer(&Int(64))),
    ("Shell", Words),
];

const DRIVER: Type = Struct(&[("Name", Text), ("Options", TEXT_MAP)]);

const MOUNT: Type = Struct(&[
    ("Type", Text),
    ("Source", Text),
    ("Target", Text),
    ("ReadOnly", Bool),
    ("Consistency", Text),
    ("BindOptions", Pointer(&Struct(&[("Propagation", Text), ("NonRecursive", Bool)]))),
    ("VolumeOptions", Pointer(&Struct(&[("NoCopy", Bool), ("Labels", TEXT_MAP), ("DriverConfig", Pointer(&DRIVER))]))),
    ("TmpfsOptions", Pointer(&Struct(&[("SizeBytes", Int(64)), ("Mode", Uint(32))]))),
]);

const DEVICE: Type = Struct(&[("PathOnHost", Text), ("PathInContainer", Text), ("CgroupPermissions", Text)]);
const REQUEST: Type = Struct(&[
    ("Driver", Text),
    ("Count", Int(64)),
    ("DeviceIDs", TEXTS),
    ("Capabilities", Slice(&TEXTS)),
    ("Options", TEXT_MAP),
]);
const ULIMIT: Type = Struct(&[("Name", Text), ("Hard", Int(64)), ("Soft", Int(64))]);
const WEIGHT: Type = Struct(&[("Path", Text), ("Weight", Uint(16))]);
const RATE: Type = Struct(&[("Path", Text), ("Rate", Uint(64))]);

const HOST: Fields = &[
    ("Binds", TEXTS),
    ("ContainerIDFile", Text),
    ("LogConfig", Struct(&[("Type", Text), ("Config", TEXT_MAP)])),
    ("NetworkMode", Text),
    ("PortBindings", Map(&Slice(&Struct(&[("HostIp", Text), ("HostPort", Text)])))),
    ("RestartPolicy", Struct(&[("Name", Text), ("MaximumRetryCount", Int(64))])),
    ("AutoRemove", Bool),
    ("VolumeDriver", Text),
    ("VolumesFrom", TEXTS),
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
    ("OomScoreAdj", Int(64)),
    ("PidMode", Text),
    ("Privileged", Bool),
    ("PublishAllPorts", Bool),
    ("ReadonlyRootfs", Bool),
    ("SecurityOpt", TEXTS),
    ("StorageOpt", TEXT_MAP),
    ("Tmpfs", TEXT_MAP),
    ("UTSMode", Text),
    ("UsernsMode", Text),
    ("ShmSize", Int(64)),
    ("Sysctls", TEXT_MAP),
    ("Runtime", Text),
    ("ConsoleSize", Array(2, &Uint(64))),
    ("Isolation", Text),
    ("CpuShares", Int(64)),
    ("Memory", Int(64)),
    ("NanoCpus", Int(64)),
    ("CgroupParent", Text),
    ("BlkioWeight", Uint(16)),
    ("BlkioWeightDevice", Slice(&Pointer(&WEIGHT))),
    ("BlkioDeviceReadBps", Slice(&Pointer(&RATE))),
    ("CpusetCpus", Text),
    ("CpusetMems", Text),
    ("Devices", Slice(&DEVICE)),
    ("DeviceCgroupRules", TEXTS),
    ("DeviceRequests", Slice(&REQUEST)),
    ("MemorySwap", Int(64)),
    ("MemorySwappiness", Pointer(&Int(64))),
    ("OomKillDisable", Pointer(&Bool)),
    ("PidsLimit", Pointer(&Int(64))),
    ("Ulimits", Slice(&Pointer(&ULIMIT))),
    ("Mounts", Slice(&MOUNT)),
    ("MaskedPaths", TEXTS),
    ("ReadonlyPaths", TEXTS),
    ("Init", Pointer(&Bool)),
];

const ENDPOINT: Type = Struct(&[
    ("IPAMConfig", Pointer(&Struct(&[("IPv4Address", Text), ("IPv6Address", Text), ("LinkLocalIPs", TEXTS)]))),
    ("Links", TEXTS),
    ("Aliases", TEXTS),
    ("NetworkID", Text),
    ("IPPrefixLen", Int(64)),
    ("MacAddress", Text),
    ("DriverOpts", TEXT_MAP),
]);
const NETWORKING: Type = Struct(&[("EndpointsConfig", Map(&Pointer(&ENDPOINT)))]);

const EXEC: Type = Struct(&[
    ("User", Text),
    ("Privileged", Bool),
    ("Tty", Bool),
    ("AttachStdin", Bool),
    ("AttachStderr", Bool),
    ("AttachStdout", Bool),
    ("Detach", Bool),
    ("DetachKeys", Text),
    ("Env", TEXTS),
    ("WorkingDir", Text),
    ("Cmd", TEXTS),
]);

const VOLUME: Type = Struct(&[("Driver", Text), ("DriverOpts", TEXT_MAP), ("Labels", TEXT_MAP), ("Name", Text)]);

/// A body that the Engine reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Create,
    Exec,
    Volume,
}

impl Body {
    /// All, and the word for each.
    pub const ALL: [(&'static str, Self); 3] =
        [("create", Self::Create), ("exec", Self::Exec), ("volume", Self::Volume)];

    /// Where it is sent.
    pub fn path(self) -> &'static str {
        match self {
            Self::Create => "/containers/create",
            Self::Exec => "/containers/victim/exec",
            Self::Volume => "/volumes/create",
        }
    }

    /// What the Engine goes on with.
    pub fn meaning(self, bytes: &[u8]) -> Outcome {
        match self {
            Self::Create => creation(bytes),
            Self::Exec => decode(bytes, &EXEC),
            Self::Volume => decode(bytes, &VOLUME),
        }
    }
}

/// In Go `struct { *Config; InnerHostConfig *HostConfig "HostConfig"; Cpuset; NetworkingConfig; *HostConfig }`, which has the
/// fields of both embedded types as its own; the host config is then put together of the two.
fn creation(bytes: &[u8]) -> Outcome {
    let inner: &'static Type = &Pointer(&Struct(HOST));
    let own: [(&str, Type); 3] = [("HostConfig", *inner), ("Cpuset", Text), ("NetworkingConfig", Pointer(&NETWORKING))];
    let fields: Vec<(&'static str, Type)> =
        own.into_iter().chain(CONFIG.iter().copied()).chain(HOST.iter().copied()).collect();
    static ALL: std::sync::OnceLock<Vec<(&'static str, Type)>> = std::sync::OnceLock::new();
    let all = Struct(ALL.get_or_init(|| fields));
    let wrapper = match decode(bytes, &all) {
        Outcome::Value(value) => value,
        other => return other,
    };
    let part =
        |fields: Fields| Value::Object(fields.iter().map(|(n, _)| ((*n).to_owned(), wrapper[*n].clone())).collect());
    let outer = part(HOST);
    let mut host = wrapper["HostConfig"].clone();
    if host.is_null() {
        host = outer;
    } else {
        for (name, empty) in [
            ("Memory", json!(0)),
            ("MemorySwap", json!(0)),
            ("CpuShares", json!(0)),
            ("CpusetCpus", json!("")),
            ("VolumeDriver", json!("")),
        ] {
            if host[name] == empty {
                host[name] = outer[name].clone();
            }
        }
    }
    if host["CpusetCpus"] == "" {
        host["CpusetCpus"] = wrapper["Cpuset"].clone();
    }
    Outcome::Value(
        json!({ "Config": part(CONFIG), "HostConfig": host, "NetworkingConfig": wrapper["NetworkingConfig"] }),
    )
}
