//! Many changes of one command, each a request of its own: what is done stays done when another one fails, and both
//! are said.

use crate::{
    client::{Api, Call},
    context::Context,
    error::CliError,
};
use serde::Serialize;
use serde_json::{Map, Value};
use wharden_model::api::{ErrorCode, ErrorDetail};

/// What the changes are of, and how they are told.
pub struct Each<'a> {
    /// Names of what is changed, one each.
    pub names: Vec<&'a str>,
    /// What is told of each that is done, after its name.
    pub done: &'a str,
    /// What the list of those that are done is called in JSON.
    pub field: &'static str,
    /// What else JSON says.
    pub about: Map<String, Value>,
}

#[derive(Serialize)]
struct Answer<'a> {
    done: &'a str,
    #[serde(flatten)]
    data: Map<String, Value>,
}

impl Each<'_> {
    /// Makes one call after another. One that is refused for what it is about does not keep the others back.
    ///
    /// # Errors
    /// The error itself when there is one name; else [`CliError::Partly`].
    pub async fn run<'c>(
        self,
        api: &mut Api,
        context: &mut Context<'_>,
        call: impl Fn(&str) -> Call<'c>,
    ) -> Result<(), CliError> {
        let (mut done, mut details, mut cause) = (Vec::new(), Vec::new(), None);
        let mut names = self.names.iter();
        for name in names.by_ref() {
            if self.names.len() > 1 {
                api.set_subject((*name).to_owned());
            }
            match api.act(call(name)).await {
                Ok(()) => {
                    done.push(*name);
                    if !context.is_json() {
                        context.done(&format!("{name} {}", self.done))?;
                    }
                }
                Err(error) => {
                    details.push(ErrorDetail { at: (*name).to_owned(), message: error.to_string() });
                    let stops = !is_about_its_name(&error);
                    cause.get_or_insert(error);
                    if stops {
                        break;
                    }
                }
            }
        }
        details.extend(names.map(|name| ErrorDetail { at: (*name).to_owned(), message: "not tried".to_owned() }));
        if context.is_json() && !done.is_empty() {
            let mut data = self.about;
            data.insert(self.field.to_owned(), Value::from(done.clone()));
            let text = format!("{} {}", done.join(", "), self.done);
            context.answer(&Answer { done: &text, data }, |_| String::new())?;
        }
        match cause {
            None => Ok(()),
            Some(error) if self.names.len() == 1 => Err(error),
            Some(cause) => Err(CliError::Partly { cause: Box::new(cause), done: done.join(", "), details }),
        }
    }
}

fn is_about_its_name(error: &CliError) -> bool {
    let CliError::Refused { body } = error else { return false };
    matches!(body.code, ErrorCode::NotFound | ErrorCode::Invalid | ErrorCode::Conflict)
}
