//! Heads of rules: whom, what and which thing a rule can concern at all. Read out of Cedar's syntax tree once, so
//! that an index can answer without evaluating.

use cedar_policy::pst;
use std::collections::BTreeSet;
use wharden_model::{Action, ActionGroup, Principal, ResourceKind, decision::SERVICE_ACCOUNT_OWNER};

/// Kinds of principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PrincipalKind {
    User,
    ServiceAccount,
    Workload,
}

impl PrincipalKind {
    pub const ALL: [Self; 3] = [Self::User, Self::ServiceAccount, Self::Workload];

    pub fn of(principal: &Principal) -> Self {
        match principal {
            Principal::User { .. } => Self::User,
            Principal::ServiceAccount { .. } => Self::ServiceAccount,
            Principal::Workload { .. } => Self::Workload,
        }
    }

    /// The Cedar entity type.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::ServiceAccount => "ServiceAccount",
            Self::Workload => "Workload",
        }
    }

    pub fn named(type_name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_name() == type_name)
    }
}

/// Whom a rule can concern. Only users are in groups; a service account is in the user that it is as an owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PrincipalHead {
    Any,
    Kind(PrincipalKind),
    Named(PrincipalKind, String),
    Member(String),
    /// Nobody, e.g. `principal == Group::"x"`.
    Never,
}

/// Which thing on a host a rule can concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResourceHead {
    Any,
    Kind(ResourceKind),
    HostGroup(Option<ResourceKind>, String),
    Host(Option<ResourceKind>, String),
    Thing(ResourceKind, String),
    /// No thing on a host; it may still be something of Wharden.
    Never,
}

/// One entry of an action head that speaks of Docker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ActionKey {
    Any,
    Group(u8),
    One(u8),
}

impl ActionKey {
    pub fn group(group: ActionGroup) -> Self {
        Self::Group(group as u8)
    }

    pub fn one(action: Action) -> Self {
        Self::One(action as u8)
    }

    pub fn covers(self, action: Action) -> bool {
        match self {
            Self::Any => true,
            Self::Group(_) => self == Self::group(action.group()),
            Self::One(_) => self == Self::one(action),
        }
    }
}

impl PrincipalHead {
    /// True when it names this principal, or a group that it is in.
    pub fn covers<'a>(&self, kind: PrincipalKind, name: &str, groups: impl Fn() -> &'a [String]) -> bool {
        match self {
            Self::Any => true,
            Self::Kind(of) => *of == kind,
            Self::Named(of, id) => *of == kind && id == name,
            Self::Member(group) => kind == PrincipalKind::User && groups().iter().any(|g| g == group),
            Self::Never => false,
        }
    }
}

/// What a rule can concern.
#[derive(Clone, Debug)]
pub(crate) struct Heads {
    pub principal: PrincipalHead,
    /// Docker's actions; empty when there are none.
    pub actions: BTreeSet<ActionKey>,
    /// Some admin action is meant, or any action.
    pub wharden: bool,
    pub resource: ResourceHead,
}

impl Heads {
    pub fn of(rule: &pst::Template) -> Self {
        let (actions, wharden) = actions(&rule.action);
        Self { principal: principal(&rule.principal), actions, wharden, resource: resource(&rule.resource) }
    }

    /// True when it can concern somebody who does something to a thing on some host.
    pub fn concerns_hosts(&self) -> bool {
        !self.actions.is_empty() && self.principal != PrincipalHead::Never && self.resource != ResourceHead::Never
    }
}

fn principal(head: &pst::PrincipalConstraint) -> PrincipalHead {
    use pst::PrincipalConstraint as P;
    match head {
        P::Any => PrincipalHead::Any,
        P::Is(ty) => PrincipalKind::named(&ty.to_string()).map_or(PrincipalHead::Never, PrincipalHead::Kind),
        P::Eq(pst::EntityOrSlot::Entity(uid)) => named(uid),
        P::In(pst::EntityOrSlot::Entity(uid)) => named_or_member(uid),
        P::IsIn(ty, pst::EntityOrSlot::Entity(uid)) => {
            let kind = PrincipalKind::named(&ty.to_string());
            match (kind, named_or_member(uid)) {
                (Some(kind), PrincipalHead::Named(of, id)) if of == kind => PrincipalHead::Named(of, id),
                (Some(PrincipalKind::User), PrincipalHead::Member(group)) => PrincipalHead::Member(group),
                _ => PrincipalHead::Never,
            }
        }
        // Slots are refused before a rule gets here.
        P::Eq(_) | P::In(_) | P::IsIn(..) => PrincipalHead::Never,
    }
}

