//! `policy validate`, and the faults of a text with their places in its file.

use crate::{client::Call, context::Context, error::CliError, input::read_policy, output::clean};
use std::path::Path;
use wharden_model::api::{ErrorCode, ErrorDetail, PolicyText, Validation, ValidationIssue};

/// `wharden policy validate FILE`.
///
/// # Errors
/// [`CliError::Verdict`] when the text is not valid.
pub async fn run(file: &Path, context: &mut Context<'_>) -> Result<(), CliError> {
    let source = read_policy(file, context.console)?;
    let call = Call::post(&["policy", "validate"]).body(&PolicyText { text: source.text })?;
    let validation: Validation = context.api()?.call(call).await?;
    if validation.valid {
        warn(&validation.warnings, &source.origin, context);
        return context.made(&validation, &format!("{} is valid", source.origin));
    }
    if context.is_json() {
        context.answer(&validation, |_| String::new())?;
    }
    let faults = validation.issues.len();
    Err(CliError::Verdict {
        code: "invalid_policy",
        message: format!("{} is not valid: {faults} fault(s)", source.origin),
        hint: "correct it there and validate again".to_owned(),
        details: validation.issues.iter().map(|issue| detail(issue, &source.origin)).collect(),
    })
}

/// Tells what is no fault, and may be a slip.
pub fn warn(warnings: &[ValidationIssue], origin: &str, context: &mut Context<'_>) {
    for warning in warnings {
        let ErrorDetail { at, message } = detail(warning, origin);
        context.note(&format!("{at}: warning: {message}"));
    }
}

fn detail(issue: &ValidationIssue, origin: &str) -> ErrorDetail {
    let rule = if issue.rule.is_empty() { String::new() } else { format!("rule {}: ", issue.rule) };
    let help = if issue.help.is_empty() { String::new() } else { format!(" ({})", issue.help) };
    ErrorDetail {
        at: format!("{}:{}:{}", clean(origin), issue.line, issue.column),
        message: format!("{rule}{}{help}", issue.message),
    }
}

/// Puts the file's name before the places that the controller gave, which are `line:column`.
pub fn at_file(error: CliError, origin: &str) -> CliError {
    match error {
        CliError::Refused { mut body } if body.code == ErrorCode::InvalidPolicy => {
            for detail in &mut body.details {
                detail.at = format!("{origin}:{}", detail.at);
            }
            CliError::Refused { body }
        }
        other => other,
    }
}
