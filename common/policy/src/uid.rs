//! Names of Cedar entities: the types of the schema, made once, and the actions.

use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use std::sync::LazyLock;
use wharden_model::{Action, ActionGroup, AdminAction, Principal, ResourceKind, action::AdminGroup};

fn type_name(name: &str) -> EntityTypeName {
    #[expect(clippy::expect_used, reason = "constant names; a test makes them all")]
    name.parse().expect("a constant type name is valid")
}

/// The entity types that decisions speak of.
pub(crate) struct Types {
    pub user: EntityTypeName,
    pub service_account: EntityTypeName,
    pub workload: EntityTypeName,
    pub group: EntityTypeName,
    pub host: EntityTypeName,
    pub host_group: EntityTypeName,
    pub policy: EntityTypeName,
    pub cluster: EntityTypeName,
    resources: Vec<EntityTypeName>,
    actions: Vec<EntityUid>,
    action_groups: Vec<EntityUid>,
    admin_actions: Vec<EntityUid>,
    admin_groups: Vec<EntityUid>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let docker = type_name("Docker::Action");
    let wharden = type_name("Wharden::Action");
    let group_name = |group: &ActionGroup| group.name().unwrap_or("");
    Types {
        user: type_name("User"),
        service_account: type_name("ServiceAccount"),
        workload: type_name("Workload"),
        group: type_name("Group"),
        host: type_name("Host"),
        host_group: type_name("HostGroup"),
        policy: type_name("Wharden::Policy"),
        cluster: type_name("Wharden::Cluster"),
        resources: ResourceKind::ALL.iter().map(|kind| type_name(&format!("Docker::{}", kind.name()))).collect(),
        actions: Action::ALL.iter().map(|action| uid(&docker, action.name())).collect(),
        action_groups: ActionGroup::NAMED.iter().map(|group| uid(&docker, group_name(group))).collect(),
        admin_actions: AdminAction::ALL.iter().map(|action| uid(&wharden, action.name())).collect(),
        admin_groups: AdminGroup::ALL.iter().map(|group| uid(&wharden, group.name())).collect(),
    }
});

/// The types, made on first use.
pub(crate) fn types() -> &'static Types {
    &TYPES
}

/// An entity of a type.
pub(crate) fn uid(ty: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id))
}

impl Types {
    pub fn principal(&self, principal: &Principal) -> &EntityTypeName {
        match principal {
            Principal::User { .. } => &self.user,
            Principal::ServiceAccount { .. } => &self.service_account,
            Principal::Workload { .. } => &self.workload,
        }
    }

    pub fn resource(&self, kind: ResourceKind) -> &EntityTypeName {
        // `ALL` is in the order of the enum; a test holds that.
        &self.resources[kind as usize]
    }

    pub fn action(&self, action: Action) -> &EntityUid {
        &self.actions[action as usize]
    }

    pub fn action_group(&self, group: ActionGroup) -> Option<&EntityUid> {
        self.action_groups.get(group as usize)
    }

    pub fn admin_action(&self, action: AdminAction) -> &EntityUid {
        &self.admin_actions[action as usize]
    }

    pub fn admin_group(&self, group: AdminGroup) -> &EntityUid {
        &self.admin_groups[group as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_their_enums() {
        for action in Action::ALL {
            assert_eq!(types().action(*action).id().unescaped(), action.name());
            let group = types().action_group(action.group()).map(|uid| uid.id().unescaped().to_owned());
            assert_eq!(group.as_deref(), action.group().name());
        }
        for action in AdminAction::ALL {
            assert_eq!(types().admin_action(*action).id().unescaped(), action.name());
            assert_eq!(types().admin_group(action.group()).id().unescaped(), action.group().name());
        }
        for kind in ResourceKind::ALL {
            assert_eq!(types().resource(*kind).basename(), kind.name());
        }
    }
}