/// Of `principal == X`.
pub(crate) fn named(uid: &pst::EntityUID) -> PrincipalHead {
    PrincipalKind::named(&uid.ty.to_string())
        .map_or(PrincipalHead::Never, |kind| PrincipalHead::Named(kind, uid.eid.to_string()))
}

/// Of `principal in X`.
pub(crate) fn named_or_member(uid: &pst::EntityUID) -> PrincipalHead {
    let id = uid.eid.as_str();
    match (uid.ty.to_string().as_str(), service_account(id)) {
        ("User", Some(account)) => PrincipalHead::Named(PrincipalKind::ServiceAccount, account.to_owned()),
        _ => user_or_member(uid),
    }
}

/// Of `resource.owner in X`: owners are users, whoever they stand for.
pub(crate) fn user_or_member(uid: &pst::EntityUID) -> PrincipalHead {
    if uid.ty.to_string() == "Group" { PrincipalHead::Member(uid.eid.to_string()) } else { named(uid) }
}

/// The service account that an owner stands for.
pub(crate) fn service_account(owner: &str) -> Option<&str> {
    owner.strip_prefix(SERVICE_ACCOUNT_OWNER)
}

fn actions(head: &pst::ActionConstraint) -> (BTreeSet<ActionKey>, bool) {
    use pst::ActionConstraint as A;
    match head {
        A::Any => (BTreeSet::from([ActionKey::Any]), true),
        A::Eq(uid) => action(uid, false),
        A::In(uids) => uids.iter().map(|uid| action(uid, true)).fold(
            (BTreeSet::new(), false),
            |(mut all, any_wharden), (keys, wharden)| {
                all.extend(keys);
                (all, any_wharden || wharden)
            },
        ),
    }
}

/// `action == "read"` concerns nothing, because nobody asks for a group; `action in "read"` does.
pub(crate) fn action(uid: &pst::EntityUID, groups: bool) -> (BTreeSet<ActionKey>, bool) {
    let name = uid.eid.as_str();
    match uid.ty.to_string().as_str() {
        "Docker::Action" => {
            let one = name.parse().ok().map(ActionKey::one);
            let group = ActionGroup::NAMED.iter().find(|g| groups && g.name() == Some(name));
            (one.or(group.map(|g| ActionKey::group(*g))).into_iter().collect(), false)
        }
        "Wharden::Action" => (BTreeSet::new(), true),
        _ => (BTreeSet::new(), false),
    }
}

fn resource(head: &pst::ResourceConstraint) -> ResourceHead {
    use pst::ResourceConstraint as R;
    match head {
        R::Any => ResourceHead::Any,
        R::Is(ty) => kind(ty).map_or(ResourceHead::Never, ResourceHead::Kind),
        R::Eq(pst::EntityOrSlot::Entity(uid)) => {
            kind(&uid.ty).map_or(ResourceHead::Never, |kind| ResourceHead::Thing(kind, uid.eid.to_string()))
        }
        R::In(pst::EntityOrSlot::Entity(uid)) => place(None, uid),
        R::IsIn(ty, pst::EntityOrSlot::Entity(uid)) => {
            kind(ty).map_or(ResourceHead::Never, |kind| place(Some(kind), uid))
        }
        R::Eq(_) | R::In(_) | R::IsIn(..) => ResourceHead::Never,
    }
}

fn place(of: Option<ResourceKind>, uid: &pst::EntityUID) -> ResourceHead {
    let id = uid.eid.to_string();
    match (uid.ty.to_string().as_str(), kind(&uid.ty)) {
        ("HostGroup", _) => ResourceHead::HostGroup(of, id),
        ("Host", _) => ResourceHead::Host(of, id),
        (_, Some(kind)) if of.is_none_or(|of| of == kind) => ResourceHead::Thing(kind, id),
        _ => ResourceHead::Never,
    }
}

/// The kind of thing that an entity type is, for the types of the `Docker` namespace.
pub(crate) fn kind(ty: &pst::EntityType) -> Option<ResourceKind> {
    let name = ty.to_string();
    let name = name.strip_prefix("Docker::")?;
    ResourceKind::ALL.iter().copied().find(|kind| kind.name() == name)
}
