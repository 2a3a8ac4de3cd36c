//! Codes of the second factor for calls that ask for one: the given one first, then the person at the terminal.

use crate::{console::Person, error::CliError, output::clean};
use wharden_model::api::{ErrorCode, Secret};

/// A second factor for one call.
#[derive(Clone, Debug)]
pub enum Factor {
    Totp(Secret),
    Recovery(Secret),
}

/// Where codes come from.
pub struct Codes {
    /// Given with the command; good for one call.
    pub given: Option<Factor>,
    /// Go ahead although it takes the caller's own rights.
    pub force: bool,
    /// Somebody to ask.
    pub person: Option<Person>,
}

impl Codes {
    /// A code, after this refusal; `None` when there is none to be had.
    ///
    /// # Errors
    /// [`CliError::Prompt`].
    pub fn next(&mut self, refusal: &CliError) -> Result<Option<Factor>, CliError> {
        if let Some(given) = self.given.take() {
            return Ok(Some(given));
        }
        let Some(person) = &self.person else { return Ok(None) };
        let question = match refusal {
            CliError::Refused { body } if body.code == ErrorCode::BadCode => {
                format!("{}; {}. Code: ", clean(&body.message), clean(&body.hint))
            }
            other => format!("{}. Code: ", clean(&other.to_string())),
        };
        let code = person.ask(&question).map_err(CliError::Prompt)?;
        Ok((!code.is_empty()).then(|| Factor::Totp(Secret::new(code))))
    }
}

/// True when the controller wants a code, or another one.
pub fn is_asked_for(error: &CliError) -> bool {
    matches!(error, CliError::Refused { body } if matches!(body.code, ErrorCode::StepUpRequired | ErrorCode::BadCode))
}

/// The refusal as it is told when no code can be had.
pub fn advised(mut error: CliError) -> CliError {
    if let CliError::Refused { body } = &mut error
        && body.code == ErrorCode::StepUpRequired
    {
        "give the code that your authenticator shows now: --totp CODE, or WHARDEN_TOTP. Each works for one change"
            .clone_into(&mut body.hint);
    }
    error
}
