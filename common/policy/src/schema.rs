//! The Cedar schema, made from the tables of the model: entity types, actions and their groups, and for each action
//! the type of its context. Nothing in it is written down twice, so that policies, facts and docs cannot disagree.
//!
//! Every attribute that is not marked `?` is always there when a decision is made. That is what lets strict
//! validation promise that a rule does not fail on a missing attribute.

use cedar_policy::{Schema, Validator};
use std::{collections::BTreeSet, fmt::Write, sync::LazyLock};
use wharden_model::{
    Action, ActionGroup, AdminAction, FactType, ResourceKind,
    action::{AdminGroup, AdminKind},
    facts,
};

static TEXT: LazyLock<String> = LazyLock::new(generate);

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| validator_of(&TEXT));

static HEADS: LazyLock<Validator> = LazyLock::new(|| validator_of(&heads_text()));

fn validator_of(text: &str) -> Validator {
    #[expect(clippy::expect_used, reason = "a text that depends on nothing; a test parses it")]
    let (schema, _) = Schema::from_cedarschema_str(text).expect("the generated schema is valid");
    Validator::new(schema)
}

/// The schema as Cedar text, for people and for editors.
pub fn schema_text() -> &'static str {
    &TEXT
}

/// The validator over the schema.
pub(crate) fn validator() -> &'static Validator {
    &VALIDATOR
}

/// The validator for rules about any action that look neither at the action nor at its context: one action stands for
/// all that the same principals do to the same kind of thing. What it says of such a rule is what [`validator`] says, with
/// a tenth of the work.
pub(crate) fn validator_without_actions() -> &'static Validator {
    &HEADS
}

/// Kinds of principals, each with each Docker action.
const DOCKER_PRINCIPALS: usize = 3;

/// Kinds of request that [`validator`] checks a rule against, of some Docker actions and some admin actions.
pub(crate) fn requests<'a>(
    docker: impl IntoIterator<Item = &'a Action>,
    admin: impl IntoIterator<Item = &'a AdminAction>,
) -> usize {
    let admin = admin.into_iter().map(|action| if action.is_for_service_accounts() { 2 } else { 1 });
    docker.into_iter().count() * DOCKER_PRINCIPALS + admin.sum::<usize>()
}

/// Those of [`validator_without_actions`].
pub(crate) fn requests_without_actions() -> usize {
    docker_kinds().len() * DOCKER_PRINCIPALS
        + admin_kinds().iter().map(|(services, _)| if *services { 2 } else { 1 }).sum::<usize>()
}

/// Kinds of things that some action is about.
fn docker_kinds() -> BTreeSet<&'static str> {
    Action::ALL.iter().map(|action| action.resource().name()).collect()
}

/// The same for admin actions, for service accounts too or not.
fn admin_kinds() -> BTreeSet<(bool, &'static str)> {
    AdminAction::ALL.iter().map(|a| (a.is_for_service_accounts(), admin_type(a.resource()))).collect()
}

/// Attributes that every kind of thing on a host has, so that one rule can speak of several kinds.
const RESOURCE_SHAPE: &str = "{ name: String, image: String, owner?: User } tags String";

fn generate() -> String {
    let mut out = String::new();
    shared_types(&mut out);
    docker(&mut out);
    wharden(&mut out);
    out
}

fn shared_types(out: &mut String) {
    out.push_str(
        "// A set of users, made by admins.\n\
         entity Group;\n\
         // One label of a host, e.g. HostGroup::\"env=prod\".\n\
         entity HostGroup;\n\
         // An enrolled host. Its labels are its tags too.\n\
         entity Host in [HostGroup] tags String;\n\
         // A person. One that the directory does not know is in no group and not disabled.\n\
         entity User in [Group] { name: String, disabled: Bool };\n\
         // An account without a person. What it makes is User::\"service-account:NAME\"'s: principal in resource.owner.\n\
         entity ServiceAccount in [User] { name: String };\n\
         // A container that calls the Docker API. Its labels are its tags.\n\
         entity Workload { name: String, image: String } tags String;\n",
    );
}

