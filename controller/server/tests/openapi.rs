//! The OpenAPI document in `docs/` is the one that is served.

use std::path::Path;

#[test]
fn the_document_in_the_docs_is_the_served_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let stored: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("docs/openapi.json")).expect("JSON");
    let served = serde_json::to_value(wharden_controller::rest::openapi()).expect("JSON");
    assert!(stored == served, "docs/openapi.json is stale: `wharden-controller openapi > docs/openapi.json` renews it");
}

#[test]
fn every_operation_says_what_it_needs_and_how_it_fails() {
    let served = serde_json::to_value(wharden_controller::rest::openapi()).expect("JSON");
    let open = ["/v1/enrolment", "/v1/enrolment/complete", "/v1/login", "/v1/session/refresh"];
    let paths = served["paths"].as_object().expect("paths");
    assert!(paths.len() > 30, "{} paths", paths.len());
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let guarded = operation.get("security").is_some();
            let health = operation["tags"][0] == "health";
            assert_eq!(guarded, !health && !open.contains(&path.as_str()), "{method} {path}");
            assert_eq!(operation["responses"].get("401").is_some(), !health, "{method} {path}");
        }
    }
}
