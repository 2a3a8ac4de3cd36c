//! `service-account`: accounts without a person.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, ago, moment, table},
    span::{Span, within},
};
use clap::Subcommand;
use wharden_model::{
    AdminAction, UserName,
    api::{CreatedServiceAccount, NewServiceAccount, RotateServiceAccount, ServiceAccount},
};

const HELP: &str = "\
For CI and other programs: a key that ends, and no second factor. It can look at what policies
permit to ServiceAccount::\"NAME\", and can change nothing, whatever they say. Give the key to
`wharden` as WHARDEN_TOKEN.

It may do nothing until a policy permits it, for example, as the policy ci:

  permit (
    principal == ServiceAccount::\"ci\",
    action in [Wharden::Action::\"policy.read\", Wharden::Action::\"policy.test\"],
    resource
  );

Examples:
  wharden service-account create ci --ttl 90d --for \"policy tests\" -q --totp 123456 > key
  WHARDEN_TOKEN=$(cat key) wharden policy validate web.cedar";

/// Commands of `service-account`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum ServiceAccounts {
    /// List service accounts
    #[command(visible_alias = "ls")]
    List,
    /// Create a service account and print its key, this once
    Create {
        name: UserName,
        /// How long its key is good, 1h to 366d
        #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = within("1h", "366d"))]
        ttl: Span,
        /// What it is for
        #[arg(long = "for", value_name = "TEXT", default_value = "")]
        purpose: String,
    },
    /// Print another key, this once; the one of before is void
    Rotate {
        name: UserName,
        /// How long the new key is good, 1h to 366d
        #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = within("1h", "366d"))]
        ttl: Span,
    },
    /// Delete a service account
    #[command(visible_alias = "rm")]
    Delete {
        name: UserName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// `wharden service-account …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: ServiceAccounts, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        ServiceAccounts::List => {
            let accounts: Vec<ServiceAccount> = context.api()?.call(Call::get(&["service-accounts"])).await?;
            context.list(&accounts, "no service accounts", |look| rows(&accounts, look))
        }
        ServiceAccounts::Create { name, ttl, purpose } => {
            let new = NewServiceAccount { name, purpose, ttl_s: ttl.0 };
            let call = Call::post(&["service-accounts"]).of(AdminAction::ServiceAccountCreate).body(&new)?;
            let made = context.api()?.call(call).await?;
            show(&made, context)?;
            context
                .note("it may do nothing until a policy permits it: `wharden service-account --help` has an example");
            Ok(())
        }
        ServiceAccounts::Rotate { name, ttl } => {
            let path = ["service-accounts", name.as_str(), "rotate"];
            let call =
                Call::post(&path).of(AdminAction::ServiceAccountRotate).body(&RotateServiceAccount { ttl_s: ttl.0 })?;
            let made = context.api()?.call(call).await?;
            show(&made, context)
        }
        ServiceAccounts::Delete { name, yes } => {
            context.confirm(yes, &format!("Delete service account {name}? Its key is void at once."))?;
            let call = Call::delete(&["service-accounts", name.as_str()]).of(AdminAction::ServiceAccountDelete);
            context.api()?.act(call).await?;
            context.changed(&[("service_account", name.as_str())], &format!("service account {name} is deleted"))
        }
    }
}

fn show(made: &CreatedServiceAccount, context: &mut Context<'_>) -> Result<(), CliError> {
    context.answer(made, |_| made.key.reveal().to_owned())?;
    let until = moment(context.console.now(), made.info.expires_at);
    context.note(&format!("{}: shown this once, ends {until}", made.info.name));
    Ok(())
}

fn rows(accounts: &[ServiceAccount], look: &Look) -> String {
    let rows = accounts.iter().map(|account| {
        vec![
            Cell::new(&account.name),
            Cell::or_dash(&account.purpose),
            Cell::new(format!("{} by {}", ago(look.now, account.created_at), account.created_by)),
            Cell::new(ago(look.now, account.rotated_at)),
            Cell::new(ago(look.now, account.expires_at)),
        ]
    });
    table(&["NAME", "FOR", "CREATED", "KEY MADE", "ENDS"], rows.collect(), look)
}
