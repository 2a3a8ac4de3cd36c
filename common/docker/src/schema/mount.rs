//! A mount, as containers and services ask for it.

use crate::json::{EMPTY, Shape, TEXT_MAP};
use Shape::{Bool, Int, List, Object, Text, Uint};

pub const DRIVER: Shape = Object(&[("Name", Text), ("Options", TEXT_MAP)]);

pub const MOUNT: Shape = Object(&[
    ("Type", Text),
    ("Source", Text),
    ("Target", Text),
    ("ReadOnly", Bool),
    ("Consistency", Text),
    (
        "BindOptions",
        Object(&[
            ("Propagation", Text),
            ("NonRecursive", Bool),
            ("CreateMountpoint", Bool),
            ("ReadOnlyNonRecursive", Bool),
            ("ReadOnlyForceRecursive", Bool),
        ]),
    ),
    ("VolumeOptions", Object(&[("NoCopy", Bool), ("Labels", TEXT_MAP), ("Subpath", Text), ("DriverConfig", DRIVER)])),
    ("ImageOptions", Object(&[("Subpath", Text)])),
    ("TmpfsOptions", Object(&[("SizeBytes", Int), ("Mode", Uint), ("Options", List(&List(&Text)))])),
    ("ClusterOptions", EMPTY),
]);
