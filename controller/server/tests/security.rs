//! `docs/security.md` and `docs/operations.md` say what the code does.

use std::path::Path;
use wharden_controller::{alerts::table, rest};

#[test]
fn the_tables_in_the_docs_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/security.md");
    let stored = std::fs::read_to_string(&path).expect("docs/security.md");
    let table = rest::needs_table();
    assert!(!table.contains('?'), "an operation is missing in rest/needs.rs:\n{table}");
    assert!(stored.contains(&table), "docs/security.md is stale; its table of operations should be:\n\n{table}");
}

#[test]
fn the_table_of_alerts_in_the_docs_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let stored = std::fs::read_to_string(&path).expect("docs/operations.md");
    let table = table::markdown();
    assert!(stored.contains(&table), "docs/operations.md is stale; its table of alerts should be:\n\n{table}");
}
