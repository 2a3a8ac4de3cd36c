//! Use cases: who is this, may they, is it valid; then one change is proposed or one answer given.
//!
//! One file a noun. Nothing here knows HTTP.

mod access;
mod account;
mod alerts;
mod backup;
mod capacity;
mod channels;
mod cluster;
mod cluster_key;
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

pub use access::{Access, Caller};
pub(crate) use alerts::alert_of;
pub use backup::Backup;
pub use error::AppError;
pub(crate) use records::record_of;
pub use step_up::Shown;
pub use workbench::Workbench;

use crate::{
    alerts::{AlertsConfig, Sight},
    auth::source::Sources,
    backup::Recipients,
    capacity::Watch,
    copies::Reader,
    events::EventStore,
    fleet::Fleet,
    keys::Keys,
    raft::Raft,
};
use std::sync::Arc;
use wharden_model::Timestamp;
use wharden_runtime::{clock::Clock, ready::Readiness};
use wharden_state::{Applied, Command, Entry, State};

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
    pub fn visit(&self, source: std::net::IpAddr) -> Result<(), AppError> {
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
        Ok(self.raft.propose_entry(self.entry(caller, command)).await?)
    }

    /// The change as it goes into the log, with the code that came with the request.
    fn entry(&self, caller: &Caller, command: Command) -> Entry {
        Entry {
            request_id: caller.request_id.clone(),
            actor: caller.actor(),
            issued_at: self.now(),
            if_revision: None,
            origin: Some(caller.origin()),
            command,
        }
    }
}
