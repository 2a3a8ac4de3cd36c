//! What the Engine decodes from the body of each action: the union of API versions 1.24 to the newest (moby
//! `api/types`, and `api/swagger.yaml` of 1.56), and what the usual clients add to it.

mod container;
mod mount;
mod network;
mod service;
mod swarm;
mod various;
mod volume;

use crate::json::Shape;
pub use container::ULIMITS;
use wharden_model::Action;

/// The shape of the body of an action; `None` when it has no JSON body.
pub fn body(action: Action) -> Option<&'static Shape> {
    Some(match action {
        Action::ContainerCreate => &container::CREATE,
        Action::ContainerUpdate => &container::UPDATE,
        Action::ContainerExec => &container::EXEC,
        Action::ContainerCommit => &container::COMMIT,
        Action::ContainerCheckpointCreate => &container::CHECKPOINT,
        Action::ExecStart => &container::EXEC_START,
        Action::ImagePush => &various::AUTH,
        Action::SystemAuth => &various::AUTH,
        Action::VolumeCreate => &volume::CREATE,
        Action::VolumeUpdate => &volume::UPDATE,
        Action::NetworkCreate => &network::CREATE,
        Action::NetworkConnect => &network::CONNECT,
        Action::NetworkDisconnect => &network::DISCONNECT,
        Action::PluginPull | Action::PluginUpgrade => &various::PLUGIN_PRIVILEGES,
        Action::PluginSet => &various::PLUGIN_SETTINGS,
        Action::NodeUpdate => &swarm::NODE,
        Action::SwarmInit => &swarm::INIT,
        Action::SwarmJoin => &swarm::JOIN,
        Action::SwarmUpdate => &swarm::SPEC,
        Action::SwarmUnlock => &swarm::UNLOCK,
        Action::ServiceCreate | Action::ServiceUpdate => &service::SPEC,
        Action::SecretCreate | Action::SecretUpdate => &various::SECRET,
        Action::ConfigCreate | Action::ConfigUpdate => &various::CONFIG,
        _ => return None,
    })
}

/// Whether the Engine serves the route without a body.
pub fn optional(action: Action) -> bool {
    matches!(
        action,
        Action::ContainerCommit | Action::ImagePush | Action::PluginPull | Action::PluginUpgrade | Action::VolumeCreate
    )
}
