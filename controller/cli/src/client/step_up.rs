//! Codes of the second factor for calls that ask for one: the given one first, then the person at the terminal.

use crate::{console::Person, error::CliError, limits::STEP_UP_ATTEMPTS, output::clean};
use wharden_model::api::{ErrorCode, Secret};
use wharden_pki::recovery;

/// A second factor for one call, of the right form: what has another one is never sent, since it would count as a guess.
#[derive(Clone, Debug)]
pub enum Factor {
    Totp(Secret),
    Recovery(Secret),
}

impl Factor {
    /// Reads six digits; spaces between them do not matter.
    pub fn totp(text: &str) -> Option<Self> {
        let code: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        (code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())).then(|| Self::Totp(Secret::new(code)))
    }

    /// Reads a recovery code.
    pub fn recovery(text: &str) -> Option<Self> {
        recovery::normalise(text).ok().map(Self::Recovery)
    }

    /// Reads either.
    pub fn read(text: &str) -> Option<Self> {
        Self::totp(text).or_else(|| Self::recovery(text))
    }
}

/// What is neither form.
pub const NO_CODE: &str = "that is neither six digits nor a recovery code (xxxxx-xxxxx)";

/// Where codes come from.
pub struct Codes {
    /// Given with the command; good for one call.
    pub given: Option<Factor>,
    /// Go ahead although it takes the caller's own rights.
    pub force: bool,
    /// Somebody to ask.
    pub person: Option<Person>,
    /// Which of many changes the next call is, for the question.
    pub subject: Option<String>,
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
        let subject = self.subject.as_ref().map(|subject| format!(" for {}", clean(subject))).unwrap_or_default();
        let mut why = match refusal {
            CliError::Refused { body } if body.code == ErrorCode::BadCode => {
                format!("{}; {}", clean(&body.message), clean(&body.hint))
            }
            other => clean(&other.to_string()),
        };
        for _ in 0..STEP_UP_ATTEMPTS {
            let text = person.ask(&format!("{why}. Code{subject} (or a recovery code): ")).map_err(CliError::Prompt)?;
            if text.is_empty() {
                return Ok(None);
            }
            match Factor::read(&text) {
                Some(factor) => return Ok(Some(factor)),
                None => NO_CODE.clone_into(&mut why),
            }
        }
        Ok(None)
    }
}

/// True when the controller wants a code, or another one.
pub fn is_asked_for(error: &CliError) -> bool {
    matches!(error, CliError::Refused { body } if matches!(body.code, ErrorCode::StepUpRequired | ErrorCode::BadCode))
}

/// The refusal of a call with this factor, in the words that are right for it.
pub fn about(mut error: CliError, factor: Option<&Factor>) -> CliError {
    if let CliError::Refused { body } = &mut error
        && body.code == ErrorCode::BadCode
        && let Some(Factor::Recovery(_)) = factor
    {
        "the recovery code is wrong, or was used already".clone_into(&mut body.message);
        "each is good once; `wharden user show NAME` tells how many are left".clone_into(&mut body.hint);
    }
    error
}

/// The refusal as it is told when no code can be had.
pub fn advised(mut error: CliError) -> CliError {
    if let CliError::Refused { body } = &mut error {
        match body.code {
            ErrorCode::StepUpRequired => {
                "give the code that your authenticator shows now: --totp CODE, or WHARDEN_TOTP. Each works for one change"
                    .clone_into(&mut body.hint);
            }
            ErrorCode::BadCode => body.hint.push_str(". Five wrong ones in a row end the session"),
            _ => {}
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_by_their_form() {
        for text in ["123456", " 123 456 "] {
            assert!(matches!(Factor::read(text), Some(Factor::Totp(code)) if code.reveal() == "123456"), "{text}");
        }
        for text in ["abcde-fghjk", "ABCDE FGHJK", "12345-67890"] {
            assert!(matches!(Factor::read(text), Some(Factor::Recovery(_))), "{text}");
        }
        for text in ["", "12345", "1234567", "abc", "１２３４５６", "abcde-fghj", "abcde-fghju"] {
            assert!(Factor::read(text).is_none(), "{text}");
        }
    }
}
