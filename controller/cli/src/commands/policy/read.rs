//! `policy list`, `show`, `history`.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, ago, clean_text, moment, record, table},
};
use wharden_model::{
    PolicyName,
    api::{Policy, PolicyVersion},
};

/// `wharden policy list`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn list(context: &mut Context<'_>) -> Result<(), CliError> {
    let policies: Vec<Policy> = context.api()?.call(Call::get(&["policies"])).await?;
    context.list(&policies, "no policies yet: `wharden pack list` shows some to begin with", |look| {
        let rows = policies.iter().map(|policy| {
            vec![
                Cell::new(&policy.name),
                policy.mode.into(),
                Cell::new(policy.version),
                Cell::new(policy.rules),
                Cell::new(policy.revision),
                Cell::new(format!("{} by {}", ago(look.now, policy.updated_at), policy.updated_by)),
            ]
        });
        table(&["NAME", "MODE", "VERSION", "RULES", "REVISION", "CHANGED"], rows.collect(), look)
    })
}

/// `wharden policy show NAME`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn show(
    name: &PolicyName,
    version: Option<u64>,
    only_text: bool,
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    let mut api = context.api()?;
    if let Some(number) = version {
        let number = number.to_string();
        let version: PolicyVersion = api.call(Call::get(&["policies", name.as_str(), "versions", &number])).await?;
        let shown = shown(&version.text, context);
        return context.answer(&version, |look| {
            let fields = vec![
                ("Name", Cell::new(name)),
                ("Mode", version.mode.into()),
                ("Version", Cell::new(version.version)),
                ("Changed", Cell::new(format!("{} by {}", moment(look.now, version.updated_at), version.updated_by))),
            ];
            if only_text { shown } else { format!("{}\n{shown}", record(fields, look)) }
        });
    }
    let policy: Policy = api.call(Call::get(&["policies", name.as_str()])).await?;
    let shown = shown(policy.text.as_deref().unwrap_or_default(), context);
    context.answer(&policy, |look| {
        let fields = vec![
            ("Name", Cell::new(&policy.name)),
            ("Mode", policy.mode.into()),
            ("Version", Cell::new(policy.version)),
            ("Rules", Cell::new(policy.rules)),
            ("Revision", Cell::new(policy.revision)),
            ("Changed", Cell::new(format!("{} by {}", moment(look.now, policy.updated_at), policy.updated_by))),
        ];
        if only_text { shown } else { format!("{}\n{shown}", record(fields, look)) }
    })
}

/// A text as it is for files and pipes, cleaned for a terminal.
pub fn shown(text: &str, context: &Context<'_>) -> String {
    if context.console.columns.is_some() { clean_text(text) } else { text.to_owned() }
}

/// `wharden policy history NAME`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn history(name: &PolicyName, context: &mut Context<'_>) -> Result<(), CliError> {
    let call = Call::get(&["policies", name.as_str(), "versions"]);
    let versions: Vec<PolicyVersion> = context.api()?.call(call).await?;
    context.list(&versions, "no versions", |look| {
        let rows = versions.iter().map(|version| {
            vec![
                Cell::new(version.version),
                version.mode.into(),
                Cell::new(version.text.lines().count()),
                Cell::new(&version.updated_by),
                Cell::new(moment(look.now, version.updated_at)),
            ]
        });
        table(&["VERSION", "MODE", "LINES", "BY", "CHANGED"], rows.collect(), look)
    })
}
