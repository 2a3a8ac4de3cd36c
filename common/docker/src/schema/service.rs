//! Services of a swarm.

use super::{
    container::{HEALTHCHECK, ULIMITS},
    mount::{DRIVER, MOUNT},
    various::PLUGIN_PRIVILEGES,
};
use crate::json::{EMPTY, Shape, TEXT_MAP, TEXTS};
use Shape::{Bool, Float, Int, List, Object, Text, Uint};

const FILE: Shape = Object(&[("Name", Text), ("UID", Text), ("GID", Text), ("Mode", Uint)]);

const PRIVILEGES: Shape = Object(&[
    ("CredentialSpec", Object(&[("Config", Text), ("File", Text), ("Registry", Text)])),
    ("SELinuxContext", Object(&[("Disable", Bool), ("User", Text), ("Role", Text), ("Type", Text), ("Level", Text)])),
    ("Seccomp", Object(&[("Mode", Text), ("Profile", Text)])),
    ("AppArmor", Object(&[("Mode", Text)])),
    ("NoNewPrivileges", Bool),
]);

const CONTAINER: Shape = Object(&[
    ("Image", Text),
    ("Labels", TEXT_MAP),
    ("Command", TEXTS),
    ("Args", TEXTS),
    ("Hostname", Text),
    ("Env", TEXTS),
    ("Dir", Text),
    ("User", Text),
    ("Groups", TEXTS),
    ("Privileges", PRIVILEGES),
    ("Init", Bool),
    ("StopSignal", Text),
    ("TTY", Bool),
    ("OpenStdin", Bool),
    ("ReadOnly", Bool),
    ("Mounts", List(&MOUNT)),
    ("StopGracePeriod", Int),
    ("Healthcheck", HEALTHCHECK),
    ("Hosts", TEXTS),
    ("DNSConfig", Object(&[("Nameservers", TEXTS), ("Search", TEXTS), ("Options", TEXTS)])),
    ("Secrets", List(&Object(&[("File", FILE), ("SecretID", Text), ("SecretName", Text)]))),
    ("Configs", List(&Object(&[("File", FILE), ("Runtime", EMPTY), ("ConfigID", Text), ("ConfigName", Text)]))),
    ("Isolation", Text),
    ("Sysctls", TEXT_MAP),
    ("CapabilityAdd", TEXTS),
    ("CapabilityDrop", TEXTS),
    ("Ulimits", ULIMITS),
    ("OomScoreAdj", Int),
]);

const PLUGIN: Shape = Object(&[
    ("Name", Text),
    ("Remote", Text),
    ("Privileges", PLUGIN_PRIVILEGES),
    ("PluginPrivilege", PLUGIN_PRIVILEGES),
    ("Disabled", Bool),
    ("Env", TEXTS),
]);

const GENERIC: Shape = List(&Object(&[
    ("NamedResourceSpec", Object(&[("Kind", Text), ("Value", Text)])),
    ("DiscreteResourceSpec", Object(&[("Kind", Text), ("Value", Int)])),
]));

const RESOURCES: Shape = Object(&[
    ("Limits", Object(&[("NanoCPUs", Int), ("MemoryBytes", Int), ("Pids", Int), ("GenericResources", GENERIC)])),
    ("Reservations", Object(&[("NanoCPUs", Int), ("MemoryBytes", Int), ("Pids", Int), ("GenericResources", GENERIC)])),
    ("SwapBytes", Int),
    ("MemorySwappiness", Int),
]);

const NETWORKS: Shape = List(&Object(&[("Target", Text), ("Aliases", TEXTS), ("DriverOpts", TEXT_MAP)]));

const TASK: Shape = Object(&[
    ("ContainerSpec", CONTAINER),
    ("PluginSpec", PLUGIN),
    ("NetworkAttachmentSpec", Object(&[("ContainerID", Text)])),
    ("Resources", RESOURCES),
    ("RestartPolicy", Object(&[("Condition", Text), ("Delay", Int), ("MaxAttempts", Uint), ("Window", Int)])),
    (
        "Placement",
        Object(&[
            ("Constraints", TEXTS),
            ("Preferences", List(&Object(&[("Spread", Object(&[("SpreadDescriptor", Text)]))]))),
            ("MaxReplicas", Uint),
            ("Platforms", List(&Object(&[("Architecture", Text), ("OS", Text)]))),
        ]),
    ),
    ("Networks", NETWORKS),
    ("LogDriver", DRIVER),
    ("ForceUpdate", Uint),
    ("Runtime", Text),
]);

const ROLLING: Shape = Object(&[
    ("Parallelism", Uint),
    ("Delay", Int),
    ("FailureAction", Text),
    ("Monitor", Int),
    ("MaxFailureRatio", Float),
    ("Order", Text),
]);

pub const SPEC: Shape = Object(&[
    ("Name", Text),
    ("Labels", TEXT_MAP),
    ("TaskTemplate", TASK),
    (
        "Mode",
        Object(&[
            ("Replicated", Object(&[("Replicas", Uint)])),
            ("Global", EMPTY),
            ("ReplicatedJob", Object(&[("MaxConcurrent", Uint), ("TotalCompletions", Uint)])),
            ("GlobalJob", EMPTY),
        ]),
    ),
    ("UpdateConfig", ROLLING),
    ("RollbackConfig", ROLLING),
    ("Networks", NETWORKS),
    (
        "EndpointSpec",
        Object(&[
            ("Mode", Text),
            (
                "Ports",
                List(&Object(&[
                    ("Name", Text),
                    ("Protocol", Text),
                    ("TargetPort", Uint),
                    ("PublishedPort", Uint),
                    ("PublishMode", Text),
                ])),
            ),
        ]),
    ),
]);
