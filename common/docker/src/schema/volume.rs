//! Volumes, those of a cluster too.

use crate::json::{EMPTY, Shape, TEXT_MAP, TEXTS};
use Shape::{Int, List, Object, Text};

const TOPOLOGIES: Shape = List(&Object(&[("Segments", TEXT_MAP)]));

const CLUSTER: Shape = Object(&[
    ("Group", Text),
    (
        "AccessMode",
        Object(&[
            ("Scope", Text),
            ("Sharing", Text),
            ("MountVolume", Object(&[("FsType", Text), ("MountFlags", TEXTS)])),
            ("BlockVolume", EMPTY),
        ]),
    ),
    ("AccessibilityRequirements", Object(&[("Requisite", TOPOLOGIES), ("Preferred", TOPOLOGIES)])),
    ("CapacityRange", Object(&[("RequiredBytes", Int), ("LimitBytes", Int)])),
    ("Secrets", List(&Object(&[("Key", Text), ("Secret", Text)]))),
    ("Availability", Text),
]);

pub const CREATE: Shape = Object(&[
    ("Name", Text),
    ("Driver", Text),
    ("DriverOpts", TEXT_MAP),
    ("Labels", TEXT_MAP),
    ("ClusterVolumeSpec", CLUSTER),
]);

pub const UPDATE: Shape = Object(&[("Spec", CLUSTER)]);
