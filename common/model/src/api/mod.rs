//! The shapes of the REST API, one file a noun. Requests with unknown fields are refused by name;
//! answers may gain fields, which older clients do not look at.
//!
//! Every answer that is not 2xx has an [`ErrorBody`]. Times are milliseconds since the epoch.

mod advice;
mod alert;
mod audit;
mod auth;
mod capacity;
mod cluster;
mod directory;
mod docker;
mod doctor;
mod error;
mod event;
mod host;
mod inventory;
mod key;
mod policy;
mod secret;
mod service;
mod session;
mod status;
mod suggest;
mod token;

pub use advice::{Advice, ChangeOp, Explanation, Miss, MissPart, NamedDocument, NearMiss, Remedy, RequestChange};
pub use alert::{
    Acknowledge, Alert, Channel, ChannelTarget, ChannelTested, CreatedChannel, MailSecurity, NewChannel, NewTarget,
    Snooze,
};
pub use audit::{AuditCheckpoint, AuditPage, AuditRecord, AuditVerdict};
pub use auth::{
    Enrolment, EnrolmentComplete, EnrolmentStart, Invite, Login, PasswordChange, RecoveryCodes, Refresh, SessionTokens,
    StepUp, WhoAmI,
};
pub use capacity::{
    AcceptedMove, CapacityAdvice, CapacityExplanation, CapacityForecast, CapacityHappening, CapacityHistory,
    CapacityRecord, CapacitySnooze, CapacityStatus, CapacityThresholds, MovePreview, MoveStep, NamedThresholds,
};
pub use cluster::{Controller, ControllerCode, Controllers, NewControllerCode};
pub use directory::{FailedFrom, FailedLogins, Group, NewGroup, NewUser, User, UserPatch};
pub use docker::{DockerCertificate, DockerHost, NewDockerCertificate};
pub use doctor::{Check, Diagnosis, Problem};
pub use error::{ErrorBody, ErrorCode, ErrorDetail, SESSION_OVER};
pub use event::EventPage;
pub use host::{Host, HostPatch, HostStatus};
pub use inventory::{InventoryHost, InventoryItem, InventoryPage, InventoryQuery};
pub use key::{ClusterKeyStatus, KeyHolder, KeyStep, Keys, SigningKey};
pub use policy::{
    AdminTestRequest, AdminTestResult, ApplyPack, DockerRequest, NoReplay, NotReplayed, Pack, Policy, PolicyPut,
    PolicyText, PolicyVersion, PolicyVersionDraft, RollbackTo, SimulateRequest, SimulatedChange, Simulation,
    TestRequest, TestResult, Validation, ValidationIssue,
};
pub use secret::Secret;
pub use service::{CreatedServiceAccount, NewServiceAccount, RotateServiceAccount, ServiceAccount};
pub use session::{RevokeSessions, RevokedSessions, RotatedKey, Session};
pub use status::{ClusterStatus, ControllerStatus, Version};
pub use suggest::{PolicySuggestion, SuggestRequest, Wildcard};
pub use token::{CreatedToken, JoinToken, NewToken};
