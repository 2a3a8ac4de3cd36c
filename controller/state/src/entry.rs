//! What goes into the log and what comes out of it.

use crate::command::{Command, Proof};
use serde::{Deserialize, Serialize};
use std::fmt;
use wharden_model::{HostId, PolicyName, RequestId, Revision, SessionId, Timestamp, UserName};

/// Who wants a change. It was authenticated and authorised before the entry was proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// An admin with a session.
    User(UserName),
    /// A host with its certificate, or about to get one.
    Host(HostId),
    /// Somebody who has not logged in yet: login, enrolment.
    Anonymous,
    /// The controller itself.
    System,
    /// An account without a person, with its key.
    Service(UserName),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Host(id) => write!(f, "host {id}"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::System => f.write_str("system"),
            Self::Service(name) => write!(f, "service account {name}"),
        }
    }
}

/// One change: who, when, what. Stamped once, by whoever proposes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// A second entry with the same id changes nothing and gets the first one's reply.
    pub request_id: RequestId,
    /// Who.
    pub actor: Actor,
    /// When, by the proposer's clock.
    pub issued_at: Timestamp,
    /// Rejected unless this is still the revision of policy: what the proposer checked must still hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<Revision>,
    /// From where, and how that was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What.
    pub command: Command,
}

impl Entry {
    /// The session that it came from.
    pub fn session(&self) -> Option<&SessionId> {
        self.origin.as_ref()?.session.as_ref()
    }
}

/// The request that an entry came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Address that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The actor's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// A second factor that came with this one request. It is consumed together with the command, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<Proof>,
    /// The id of the request, where the entry has another one: of what was refused, so that the request can come again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
}

/// One entry of the Raft log: changes that were proposed together, applied one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Batch(pub Vec<Entry>);

/// The replies to a [`Batch`], in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replies(pub Vec<Reply>);

/// What became of an entry.
pub type Reply = Result<Applied, Rejection>;

/// An entry that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// Nothing to say about it.
    Done,
    /// A policy was stored.
    Policy { version: u64, revision: Revision },
    /// A host was enrolled.
    Host { id: HostId },
    /// A session was opened.
    Session { recovery_codes_left: u32 },
    /// A refresh token was shown a second time; the session was ended.
    SessionReuse,
    /// A controller got its number.
    Controller { number: u64 },
}

/// An entry that a rule of the domain refused. Nothing changed but the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    #[error("the cluster is initialised already")]
    Initialised,
    #[error("the cluster is not initialised")]
    NotInitialised,
    #[error("there is no {kind} {name:?}")]
    NotFound { kind: Kind, name: String },
    #[error("there is a {kind} {name:?} already")]
    Exists { kind: Kind, name: String },
    #[error("policy {name} is at version {actual}, not {expected}")]
    VersionMoved { name: PolicyName, expected: u64, actual: u64 },
    #[error("policy changed meanwhile")]
    RevisionMoved,
    #[error("there are {max} {what} already, which is the limit")]
    Limit { what: Kind, max: usize },
    #[error("the token or invite is not valid")]
    BadToken,
    #[error("the token expired")]
    TokenExpired,
    #[error("the token has no uses left")]
    TokenUsedUp,
    #[error("wrong user name, password or code")]
    BadCredentials,
    #[error("the code was used already")]
    CodeUsed,
    #[error("too many failed logins; try again in {seconds} s")]
    Locked { seconds: u64 },
    #[error("the session has ended")]
    SessionEnded,
    #[error("host {0} is revoked")]
    Revoked(HostId),
    #[error("it is in use: {0}")]
    InUse(String),
    #[error("too many certificates in an hour; try again in {seconds} s")]
    TooMany { seconds: u64 },
    #[error("{}", if *.used { "the code was used already: each works once, wait for the next" } else { "the code is not good" })]
    StepUp { used: bool },
    #[error("the change of controller {number} is still under way: one change at a time")]
    Changing { number: u64 },
    #[error("controller {number} is no learner")]
    NoLearner { number: u64 },
    #[error("it is the last controller with a vote")]
    LastController,
    #[error("the next controller is number {next}")]
    NotNext { next: u64 },
    #[error("controller {number} has another certificate")]
    OtherCertificate { number: u64 },
    #[error("user {0} has an account")]
    HasAccount(UserName),
    #[error("the key was rotated meanwhile")]
    KeyMoved,
    #[error("the alert is over")]
    AlertOver,
    #[error("a change of the cluster key is under way: one at a time")]
    KeyChanging,
    #[error("controller {number} does not hold the new cluster key")]
    NotHeld { number: u64 },
    #[error("{left} values are still sealed with the cluster key before")]
    NotResealed { left: u64 },
}

/// Kinds of things that a rejection speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    User,
    Group,
    Member,
    Token,
    Invite,
    Host,
    Policy,
    Version,
    Session,
    DockerSession,
    Controller,
    Code,
    RetiredKey,
    ServiceAccount,
    Alert,
    Channel,
    Thresholds,
    FormerKey,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Member => "member",
            Self::Token => "join token",
            Self::Invite => "invite",
            Self::Host => "host",
            Self::Policy => "policy",
            Self::Version => "version",
            Self::Session => "session",
            Self::DockerSession => "sessions with certificates for Docker",
            Self::Controller => "controller",
            Self::Code => "join code of controllers",
            Self::ServiceAccount => "service account",
            Self::Alert => "alert",
            Self::Channel => "channel",
            Self::Thresholds => "set of thresholds",
            Self::FormerKey => "former cluster keys",
            Self::RetiredKey => "signing keys whose tokens have not ended",
        })
    }
}

/// What changed, for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Policies, groups, users or scopes: bundles may differ from this revision on.
    Policy(Revision),
    /// A host may not come back.
    HostRevoked(HostId),
    /// A session is over.
    SessionEnded(SessionId),
    /// Controllers came or went, or are reached elsewhere.
    Controllers,
}
