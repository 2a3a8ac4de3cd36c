use super::{process::Process, remote::Remote};
use wharden_model::UserName;

/// The other end of a connection.
#[derive(Debug)]
pub enum Peer {
    /// A process of this machine, on the unix socket.
    Process(Process),
    /// A user elsewhere, on TCP.
    Remote(Remote),
}

/// Whose connections are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    Uid(u32),
    User(UserName),
    ServiceAccount(UserName),
}

impl Peer {
    /// Whose connection it is.
    pub fn holder(&self) -> Holder {
        match self {
            Self::Process(process) => Holder::Uid(process.counted_as),
            Self::Remote(remote) if remote.is_service_account => Holder::ServiceAccount(remote.user.clone()),
            Self::Remote(remote) => Holder::User(remote.user.clone()),
        }
    }

    /// The OS user of this machine, where it is one: nobody elsewhere has the rights of somebody here.
    pub fn uid(&self) -> Option<u32> {
        match self {
            Self::Process(process) => Some(process.uid),
            Self::Remote(_) => None,
        }
    }

    /// What it is called while nothing better is known.
    pub fn name(&self) -> String {
        match self {
            Self::Process(process) => format!("uid:{}", process.uid),
            Self::Remote(remote) => remote.user.to_string(),
        }
    }
}
