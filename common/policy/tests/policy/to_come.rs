//! What is refused before all of its facts are known.

use crate::kit::{HOST, World};
use wharden_model::{Action, Facts, Principal};
use wharden_policy::Query;

/// Facts that are not known yet.
const TO_COME: &[&str] = &["tags", "target"];

const BY_NAME: &str =
    r#"permit(principal, action == Docker::Action::"image.load", resource) when { context.target like "a/*" };"#;
const BY_GROUP: &str =
    r#"permit(principal, action in Docker::Action::"build", resource) when { principal in Group::"builders" };"#;
const BY_FACT: &str = r#"permit(principal, action == Docker::Action::"image.load", resource) when { context.quiet };"#;
const OTHERS: &str = r#"permit(principal, action in Docker::Action::"read", resource);"#;
const NEVER: &str = r#"@id("never") forbid(principal, action == Docker::Action::"image.load", resource);"#;
const UNLESS: &str = r#"@id("unless") forbid(principal, action == Docker::Action::"image.load", resource)
unless { principal in Group::"builders" };"#;
const NAMES: &str = r#"@id("names") forbid(principal, action == Docker::Action::"image.load", resource)
when { context.target like "a/*" };"#;
#[test]
fn only_what_no_fact_can_change_is_refused_early() {
    for (texts, ann, bob) in [
        (&[BY_NAME][..], false, false),
        (&[BY_GROUP], false, true),
        (&[BY_FACT], true, true),
        (&[OTHERS], true, true),
        (&[], true, true),
        (&[BY_NAME, NEVER], true, true),
        (&[BY_NAME, UNLESS], false, true),
        (&[BY_GROUP, NAMES], false, true),
        (&[BY_FACT, BY_NAME], false, false),
    ] {
        let world = World::new(&[("one", &texts.concat())], &[("ann", &["builders"]), ("bob", &[])], "");
        for (user, expected) in [("ann", ann), ("bob", bob)] {
            assert_eq!(is_foregone(&world, user), expected, "{user}: {texts:?}");
        }
    }
}

fn is_foregone(world: &World, user: &str) -> bool {
    let principal = Principal::User { name: user.into() };
    let (resource, facts) = (world.resource(Action::ImageLoad, ""), Facts::zero(Action::ImageLoad));
    let host = HOST.parse().expect("valid");
    let query =
        Query { principal: &principal, action: Action::ImageLoad, resource: &resource, host: &host, facts: &facts };
    world.compiled.denies_whatever(&query, TO_COME)
}
