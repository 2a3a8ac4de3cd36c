//! What goes over the simulated network: what controllers say to each other, and what clients say to them.

use crate::history::{Call, Key, Outcome};
use wharden_controller::peers::{Reply, Request};
use wharden_model::RequestId;
use wharden_state::{Applied, Command, Controllers, Rejection};

/// At one end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    Node(u64),
    Client(u64),
}

impl Party {
    pub fn node(self) -> Option<u64> {
        match self {
            Self::Node(number) => Some(number),
            Self::Client(_) => None,
        }
    }
}

#[derive(Clone)]
pub enum Ask {
    Peer(Box<Request>),
    /// A change under this id, however often it is asked for.
    Write {
        request: RequestId,
        command: Box<Command>,
    },
    /// What is there now.
    Read(Key),
    Members,
}

impl Ask {
    /// A call of a client.
    pub fn of(request: RequestId, key: Key, call: &Call) -> Self {
        match call.command(key) {
            Some(command) => Self::Write { request, command: Box::new(command) },
            None => Self::Read(key),
        }
    }
}

pub enum Told {
    Peer(Reply),
    Wrote(Result<Applied, Rejection>),
    Seen(Outcome),
    Members(Controllers),
    /// It could not; a change may have happened all the same.
    Unavailable,
    /// Nobody listens there.
    Down,
    /// It does not know the caller.
    Stranger,
}
