//! Commands: what can be asked of the state, one file a noun. A new kind of change is a new variant; a variant, once
//! released, keeps its form.

mod account;
mod alert;
mod capacity;
mod cluster;
mod controller;
mod directory;
mod docker;
mod host;
mod key;
mod policy;
mod service;

pub use account::{AccountCommand, DeviceProof, FirstPolicy, Proof, SessionCommand};
pub use alert::{AlertCommand, ChannelCommand, Delivery};
pub use capacity::CapacityCommand;
pub use cluster::{AuditCommand, ClusterCommand};
pub use controller::ControllerCommand;
pub use directory::{GroupCommand, UserCommand};
pub use docker::DockerCommand;
pub use host::{HostCommand, TokenCommand};
pub use key::{KeyCommand, Resealed, SealedRecord};
pub use policy::{PolicyCommand, PolicyOrigin};
pub use service::ServiceCommand;

use serde::{Deserialize, Serialize};

/// One change, by noun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Cluster(ClusterCommand),
    Account(AccountCommand),
    Session(SessionCommand),
    User(UserCommand),
    Group(GroupCommand),
    Token(TokenCommand),
    Host(HostCommand),
    Policy(PolicyCommand),
    Audit(AuditCommand),
    Docker(DockerCommand),
    Controller(ControllerCommand),
    Service(ServiceCommand),
    Alert(AlertCommand),
    Channel(ChannelCommand),
    Capacity(CapacityCommand),
    Key(KeyCommand),
}

/// What the audit says of a command. Secrets are not in here, nor their hashes.
#[derive(Clone)]
pub(crate) struct Line {
    pub action: String,
    pub resource: String,
    pub detail: String,
}

impl Line {
    pub(crate) fn new(action: &str, resource: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { action: action.to_owned(), resource: resource.into(), detail: detail.into() }
    }
}

impl Command {
    /// The audit line of this command; `None` for routine that the audit leaves out (refreshes, renewals).
    pub(crate) fn line(&self) -> Option<Line> {
        match self {
            Self::Cluster(c) => Some(c.line()),
            Self::Account(c) => Some(c.line()),
            Self::Session(c) => c.line(),
            Self::User(c) => Some(c.line()),
            Self::Group(c) => Some(c.line()),
            Self::Token(c) => Some(c.line()),
            Self::Host(c) => c.line(),
            Self::Policy(c) => Some(c.line()),
            Self::Audit(c) => Some(c.line()),
            Self::Docker(c) => Some(c.line()),
            Self::Controller(c) => Some(c.line()),
            Self::Service(c) => Some(c.line()),
            Self::Alert(c) => c.line(),
            Self::Channel(c) => Some(c.line()),
            Self::Capacity(c) => Some(c.line()),
            Self::Key(c) => c.line(),
        }
    }
}
