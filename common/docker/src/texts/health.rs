//! Tests of a container's health, which the engine runs by itself.

use crate::{doc::Doc, refusal::Refusal};

/// Refuses a command of no words, which ends the engine when it is run (`daemon/health.go` in moby looks for its first word), and one without
/// end when the container is to stop.
///
/// # Errors
/// 400.
pub fn check(field: &str, container: Doc<'_>) -> Result<(), Refusal> {
    let test: Vec<&str> = container.at("Healthcheck").texts("Test").collect();
    if test == ["CMD"] {
        return Err(Refusal::bad(format!(
            "field {field}Healthcheck.Test: CMD without a command: add one, or write NONE for no test"
        )));
    }
    Ok(())
}

/// Refuses to wait for ever for a container to stop: the engine would wait as long when it is to end itself.
///
/// # Errors
/// 400.
pub fn stop_timeout(container: Doc<'_>) -> Result<(), Refusal> {
    if container.number("StopTimeout") >= 0 {
        return Ok(());
    }
    Err(Refusal::bad("field StopTimeout: it is below 0, which is for ever: give the seconds (--stop-timeout 60)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_test_of_health_has_a_command() {
        let tried = |test: serde_json::Value| check("", Doc::new(Some(&json!({"Healthcheck": {"Test": test}}))));
        for whole in
            [json!([]), json!(["NONE"]), json!(["CMD", "true"]), json!(["CMD-SHELL", "true"]), json!(["CMD-SHELL"])]
        {
            assert_eq!(tried(whole.clone()), Ok(()), "{whole}");
        }
        assert!(tried(json!(["CMD"])).is_err_and(|refusal| refusal.message.contains("Healthcheck.Test")));
    }
}
