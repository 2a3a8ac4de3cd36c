//! `policy put`, `mode`, `rollback`, `remove`.

use super::validate::{at_file, warn};
use crate::{
    client::Call,
    context::Context,
    error::CliError,
    input::{name_of_file, read_policy},
};
use reqwest::Method;
use std::path::{Path, PathBuf};
use wharden_model::{
    AdminAction, Mode, PolicyName,
    api::{Policy, PolicyPut, RollbackTo},
};

/// `wharden policy put [NAME] FILE`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn put(
    name_and_file: &[PathBuf],
    mode: Option<Mode>,
    if_version: Option<u64>,
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    let (name, file) = split(name_and_file)?;
    let source = read_policy(file, context.console)?;
    let put = PolicyPut { text: source.text, mode, if_version };
    let call = Call::new(Method::PUT, &["policies", name.as_str()]).of(AdminAction::PolicyUpdate).body(&put)?;
    let policy: Policy = context.api()?.call(call).await.map_err(|error| at_file(error, &source.origin))?;
    warn(&policy.warnings, &source.origin, context);
    told(&policy, context)
}

fn split(words: &[PathBuf]) -> Result<(PolicyName, &Path), CliError> {
    match words {
        [name, file] => {
            let name = name.to_string_lossy();
            let name = PolicyName::new(name.as_ref())
                .map_err(|error| CliError::usage(error.to_string(), "the name comes before the file: `NAME FILE`"))?;
            Ok((name, file))
        }
        [file] => Ok((name_of_file(file, "NAME FILE")?, file)),
        _ => Err(CliError::usage("a policy is put from one file", "write `wharden policy put NAME FILE`")),
    }
}

/// `wharden policy mode NAME MODE`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn mode(name: &PolicyName, mode: Mode, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut api = context.api()?;
    let path = ["policies", name.as_str()];
    let present: Policy = api.call(Call::get(&path)).await?;
    let put = PolicyPut {
        text: present.text.unwrap_or_default(),
        mode: Some(mode),
        // Somebody else's text must not be undone by a change of the mode.
        if_version: Some(present.version),
    };
    let policy: Policy = api.call(Call::new(Method::PUT, &path).of(AdminAction::PolicyUpdate).body(&put)?).await?;
    told(&policy, context)
}

/// `wharden policy rollback NAME`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn rollback(
    name: &PolicyName,
    to: Option<u64>,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    let target = to.map_or_else(|| "the version before".to_owned(), |n| format!("version {n}"));
    context.confirm(yes, &format!("Roll policy {name} back to {target}?"))?;
    let call = Call::post(&["policies", name.as_str(), "rollback"])
        .of(AdminAction::PolicyUpdate)
        .body(&RollbackTo { version: to })?;
    let policy: Policy = context.api()?.call(call).await?;
    told(&policy, context)
}

/// `wharden policy remove NAME`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn remove(name: &PolicyName, yes: bool, context: &mut Context<'_>) -> Result<(), CliError> {
    context.confirm(yes, &format!("Remove policy {name}, with its permits and its forbids?"))?;
    context.api()?.act(Call::delete(&["policies", name.as_str()]).of(AdminAction::PolicyDelete)).await?;
    context.changed(&[("policy", name.as_str())], &format!("policy {name} is removed"))
}

/// Tells what a policy is now.
///
/// # Errors
/// [`CliError::Output`] when nobody takes it.
pub fn told(policy: &Policy, context: &mut Context<'_>) -> Result<(), CliError> {
    let Policy { name, version, mode, revision, rules, .. } = policy;
    context.made(
        policy,
        &format!("policy {name} is at version {version}, mode {mode}, {rules} rule(s), revision {revision}"),
    )
}
