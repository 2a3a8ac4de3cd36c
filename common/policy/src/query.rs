//! What is asked of a decision.

use wharden_model::{
    Action, AdminAction, ClusterId, Facts, GroupName, HostId, Labels, PolicyName, Principal, Resource, UserName,
};

/// One question about a host: may this principal do this to that thing there?
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// For what.
    pub action: Action,
    /// On which thing; its kind must be the one that the action acts on.
    pub resource: &'a Resource,
    /// The host that the thing is on.
    pub host: &'a HostId,
    /// Every fact of the action's table.
    pub facts: &'a Facts,
}

/// One question about Wharden itself: may this admin do this here?
#[derive(Clone, Copy, Debug)]
pub struct AdminQuery<'a> {
    /// Who asks.
    pub user: &'a UserName,
    /// For what.
    pub action: AdminAction,
    /// On which thing; its kind must be the one that the action acts on.
    pub resource: &'a AdminResource,
    /// Seconds since the session last proved its second factor.
    pub mfa_age_seconds: i64,
}

/// What an admin action acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminResource {
    /// A user.
    User(UserName),
    /// A group.
    Group(GroupName),
    /// A host with the labels that it has now.
    Host {
        /// Its id.
        id: HostId,
        /// Its labels; each is a host group.
        labels: Labels,
    },
    /// A policy document, existing or about to be made.
    Policy(PolicyName),
    /// Everything that is not about one thing.
    Cluster(ClusterId),
}