/// The schema of [`validator_without_actions`].
fn heads_text() -> String {
    let mut out = String::new();
    shared_types(&mut out);
    docker_types(&mut out);
    for kind in docker_kinds() {
        let _ = writeln!(
            out,
            "  action \"{kind}\" appliesTo {{ principal: [User, ServiceAccount, Workload], resource: [{kind}] }};"
        );
    }
    out.push_str("}\n");
    wharden_types(&mut out);
    for (number, (services, kind)) in admin_kinds().into_iter().enumerate() {
        let principals = if services { "User, ServiceAccount" } else { "User" };
        let _ = writeln!(out, "  action \"{number}\" appliesTo {{ principal: [{principals}], resource: [{kind}] }};");
    }
    out.push_str("}\n");
    out
}

fn docker_types(out: &mut String) {
    out.push_str("\nnamespace Docker {\n");
    for kind in ResourceKind::ALL {
        let _ = writeln!(out, "  entity {} in [Host] {RESOURCE_SHAPE};", kind.name());
    }
}

fn docker(out: &mut String) {
    docker_types(out);
    for group in ActionGroup::NAMED.iter().filter_map(|group| group.name()) {
        let _ = writeln!(out, "\n  action \"{group}\";");
    }
    for action in Action::ALL {
        let group = action.group().name().map(|group| format!(" in [\"{group}\"]")).unwrap_or_default();
        let _ = write!(
            out,
            "\n  action \"{action}\"{group} appliesTo {{\n    principal: [User, ServiceAccount, Workload],\n    \
             resource: [{}],\n    context: {{\n",
            action.resource().name()
        );
        for spec in facts::specs(*action) {
            let _ = writeln!(out, "      // {}\n      {}: {},", spec.doc, spec.name, cedar_type(spec.ty));
        }
        out.push_str("    }\n  };\n");
    }
    out.push_str("}\n");
}

fn wharden_types(out: &mut String) {
    out.push_str("\nnamespace Wharden {\n  entity Policy { name: String };\n  entity Cluster;\n");
}

fn wharden(out: &mut String) {
    wharden_types(out);
    for group in AdminGroup::ALL {
        let _ = writeln!(out, "\n  action \"{}\";", group.name());
    }
    for action in AdminAction::ALL {
        let _ = write!(
            out,
            "\n  action \"{action}\" in [\"{}\"] appliesTo {{\n    principal: [{}],\n    resource: [{}],\n    \
             context: {{\n      // seconds since the session last proved its second factor\n      \
             mfa_age_seconds: Long,\n    }}\n  }};\n",
            action.group().name(),
            if action.is_for_service_accounts() { "User, ServiceAccount" } else { "User" },
            admin_type(action.resource())
        );
    }
    out.push_str("}\n");
}

fn admin_type(kind: AdminKind) -> &'static str {
    kind.entity_type()
}

fn cedar_type(ty: FactType) -> &'static str {
    match ty {
        FactType::Bool => "Bool",
        FactType::Long => "Long",
        FactType::String => "String",
        FactType::Set => "Set<String>",
        FactType::LongSet => "Set<Long>",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_schema_is_valid_and_says_nothing_odd() {
        let (schema, warnings) = Schema::from_cedarschema_str(schema_text()).expect("valid");
        assert_eq!(warnings.map(|w| w.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
        let groups = ActionGroup::NAMED.len() + AdminGroup::ALL.len();
        assert_eq!(schema.actions().count(), Action::ALL.len() + AdminAction::ALL.len() + groups);
    }

    #[test]
    fn the_schema_without_actions_is_valid_and_has_every_pair_of_principal_and_thing() {
        let pairs = |schema: &Schema| -> BTreeSet<(String, String)> {
            schema.request_envs().map(|env| (env.principal().to_string(), env.resource().to_string())).collect()
        };
        let whole = Schema::from_cedarschema_str(schema_text()).expect("valid").0;
        let thin = Schema::from_cedarschema_str(&heads_text()).expect("valid").0;
        assert_eq!(pairs(&whole), pairs(&thin));
        assert_eq!(whole.request_envs().count(), requests(Action::ALL, AdminAction::ALL));
        assert_eq!(thin.request_envs().count(), requests_without_actions());
    }

    /// Frozen: a change here is a change of what policies can say. What the facts mean is told in comments, which may
    /// be worded better at any time.
    #[test]
    fn the_schema_is_the_golden_one() {
        let lines = schema_text().lines().filter(|line| !line.trim_start().starts_with("//"));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    }
}
