//! The canonical form of a request: what is judged, and what is sent on.

use crate::{
    endpoint::ResponseKind,
    refusal::Refusal,
    request::Framing,
    view::{Lookup, View},
};
use wharden_model::{Action, Facts, HostId, Resource};

/// Who asks, where, and what must stay out of reach there.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Name of the principal: the owner of what it creates.
    pub owner: &'a str,
    /// The host.
    pub host_id: &'a HostId,
    /// Paths of the sockets of the engine and of the guard.
    pub sockets: &'a [String],
}

/// A request in canonical form.
#[derive(Clone, Debug)]
pub struct Canonical {
    action: Action,
}

/// The body to send on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardBody {
    /// None.
    Empty,
    /// Exactly these bytes: canonical JSON.
    Bytes(Vec<u8>),
    /// The client's, as it comes, framed as `head` says.
    Stream(Framing),
}

/// What to decide on, and what to send if it is allowed.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The action.
    pub action: Action,
    /// At least one. Every one must be allowed.
    pub resources: Vec<Resource>,
    /// All facts of the action.
    pub facts: Facts,
    /// Request line and headers for the engine, up to and with the empty line.
    pub head: Vec<u8>,
    /// The body for the engine.
    pub body: ForwardBody,
    /// What the answer is.
    pub response: ResponseKind,
}

impl Canonical {
    /// The action.
    pub fn action(&self) -> Action {
        self.action
    }

    /// For people: method and canonical path, e.g. `POST /v1.41/containers/create`.
    pub fn describe(&self) -> String {
        String::new()
    }

    /// What must be looked up before judging.
    pub fn lookups(&self) -> Vec<Lookup> {
        Vec::new()
    }

    /// What must be looked up because of what was found: the container of an exec, the volumes of a container. Ask
    /// again until everything that it names has been tried.
    pub fn follow_ups(&self, view: &View) -> Vec<Lookup> {
        let _ = view;
        Vec::new()
    }

    /// What to decide on and what to send on.
    ///
    /// # Errors
    /// 404 for what does not exist, 400 for what contradicts what exists.
    pub fn judge(&self, view: &View, asker: &Asker<'_>) -> Result<Judged, Refusal> {
        let _ = (view, asker);
        Err(Refusal::with(501, "not yet"))
    }
}
