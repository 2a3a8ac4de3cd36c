//! The one function that changes the state.

use crate::{
    access::{Invite, User},
    alert::{Alert, Channel},
    audit::{AuditLog, AuditRecord},
    capacity::ThresholdsHeld,
    cluster::Cluster,
    command::{AuditCommand, Command, Line},
    controller::Controllers,
    directory::Group,
    docker::{DockerSession, Issues},
    ended::EndedSession,
    entry::{Applied, Change, Entry, Rejection, Reply},
    hex::Hex,
    host::Host,
    lockout::Failures,
    policy::Policy,
    replies::RecentReplies,
    sealing::Sealing,
    service::ServiceAccount,
    session::Session,
    shared::Shared,
    token::JoinToken,
    witness::Witness,
};
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use wharden_model::{
    AlertId, ChannelName, GroupName, HostId, PolicyName, Revision, SessionId, Timestamp, TokenId, UserName,
    capacity::ThresholdName,
};

/// Everything that the controllers agree on. Cloning costs nothing; readers work on a clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub cluster: Option<Cluster>,
    /// Which cluster keys there are; `None` until the first change of a key that has no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<Sealing>,
    /// Log index of the last change that affects policy.
    pub policy_revision: Revision,
    pub users: OrdMap<UserName, Shared<User>>,
    pub groups: OrdMap<GroupName, Shared<Group>>,
    pub sessions: OrdMap<SessionId, Shared<Session>>,
    /// Those that are over, the newest last.
    #[serde(default, skip_serializing_if = "Vector::is_empty")]
    pub(crate) ended_sessions: Vector<EndedSession>,
    /// By the hash of the invite.
    pub invites: OrdMap<Hex, Invite>,
    /// By the name that was tried, whether or not there is such a user.
    pub failures: OrdMap<String, Failures>,
    /// By the address, or by the /64 network of an IPv6 address.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub source_failures: OrdMap<String, Failures>,
    pub tokens: OrdMap<TokenId, Shared<JoinToken>>,
    pub hosts: OrdMap<HostId, Shared<Host>>,
    pub policies: OrdMap<PolicyName, Shared<Policy>>,
    /// Sessions with certificates for Docker that have not ended.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub docker_sessions: OrdMap<SessionId, Shared<DockerSession>>,
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub docker_issues: OrdMap<UserName, Issues>,
    #[serde(default, skip_serializing_if = "Controllers::is_empty")]
    pub controllers: Controllers,
    /// Times that the cluster was restored from a backup. Agents turn their back on a controller of an earlier epoch.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u64,
    /// What all controllers can do.
    #[serde(default, skip_serializing_if = "crate::level::is_none")]
    pub level: u32,
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub service_accounts: OrdMap<UserName, Shared<ServiceAccount>>,
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub alerts: OrdMap<AlertId, Shared<Alert>>,
    /// Alerts that there was no room for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub alerts_dropped: u64,
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub channels: OrdMap<ChannelName, Shared<Channel>>,
    /// When hosts have too much to carry.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub thresholds: OrdMap<ThresholdName, Shared<ThresholdsHeld>>,
    pub audit: AuditLog,
    pub(crate) replies: RecentReplies,
}

/// What never happened is written as it was before it could happen.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What an application knows besides the state.
pub(crate) struct Context<'a> {
    pub index: u64,
    pub at: Timestamp,
    pub entry: &'a Entry,
    pub changes: Vec<Change>,
}

impl Context<'_> {
    /// Notes that bundles may differ from here on.
    pub fn policy_changed(&mut self) {
        self.changes.push(Change::Policy(self.index));
    }
}

