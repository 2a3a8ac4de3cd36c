//! Facts of the swarm, its nodes, secrets and configs.

use super::{FactSpec, FactType, fact};

/// `swarm.init`.
pub const INIT: &[FactSpec] = &[
    fact("listen_addr", FactType::String, "$.ListenAddr", "7.9", "address of the management port"),
    fact("advertise_addr", FactType::String, "$.AdvertiseAddr", "", "as given"),
    fact("force_new_cluster", FactType::Bool, "$.ForceNewCluster", "5.1", "makes a new swarm out of this node's state"),
    fact("auto_lock", FactType::Bool, "$.AutoLockManagers, $.Spec", "7.5", "managers need a key after a restart"),
    fact(
        "external_ca",
        FactType::Bool,
        "$.Spec",
        "7.8",
        "certificates come from elsewhere, or the CA's key from the client",
    ),
    fact("fields", FactType::Set, "$.Spec", "7.5 7.8", "parts of the specification that the request sets"),
];

/// `swarm.join`.
pub const JOIN: &[FactSpec] = &[
    fact("remote_addrs", FactType::Set, "$.RemoteAddrs", "", "managers of the swarm that is joined"),
    fact("listen_addr", FactType::String, "$.ListenAddr", "7.9", "address of the management port"),
    fact("advertise_addr", FactType::String, "$.AdvertiseAddr", "", "as given"),
    fact("has_token", FactType::Bool, "$.JoinToken", "", "a token is given; it is never a fact"),
];

/// `swarm.update`.
pub const UPDATE: &[FactSpec] = &[
    fact("auto_lock", FactType::Bool, "$.EncryptionConfig", "7.5", "managers need a key after a restart"),
    fact(
        "external_ca",
        FactType::Bool,
        "$.CAConfig",
        "7.8",
        "certificates come from elsewhere, or the CA's key from the client",
    ),
    fact("fields", FactType::Set, "$", "", "parts of the specification that the request sets"),
    fact(
        "rotate",
        FactType::Set,
        "query:rotateWorkerToken, query:rotateManagerToken, query:rotateManagerUnlockKey",
        "7.6",
        "worker, manager, unlock_key: what is made anew",
    ),
];

/// `node.update`.
pub const NODE_UPDATE: &[FactSpec] = &[
    fact("role", FactType::String, "$.Role", "7.1", "worker or manager"),
    fact("availability", FactType::String, "$.Availability", "", "active, pause or drain"),
    fact("labels", FactType::Set, "$.Labels", "", "key=value"),
];

/// `secret.create` and `secret.update`. The value is never a fact.
pub const SECRET: &[FactSpec] = &[
    fact("name", FactType::String, "$.Name", "", "as given"),
    fact("labels", FactType::Set, "$.Labels", "", "key=value"),
    fact("driver", FactType::String, "$.Driver", "", "secret driver; empty when the value is given"),
    fact("templating", FactType::String, "$.Templating", "", "templating driver; empty when there is none"),
    fact("has_data", FactType::Bool, "$.Data", "7.4", "a value is given; it is never a fact"),
];

/// `config.create` and `config.update`. The value is never a fact.
pub const CONFIG: &[FactSpec] = &[
    fact("name", FactType::String, "$.Name", "", "as given"),
    fact("labels", FactType::Set, "$.Labels", "", "key=value"),
    fact("templating", FactType::String, "$.Templating", "", "templating driver; empty when there is none"),
];
