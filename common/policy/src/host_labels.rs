//! Which labels of hosts rules look at: who sets those decides what the rules say.

use crate::{error::CompileError, source};
use cedar_policy::pst;
use std::collections::BTreeSet;
use wharden_model::BundlePolicy;

/// Labels of hosts that some rule looks at. A key that a rule reads of anything counts as one that it reads of hosts.
#[derive(Clone, Debug, Default)]
pub struct HostLabels {
    groups: BTreeSet<String>,
    keys: BTreeSet<String>,
    every: bool,
}

impl HostLabels {
    /// Of every rule of these documents.
    ///
    /// # Errors
    /// [`CompileError`] when a document is not valid.
    pub fn of(policies: &[BundlePolicy]) -> Result<Self, CompileError> {
        let mut all = Self::default();
        for policy in policies {
            for rule in source::read(policy)?.iter() {
                all.groups.extend(head(&rule.tree.resource));
                let named = rule.reads.named.iter().filter(|(ty, _)| ty == GROUP).map(|(_, id)| id.clone());
                all.groups.extend(named);
                all.keys.extend(rule.reads.labels.iter().cloned());
                all.every |= rule.reads.any_label;
            }
        }
        Ok(all)
    }

    /// True when a rule looks at this label.
    #[must_use]
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.every || self.keys.contains(key) || self.groups.contains(&format!("{key}={value}"))
    }
}

/// The entity type of a label of hosts.
const GROUP: &str = "HostGroup";

/// The label that a rule's head names.
fn head(resource: &pst::ResourceConstraint) -> Option<String> {
    use pst::{EntityOrSlot::Entity, ResourceConstraint as R};
    match resource {
        R::Eq(Entity(uid)) | R::In(Entity(uid)) | R::IsIn(_, Entity(uid)) if uid.ty.to_string() == GROUP => {
            Some(uid.eid.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::Mode;

    #[test]
    fn labels_are_found_wherever_a_rule_names_them() {
        let of = |text: &str| {
            let policy = BundlePolicy { name: "p".parse().expect("valid"), mode: Mode::Enforce, text: text.to_owned() };
            HostLabels::of(&[policy]).expect("valid")
        };
        for text in [
            r#"permit (principal, action, resource in HostGroup::"env=prod");"#,
            r#"permit (principal, action == Docker::Action::"container.start", resource is Docker::Container in HostGroup::"env=prod");"#,
            r#"forbid (principal, action == Wharden::Action::"host.label", resource is Host in HostGroup::"env=prod");"#,
            r#"forbid (principal, action, resource) unless { resource in [HostGroup::"env=prod", HostGroup::"a=b"] };"#,
            r#"forbid (principal, action == Docker::Action::"container.start", resource) when { if resource in HostGroup::"env=prod" then true else false };"#,
            r#"forbid (principal, action == Wharden::Action::"host.label", resource) when { resource.hasTag("env") && resource.getTag("env") == "prod" };"#,
        ] {
            let labels = of(text);
            assert!(labels.has("env", "prod"), "{text}");
            assert!(!labels.has("envy", "prod") && !labels.has("site", "a"), "{text}");
        }
        let named = of(r#"permit (principal, action, resource in HostGroup::"env=prod");"#);
        assert!(!named.has("env", "test"));
        let computed = r#"forbid (principal, action == Docker::Action::"container.start", resource) when { resource.hasTag(resource.name) };"#;
        assert!(of(computed).has("whatever", "it is"));
        let baseline = crate::packs().iter().find(|pack| pack.name == "baseline").expect("the pack");
        let labels = of(baseline.text);
        assert!(labels.has("buildkit", "allowed") && labels.has("commits", "allowed") && !labels.has("env", "prod"));
    }
}
