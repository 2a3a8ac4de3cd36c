//! Facts of volumes.

use super::{FactSpec, FactType, fact};

/// `volume.create`.
pub const CREATE: &[FactSpec] = &[
    fact("name", FactType::String, "$.Name", "", "name asked for; empty when the engine will choose"),
    fact("driver", FactType::String, "$.Driver", "5.6", "local when none is given"),
    fact("driver_options", FactType::Set, "$.DriverOpts", "5.6", "key=value, passwords left out"),
    fact(
        "host_paths",
        FactType::Set,
        "$.DriverOpts",
        "5.6",
        "host paths that the local driver will mount; cleaned, links resolved where the host shows them",
    ),
    fact("volume_paths", FactType::Set, "$.DriverOpts", "5.6", "the same, as container.create has it"),
    fact("file_systems", FactType::Set, "$.DriverOpts", "", "see container.create"),
    fact("sensitive_paths", FactType::Set, "$.DriverOpts", "5.6", "see container.create"),
    fact("replaceable_paths", FactType::Set, "$.DriverOpts", "5.6", "see container.create"),
    fact("engine_socket", FactType::Bool, "$.DriverOpts", "5.32", "see container.create"),
    fact("foreign_volumes", FactType::Set, "$.Name", "", "its name, where a service of somebody else's would mount it"),
    fact("labels", FactType::Set, "$.Labels", "", "key=value"),
    fact("cluster", FactType::Bool, "$.ClusterVolumeSpec", "", "a volume of the swarm (CSI)"),
];

/// `volume.update`, for volumes of a swarm only.
pub const UPDATE: &[FactSpec] = &[
    fact("fields", FactType::Set, "$.Spec", "", "names of the fields that the request sets"),
    fact("availability", FactType::String, "$.Spec.Availability", "", "active, pause or drain"),
];

/// `volume.prune`.
pub const PRUNE: &[FactSpec] = &[
    fact("filters", FactType::String, "query:filters", "", "as given"),
    fact("all", FactType::Bool, "query:filters", "", "volumes with names too, as always below API 1.42"),
];

/// `volume.delete`.
pub const DELETE: &[FactSpec] = &[fact(
    "force",
    FactType::Bool,
    "query:force",
    "",
    "also when its driver fails; from API 1.42 on the engine is asked so for volumes of the swarm only",
)];