impl State {
    /// Applies one entry of the log entry at `index`. Total: a refusal is a reply, never an error. The reply says
    /// what the first entry with this request id became; the changes are those of this call only.
    pub fn apply(&mut self, index: u64, entry: &Entry) -> (Reply, Vec<Change>) {
        if let Some(reply) = self.replies.to(entry) {
            return (reply.clone(), Vec::new());
        }
        let (lines, witness) = (self.lines(entry), self.witness(entry));
        let mut next = self.clone();
        let mut context = Context { index, at: entry.issued_at, entry, changes: Vec::new() };
        let reply = next.step_up(&context).and_then(|()| next.dispatch(&mut context));
        let changes = match &reply {
            Ok(_) => {
                *self = next;
                if context.changes.iter().any(|c| matches!(c, Change::Policy(_))) {
                    self.policy_revision = index;
                }
                context.changes
            }
            Err(_) => Vec::new(),
        };
        self.record(entry, &reply, lines, &witness);
        self.replies.remember(entry, reply.clone());
        (reply, changes)
    }

    fn dispatch(&mut self, context: &mut Context<'_>) -> Reply {
        if self.cluster.is_none() && !matches!(context.entry.command, Command::Cluster(_)) {
            return Err(Rejection::NotInitialised);
        }
        if context.entry.if_revision.is_some_and(|revision| revision != self.policy_revision) {
            return Err(Rejection::RevisionMoved);
        }
        self.check_author(context)?;
        self.check_sealed(&context.entry.command)?;
        match &context.entry.command {
            Command::Cluster(c) => self.apply_cluster(context, c),
            Command::Account(c) => self.apply_account(context, c),
            Command::Session(c) => self.apply_session(context, c),
            Command::User(c) => self.apply_user(context, c),
            Command::Group(c) => self.apply_group(context, c),
            Command::Token(c) => self.apply_token(context, c),
            Command::Host(c) => self.apply_host(context, c),
            Command::Policy(c) => self.apply_policy(context, c),
            Command::Audit(AuditCommand::Refused { .. } | AuditCommand::Done { .. }) => Ok(Applied::Done),
            Command::Docker(c) => self.apply_docker(context, c),
            Command::Controller(c) => self.apply_controller(context, c),
            Command::Service(c) => self.apply_service(context, c),
            Command::Alert(c) => self.apply_alert(context, c),
            Command::Channel(c) => self.apply_channel(context, c),
            Command::Capacity(c) => self.apply_capacity(context, c),
            Command::Key(c) => self.apply_key(context, c),
        }
    }

    fn record(&mut self, entry: &Entry, reply: &Reply, lines: Vec<Line>, witness: &Witness) {
        let outcome = match (&entry.command, reply) {
            (Command::Audit(AuditCommand::Refused { reason, .. }), _) => format!("refused: {reason}"),
            (Command::Session(crate::SessionCommand::Fail { .. }), Ok(_)) => {
                format!("refused: {}", Rejection::BadCredentials)
            }
            (Command::Session(crate::SessionCommand::StepUpFail { .. }), Ok(_)) => {
                format!("refused: {}", Rejection::StepUp { used: false })
            }
            (_, Ok(_)) => "applied".to_owned(),
            (_, Err(rejection)) => format!("refused: {rejection}"),
        };
        let request = entry.origin.as_ref().and_then(|origin| origin.request.as_ref());
        for line in lines {
            self.audit.append(AuditRecord {
                seq: 0,
                at: entry.issued_at,
                actor: entry.actor.to_string(),
                action: line.action,
                resource: line.resource,
                outcome: outcome.clone(),
                detail: line.detail,
                request_id: request.unwrap_or(&entry.request_id).clone(),
                source: witness.source.clone(),
                factors: witness.factors.clone(),
                before: witness.before.clone(),
                hash: Hex(Vec::new()),
            });
        }
    }
}

/// Drops the entries whose value does not pass.
pub(crate) fn retain<K: Ord + Clone, V: Clone>(map: &mut OrdMap<K, V>, keep: impl Fn(&V) -> bool) {
    let drop: Vec<K> = map.iter().filter(|(_, v)| !keep(v)).map(|(k, _)| k.clone()).collect();
    for key in drop {
        map.remove(&key);
    }
}
