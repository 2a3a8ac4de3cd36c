//! `policy can`: whether somebody may do something in Wharden itself.

use super::test::{Expect, drafts, verdict};
use crate::{
    client::Call,
    commands::advice,
    context::Context,
    error::CliError,
    output::{Cell, record},
};
use clap::Args;
use wharden_model::{
    AdminAction, UserName,
    api::{AdminTestRequest, AdminTestResult},
};

const HELP: &str = "\
`wharden policy actions` lists the actions and what they are done to: a user, a group, a host, a
policy, or the cluster, which is not named. Drafts decide in place of stored policies of the same
name. The exit code is 0 whatever is decided, unless --expect says what it should be.

Examples:
  wharden policy can --user ann host.posture web1
  wharden policy can --user bob token.create --expect deny
  wharden policy can --service-account ci policy.read baseline
  wharden policy can --user ann user.update bob --draft ./admin-roles.cedar";

/// Flags of `policy can`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Can {
    /// The user who would do it
    #[arg(long, required_unless_present = "service_account", conflicts_with = "service_account")]
    user: Option<UserName>,
    /// The service account that would do it
    #[arg(long, value_name = "NAME")]
    service_account: Option<UserName>,
    /// Decide with this text too, [NAME=]FILE; may be given many times
    #[arg(long = "draft", value_name = "[NAME=]FILE")]
    drafts: Vec<String>,
    /// Fail unless this is decided
    #[arg(long)]
    expect: Option<Expect>,
    /// The action
    action: AdminAction,
    /// What it would be done to; none when that is the cluster
    on: Option<String>,
}

/// `wharden policy can …`.
///
/// # Errors
/// [`CliError::Verdict`] when the decision is not the expected one.
pub async fn run(args: Can, context: &mut Context<'_>) -> Result<(), CliError> {
    let drafts = drafts(&args.drafts, context)?;
    let Can { user, service_account, action, on, .. } = args;
    let test = AdminTestRequest { user, service_account, action, on, drafts };
    let result: AdminTestResult = context.api()?.call(Call::post(&["policy", "test-admin"]).body(&test)?).await?;
    context.answer(&result, |look| {
        let who = match (&test.user, &test.service_account) {
            (Some(user), _) => format!("user {user}"),
            (None, account) => format!("service account {}", account.as_ref().map_or("", AsRef::as_ref)),
        };
        let mut fields = vec![
            ("Decision", advice::effect(result.decision.effect)),
            ("Who", Cell::new(who)),
            ("Action", Cell::new(result.action)),
            ("On", Cell::new(&result.resource)),
            ("Takes", Cell::new(&result.step_up)),
        ];
        advice::reasons(&result.decision, &mut fields);
        record(fields, look)
    })?;
    verdict(args.expect, result.decision.effect)
}
