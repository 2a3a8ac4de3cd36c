//! What the engine does by itself with a container that runs: it tests its health, and waits for it to stop.

use crate::{
    doc::Doc,
    limits::{HEALTH_MAX, STOP_TIMEOUT_MAX},
    refusal::Refusal,
};

/// Refuses a command of no words, which ends the engine when it is run: `daemon/health.go` in moby looks for its first word.
///
/// # Errors
/// 400.
pub fn check<'t>(field: &str, test: impl Iterator<Item = &'t str>) -> Result<(), Refusal> {
    let test: Vec<&str> = test.collect();
    let long = test.iter().map(|word| word.len()).sum::<usize>() > HEALTH_MAX;
    if long {
        return Err(Refusal::bad(format!(
            "field {field}Healthcheck.Test: it is longer than {HEALTH_MAX} bytes, of which the engine tells each time: put it into a file"
        )));
    }
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
    let seconds = container.number("StopTimeout");
    if (0..=STOP_TIMEOUT_MAX).contains(&seconds) {
        return Ok(());
    }
    Err(Refusal::bad(format!(
        "field StopTimeout: {seconds} is not between 0 and {STOP_TIMEOUT_MAX} seconds; below 0 is for ever (--stop-timeout 60)"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_test_of_health_has_a_command() {
        let tried = |test: serde_json::Value| check("", Doc::new(Some(&json!({"Test": test}))).texts("Test"));
        for whole in
            [json!([]), json!(["NONE"]), json!(["CMD", "true"]), json!(["CMD-SHELL", "true"]), json!(["CMD-SHELL"])]
        {
            assert_eq!(tried(whole.clone()), Ok(()), "{whole}");
        }
        assert!(tried(json!(["CMD", "x".repeat(HEALTH_MAX + 1)])).is_err());
        assert!(tried(json!(["CMD"])).is_err_and(|refusal| refusal.message.contains("Healthcheck.Test")));
    }
}
