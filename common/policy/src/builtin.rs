//! Rules that are always there, in every bundle and before any policy.

use crate::{
    document::Document,
    source::{Source, sources},
};
use std::sync::{Arc, LazyLock};

/// The document that they are in. No policy may have its name.
pub const NAME: &str = "builtin";

/// A client asks for ping and version before anything else; without them it could not even show a refusal.
const TEXT: &str = r#"
@id("ping")
@reason("clients ask for this before anything else")
permit (
  principal,
  action in [Docker::Action::"system.ping", Docker::Action::"system.version"],
  resource
);

@id("disabled-user")
@reason("this user is disabled: ask an admin")
@severity("high")
forbid (principal is User, action, resource)
when { principal.disabled };
"#;

static RULES: LazyLock<Vec<Arc<Source>>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant text; a test validates it")]
    let document = Document::read(TEXT).expect("the built-in rules are valid");
    #[expect(clippy::expect_used, reason = "a constant text; a test validates it")]
    sources(document).expect("the built-in rules are readable")
});

pub(crate) fn rules() -> &'static [Arc<Source>] {
    &RULES
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_built_in_rules_are_valid() {
        assert_eq!(super::rules().len(), 2);
        let rules = crate::validate(super::TEXT).expect("valid").rules;
        assert_eq!(rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["ping", "disabled-user"]);
    }
}
