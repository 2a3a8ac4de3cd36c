//! Texts that validation takes for a deception, however they are written: it looks at what an escape stands for.

use super::shape::{Shape, Value};
use cedar_policy::{Template, confusable_string_checker};
use std::collections::BTreeMap;

/// What is known of the values that were looked at: many events have the same ones.
#[derive(Debug, Default)]
pub(super) struct Scripts(BTreeMap<String, bool>);

impl Scripts {
    /// True when rules may hold every value of the shape.
    pub fn are_plain(&mut self, shape: &Shape) -> bool {
        shape.0.values().all(|value| {
            let (Value::Is(text) | Value::Holds { text, .. }) = value;
            // Without an escape it is ASCII, in which there is nothing to confuse.
            !text.contains("\\u{") || *self.0.entry(text.clone()).or_insert_with(|| is_plain(text))
        })
    }
}

fn is_plain(expression: &str) -> bool {
    // A template, since the checker takes nothing else.
    let text = format!("permit (principal == ?principal, action, resource) when {{ {expression} }};");
    Template::parse(None, text)
        .is_ok_and(|template| confusable_string_checker([&template].into_iter()).next().is_none())
}

#[cfg(test)]
mod tests {
    use super::{super::shape::quoted, *};

    #[test]
    fn what_validation_refuses_is_not_plain_and_the_rest_is() {
        for text in ["", "a\u{e9}b", "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}", "\u{7f}", "a\u{0}", "\\u{43f}"]
            .map(str::to_owned)
        {
            let rule = |text: &str| {
                format!(
                    "permit(principal, action == Docker::Action::\"container.create\", resource) when {{ context.name == {} }};",
                    quoted(text)
                )
            };
            assert!(crate::validate(&rule(&text)).is_ok() && is_plain(&quoted(&text)), "{text:?}");
            for bad in ["\u{43f} x", "x\u{61c}", "x\u{202e}", "ngin\u{445}"] {
                let text = format!("{text}{bad}");
                assert!(crate::validate(&rule(&text)).is_err() && !is_plain(&quoted(&text)), "{text:?}");
            }
        }
        assert!(is_plain("resource has owner && resource.owner == User::\"\\u{e4}\""));
        assert!(!is_plain("resource.image like \"ngin\\u{445}:*\" || resource.image == \"\""));
    }
}
