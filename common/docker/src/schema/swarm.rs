//! The swarm and its nodes.

use super::mount::DRIVER;
use crate::json::{Shape, TEXT_MAP, TEXTS};
use Shape::{Bool, Int, List, Object, Text, Uint};

pub const SPEC: Shape = Object(&[
    ("Name", Text),
    ("Labels", TEXT_MAP),
    ("Orchestration", Object(&[("TaskHistoryRetentionLimit", Int)])),
    (
        "Raft",
        Object(&[
            ("SnapshotInterval", Uint),
            ("KeepOldSnapshots", Uint),
            ("LogEntriesForSlowFollowers", Uint),
            ("ElectionTick", Int),
            ("HeartbeatTick", Int),
        ]),
    ),
    ("Dispatcher", Object(&[("HeartbeatPeriod", Int)])),
    (
        "CAConfig",
        Object(&[
            ("NodeCertExpiry", Int),
            (
                "ExternalCAs",
                List(&Object(&[("Protocol", Text), ("URL", Text), ("Options", TEXT_MAP), ("CACert", Text)])),
            ),
            ("SigningCACert", Text),
            ("SigningCAKey", Text),
            ("ForceRotate", Uint),
        ]),
    ),
    ("TaskDefaults", Object(&[("LogDriver", DRIVER)])),
    ("EncryptionConfig", Object(&[("AutoLockManagers", Bool)])),
]);

pub const INIT: Shape = Object(&[
    ("ListenAddr", Text),
    ("AdvertiseAddr", Text),
    ("DataPathAddr", Text),
    ("DataPathPort", Uint),
    ("ForceNewCluster", Bool),
    ("Spec", SPEC),
    ("AutoLockManagers", Bool),
    ("Availability", Text),
    ("DefaultAddrPool", TEXTS),
    ("SubnetSize", Uint),
]);

pub const JOIN: Shape = Object(&[
    ("ListenAddr", Text),
    ("AdvertiseAddr", Text),
    ("DataPathAddr", Text),
    ("RemoteAddrs", TEXTS),
    ("JoinToken", Text),
    ("Availability", Text),
]);

pub const UNLOCK: Shape = Object(&[("UnlockKey", Text)]);

pub const NODE: Shape = Object(&[("Name", Text), ("Labels", TEXT_MAP), ("Role", Text), ("Availability", Text)]);
