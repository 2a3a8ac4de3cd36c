//! Use cases: who is this, may they, is it valid; then one change is proposed or one answer given.
//!
//! One file a noun. Nothing here knows HTTP.

mod access;
mod account;
mod admin_test;
mod alerts;
mod backup;
mod capacity;
mod channels;
mod cluster;
mod cluster_key;
mod compiled;
mod directory;
mod docker;
mod doctor;
mod enrolment;
mod error;
mod everywhere;
mod explain;
mod guard;
mod hosts;
mod inventory;
mod judgement;
mod key_gauges;
mod login;
mod packs;
mod policies;
mod policy_test;
mod records;
mod service_accounts;
mod sessions;
mod signing;
mod simulate;
mod step_up;
mod suggest;
mod tokens;
mod workbench;

pub use access::Caller;
pub(crate) use alerts::alert_of;
pub use backup::Backup;
pub use compiled::Access;
pub use error::AppError;
pub use key_gauges::key_gauges;
pub(crate) use records::record_of;
pub use step_up::Shown;
pub use workbench::Workbench;

use crate::{
    alerts::{Alerts, AlertsConfig, Sight},
    auth::source::Sources,
    backup::Recipients,
    capacity::Watch,
    copies::Reader,
    events::EventStore,
    fleet::Fleet,
    keys::Keys,
    limits,
    raft::{ProposeError, Raft, new_request_id, request_id_of},
};
use sha2::{Digest, Sha256};
use std::{net::IpAddr, sync::Arc};
use wharden_model::{RequestId, Revision, Timestamp};
use wharden_runtime::{clock::Clock, ready::Readiness};
use wharden_state::{Actor, Applied, Command, Entry, LEVEL_REQUEST, Origin, Rejection, State};

/// Everything that a use case works with.
pub struct App {
    pub raft: Raft,
    pub keys: Arc<Keys>,
    pub clock: Arc<dyn Clock>,
    pub fleet: Fleet,
    pub events: EventStore,
    /// Reads the events of all controllers.
    pub reader: Reader,
    pub readiness: Readiness,
    /// Attempts at what costs a password hash.
    pub sources: Sources,
    /// Requests without a session.
    pub visitors: Sources,
    pub access: Access,
    pub started_at: Timestamp,
    /// Whom backups are encrypted to.
    pub backup_recipients: Recipients,
    /// How the cluster is looked at.
    pub sight: Sight,
    pub alerts_config: AlertsConfig,
    pub alerts: Alerts,
    /// Room on the hosts of this controller.
    pub capacity: Watch,
    /// Where policy texts are checked and tried.
    pub workbench: Workbench,
}

impl App {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    /// Lets a request without a session in, unless its address had too many.
    ///
    /// # Errors
    /// [`AppError::TooMany`].
    pub fn visit(&self, source: IpAddr) -> Result<(), AppError> {
        self.visitors.take(source, self.now()).map_err(|seconds| AppError::TooMany { seconds })
    }

    /// True when the key that an access token names is known here, without asking another controller.
    pub fn knows_key_of(&self, token: &str) -> bool {
        self.keys.access(&self.state()).is_ok_and(|keys| keys.knows(token))
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.raft.state()
    }

    /// Proposes a change in the name of the caller, under the id of its request.
    async fn change(&self, caller: &Caller, command: Command) -> Result<Applied, AppError> {
        Ok(self.propose(caller, command, 0, None).await?)
    }

    /// Sees to it that a secret which was drawn for a change is the one that the state knows: of a request that was made before under its
    /// id, it is the first one's, which is told once.
    fn is_known(&self, secret: impl FnOnce(&State) -> bool) -> Result<(), AppError> {
        if secret(&self.state()) {
            return Ok(());
        }
        Err(AppError::Conflict {
            message:
                "this was done before, under the same X-Request-Id, and the secret that was made then is told once"
                    .to_owned(),
            hint: "ask again under another X-Request-Id: what is made then takes the place of the other",
        })
    }

    /// The same as one of several attempts, on condition that policy is at this revision. A recovery code whose hash was made anew
    /// meanwhile is shown again.
    async fn propose(
        &self,
        caller: &Caller,
        command: Command,
        attempt: usize,
        if_revision: Option<Revision>,
    ) -> Result<Applied, ProposeError> {
        let entry = Entry { if_revision, ..self.entry(caller, command.clone(), attempt) };
        match self.raft.propose_entry(entry).await {
            Err(ProposeError::Rejected(why @ Rejection::StepUp { used: false })) => {
                let again = self.shown_anew(caller).ok_or(why)?;
                let entry = self.entry(&again, command, limits::GUARDED_TRIES + attempt);
                self.raft.propose_entry(Entry { if_revision, ..entry }).await
            }
            other => other,
        }
    }

    /// Proposes a change of somebody without a session.
    async fn propose_from(&self, source: IpAddr, actor: Actor, command: Command) -> Result<Applied, AppError> {
        let origin = Origin { source: Some(source.to_string()), session: None, step_up: None, request: None };
        let entry = Entry {
            request_id: new_request_id(),
            actor,
            issued_at: self.now(),
            if_revision: None,
            origin: Some(origin),
            command,
        };
        Ok(self.raft.propose_entry(entry).await?)
    }

    /// The change as it goes into the log, with the code that came with the request. Under the id of the request, so that a
    /// retry is done once, whichever attempt of the first one it was that was made.
    fn entry(&self, caller: &Caller, command: Command, attempt: usize) -> Entry {
        let request_id = match command {
            // What is only noted down is noted each time: what it is about happens outside of the state.
            Command::Audit(_) => new_request_id(),
            _ => attempt_id(&caller.request_id, attempt),
        };
        let mut origin = caller.origin();
        if request_id != caller.request_id && self.state().level >= LEVEL_REQUEST {
            origin.request = Some(caller.request_id.clone());
        }
        Entry {
            request_id,
            actor: caller.actor(),
            issued_at: self.now(),
            if_revision: None,
            origin: Some(origin),
            command,
        }
    }
}

/// The id of a further attempt of a request.
fn attempt_id(request: &RequestId, attempt: usize) -> RequestId {
    if attempt == 0 {
        return request.clone();
    }
    let hash = Sha256::new_with_prefix(format!("wharden attempt {attempt}\n{request}"));
    request_id_of(hash).unwrap_or_else(|_| request.clone())
}
