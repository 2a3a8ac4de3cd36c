//! Facts of what is done to the engine itself, its plugins among it.

use super::{FactSpec, FactType, fact};

/// What only has a `force`.
pub const FORCE: &[FactSpec] = &[fact("force", FactType::Bool, "query:force", "2.12", "also while it is in use")];

/// `container.prune`, `image.prune` and `network.prune`.
pub const PRUNE: &[FactSpec] = &[fact("filters", FactType::String, "query:filters", "", "as given")];

/// `plugin.pull`, `plugin.upgrade` and `plugin.privileges`.
pub const PLUGIN_PULL: &[FactSpec] = &[
    fact("remote", FactType::String, "query:remote", "", "reference of the plugin, as the engine reads it"),
    fact("remote_registry", FactType::String, "query:remote", "", "e.g. docker.io"),
    fact("remote_repository", FactType::String, "query:remote", "", "e.g. vieux/sshfs"),
    fact("name", FactType::String, "query:name", "", "local name asked for"),
    fact("privileges", FactType::Set, "body[] {Name,Value}", "", "granted: name=value,value"),
];

/// `plugin.create`. Nothing of the archive is judged: it may ask for any privilege, without a prompt.
pub const PLUGIN_CREATE: &[FactSpec] = &[
    fact("name", FactType::String, "query:name", "", "as given"),
    fact("content_unread", FactType::Bool, "tar:config.json", "", "always true: nothing of the archive was judged"),
];

/// `plugin.set`.
pub const PLUGIN_SET: &[FactSpec] = &[
    fact("settings", FactType::Set, "body[]", "", "names of the settings"),
    fact(
        "host_paths",
        FactType::Set,
        "body[]",
        "",
        "values of NAME.source and NAME.path, which are paths on the host, cleaned",
    ),
];

/// `plugin.enable`.
pub const PLUGIN_ENABLE: &[FactSpec] = &[fact("timeout", FactType::Long, "query:timeout", "", "seconds")];

/// `system.auth`.
pub const AUTH: &[FactSpec] = &[
    fact("server", FactType::String, "$.serveraddress", "", "registry that the credentials are tried at"),
    fact("has_password", FactType::Bool, "$.password", "", "a password is given; it is never a fact"),
];
