//! `docs/docker-actions.md` is made from the tables: which route is which action, and what a policy can look at.

use std::fmt::Write as _;
use std::path::Path;
use wharden_docker::{BodyKind, ENDPOINTS, ResponseKind};
use wharden_model::{
    Action,
    facts::{self, FactSpec},
};

const PATH: &str = "../../docs/docker-actions.md";
const HEAD: &str = "# Docker actions\n\n\
Made from the code; `WHARDEN_UPDATE_DOCS=1 cargo test -p wharden-docker route_doc` writes it anew.\n\n\
Every route of the Engine API is one action. A policy names the action, or its group, and looks at the resource and at \
the facts in `context`. What matches no route is the action `unknown`, which no starter pack permits.\n\n\
## Routes\n\n\
| method | path | action | group | resource | body | answer | API from |\n|---|---|---|---|---|---|---|---|\n";

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn fact_rows(out: &mut String, specs: &[FactSpec]) {
    out.push_str("\n| fact | type | from | CIS | meaning |\n|---|---|---|---|---|\n");
    for spec in specs {
        let row =
            format!("| `{}` | {:?} | `{}` | {} | {} |", spec.name, spec.ty, spec.source, spec.cis, cell(spec.doc));
        let _ = writeln!(out, "{row}");
    }
}

fn document() -> String {
    let mut out = HEAD.to_owned();
    for route in ENDPOINTS {
        let body = match route.body {
            BodyKind::None => "",
            BodyKind::Json => "JSON",
            BodyKind::Stream => "stream",
        };
        let answer = match route.response {
            ResponseKind::Plain => "",
            ResponseKind::Stream => "stream",
            ResponseKind::Hijack => "tunnel",
        };
        let (action, api) = (route.action, route.min_api);
        let _ = writeln!(
            out,
            "| {} | `{}` | `{action}` | {} | {} | {body} | {answer} | {}.{} |",
            route.method.replace('*', "any"),
            cell(route.pattern),
            action.group().name().unwrap_or("none"),
            action.resource().name(),
            api.major,
            api.minor,
        );
    }
    out.push_str("\n## Facts of every action\n");
    fact_rows(&mut out, facts::COMMON);
    for action in Action::ALL {
        let specs = facts::of(*action);
        if !specs.is_empty() {
            let _ = write!(out, "\n## Facts of `{action}`\n");
            fact_rows(&mut out, specs);
            if !facts::made_of(*action).is_empty() {
                out.push_str("\nBesides these, all facts of `container.create`, read from what the engine keeps of the container.\n");
            }
        }
    }
    out
}

#[test]
fn the_table_in_the_docs_is_the_one_in_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
    let made = document();
    if std::env::var_os("WHARDEN_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == made, "docs/docker-actions.md is stale; its first lines say how to renew it");
}

#[test]
fn every_action_but_unknown_has_a_route() {
    for action in Action::ALL {
        let has = ENDPOINTS.iter().any(|route| route.action == *action);
        assert_eq!(has, *action != Action::Unknown, "{action}");
    }
}
