//! The deepest texts that the limits let through are validated on the stack of an ordinary thread.

use wharden_policy::{limits::NESTING_MAX, validate};

fn on_small_stack(name: &str, body: &str) {
    let text = format!("permit(principal, action, resource) when {{ {body} }};");
    let name = name.to_owned();
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            // Valid or not does not matter here; coming back does.
            if let Err(issues) = validate(&text) {
                for issue in issues {
                    assert!(!issue.message.contains("nest"), "{name}: {issue:?}");
                    assert!(!issue.message.contains("operators"), "{name}: {issue:?}");
                }
            }
        })
        .expect("spawned")
        .join()
        .expect("no overflow and no panic");
}

#[test]
fn the_deepest_permitted_texts_fit_the_stack() {
    let n = NESTING_MAX - 2;
    for (name, body) in [
        ("parentheses", format!("{}true{}", "(".repeat(n), ")".repeat(n))),
        ("negations", format!("{}true{}", "!(".repeat(n), ")".repeat(n))),
        ("and", format!("true{}", " && principal == principal".repeat(58))),
        ("or in and", format!("true{} && (true{})", " && true".repeat(57), " || resource == resource".repeat(57))),
        ("plus", format!("1{} == 1", " + 1".repeat(57))),
        ("if", format!("{}true", "if true then true else ".repeat(19))),
        ("sets", format!("{}1{} == [1]", "[".repeat(n), "]".repeat(n))),
        ("records", format!("{}1{} == 1", "{a: ".repeat(n), "}".repeat(n))),
        ("attributes", format!("principal{} == 1", ".name".repeat(57))),
        ("has", format!("principal has {}a", "a.".repeat(57))),
        ("methods", format!("[1]{}", ".contains(1)".repeat(28))),
        ("index", format!("context{}", "[\"a\"]".repeat(57))),
        ("mixed", format!("{}true{}", "true && (true || !(".repeat(n / 2), "))".repeat(n / 2))),
        ("not", "!!!!true".to_owned()),
        ("unclosed", "(".repeat(n)),
    ] {
        on_small_stack(name, &body);
    }
}
