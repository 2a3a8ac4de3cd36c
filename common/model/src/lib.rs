//! The words of Wharden as types: ids, labels, users, hosts, actions, facts, decisions, bundles and the
//! shapes of the REST API.
//!
//! Place in the path of data: everywhere; every other crate speaks in these types.
//!
//! Must not know: tokio, tonic, sled, Cedar, clocks, randomness. Nothing here does IO.

pub mod action;
pub mod alert;
pub mod api;
pub mod audit;
pub mod break_glass;
pub mod bundle;
pub mod capacity;
pub mod decision;
pub mod facts;
pub mod host;
pub mod id;
pub mod inventory;
pub mod key_id;
pub mod label;
pub mod limits;
pub mod policy;
pub mod step_up;
pub mod time;

pub use action::{Action, ActionGroup, AdminAction};
pub use alert::{AlertFact, AlertState, Severity};
pub use break_glass::{BreakGlassEnd, BreakGlassNotice, BreakGlassPass, BreakGlassStep};
pub use bundle::{Bundle, BundlePolicy, BundleUser, Scope};
pub use decision::{
    Decision, DecisionEvent, Effect, EventQuery, Outcome, PartialFacts, Principal, Resource, ResourceKind,
};
pub use facts::{FactSpec, FactType, FactValue, Facts};
pub use host::{HostReport, Posture, RemoteGuard};
pub use id::{
    AlertId, AlertKind, BootId, ChannelName, ClusterId, CodeId, GroupName, HostId, IdError, PolicyName, RequestId,
    SessionId, TokenId, UserName,
};
pub use key_id::KeyId;
pub use label::{LabelError, Labels};
pub use policy::Mode;
pub use step_up::StepUp;
pub use time::Timestamp;

/// The Raft log index of the last change that affects policy. Grows only; 0 means "never".
pub type Revision = u64;
